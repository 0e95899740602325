"""The server's end of HTTP/1.1: requests out of a stream of bytes, and replies into one.

Source: RFC 9112 (messages: header fields, Content-Length, chunked transfer, persistence of connections).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus

_END = b"\r\n\r\n"
_LARGEST = 65536
"""Bytes of a header or of a body that are taken in."""


class BadRequestError(ValueError):
    """A request that cannot be understood; what follows it on this connection is not looked at."""


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        method: such as GET.
        path: without what follows a question mark.
        fields: header fields, names in small letters.
        body: as sent, chunks joined.
        lasting: whether the connection stays open for another request.
    """

    method: str
    path: str
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    lasting: bool = True


def take(incoming: bytearray) -> Request | None:
    """Take one request off the bytes that came in; None if none is whole yet.

    Raises:
        BadRequestError: these bytes are no request.
    """
    while incoming.startswith(b"\r\n"):  # RFC 9112, 2.2: a server ignores an empty line before a request
        del incoming[:2]
    end = incoming.find(_END)
    if end < 0:
        if len(incoming) > _LARGEST:
            raise BadRequestError("the header has no end")
        return None
    method, path, version, fields = _header(bytes(incoming[:end]))
    start = end + len(_END)
    if "chunked" in fields.get("transfer-encoding", "").lower():
        found = _chunks(incoming, start)
    else:
        found = _counted(incoming, start, fields.get("content-length", "0"))
    if found is None:
        return None
    body, stop = found
    del incoming[:stop]
    wish = fields.get("connection", "").lower()
    lasting = "close" not in wish and (version == "1.1" or "keep-alive" in wish)
    return Request(method, path.partition("?")[0], fields, body, lasting)


def reply(status: int, body: bytes = b"", *, lasting: bool = True, chunked: bool = False) -> bytes:
    """Return a reply with a JSON body, in one piece with its length or in chunks of 7 bytes."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Server: Microsoft-HTTPAPI/2.0"]
    if body:
        lines.append("Content-Type: application/json; charset=utf-8")
    if chunked and body:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    else:
        lines.append(f"Content-Length: {len(body)}")
    if not lasting:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("ascii") + _END + body


def _header(raw: bytes) -> tuple[str, str, str, dict[str, str]]:
    first, *rest = raw.decode("latin-1").split("\r\n")
    found = re.fullmatch(r"([A-Z]+) (\S+) HTTP/(1\.[01])", first)
    if found is None:
        raise BadRequestError(f"no request line: {first[:80]!r}")
    fields = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError(f"no header field: {line[:80]!r}")
        fields[name.lower()] = value.strip()
    if found[3] == "1.1" and "host" not in fields:
        raise BadRequestError("no Host")
    return found[1], found[2], found[3], fields


def _counted(incoming: bytearray, start: int, length: str) -> tuple[bytes, int] | None:
    if re.fullmatch(r"[0-9]{1,6}", length) is None or int(length) > _LARGEST:
        raise BadRequestError(f"Content-Length {length[:20]!r}")
    stop = start + int(length)
    return (bytes(incoming[start:stop]), stop) if len(incoming) >= stop else None


def _chunks(incoming: bytearray, at: int) -> tuple[bytes, int] | None:
    body = bytearray()
    while (end := incoming.find(b"\r\n", at)) >= 0:
        size = bytes(incoming[at:end]).partition(b";")[0].strip()
        if re.fullmatch(rb"[0-9a-fA-F]{1,5}", size) is None:
            raise BadRequestError(f"no size of a chunk: {size[:20]!r}")
        length, at = int(size, 16), end + 2
        if length == 0:
            stop = incoming.find(b"\r\n", at)  # no trailer fields here
            return (bytes(body), stop + 2) if stop >= 0 else None
        if len(incoming) < at + length + 2:
            return None
        body += incoming[at : at + length]
        at += length + 2
    return None
