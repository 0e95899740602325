"""A client of HTTP/1.1 over a VISA socket: the conversation with instruments that have a REST server.

Source: RFC 9112 (messages). Not here: TLS, authentication, redirection; instruments at a bench have none of them.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qcodes.instrument import InstrumentBaseKWArgs

from perovskite_meas.core.errors import CommunicationError, HardwareFault, UsageError

from ._instrument import WireInstrument
from ._visa import LINE_ERRORS, Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

HTTP_LINE = Line(settings={"read_termination": "\n"}, timeout=3.0)
_IDLE = 2.0
"""s after which a connection counts as closed by the server, which may do so at any time while nothing is asked."""
_MOST = 1 << 20
_FIELDS = 100


class HttpInstrument(WireInstrument):
    """An instrument with a REST server whose values are JSON.

    The connection is kept while the server keeps it, and made anew where it does not. A request that was lost with the
    connection is sent a second time, so subclasses may only use requests that do no harm when they are repeated.

    Args:
        name: name in the station.
        address: VISA resource name of the server's socket, such as TCPIP0::192.168.0.30::20020::SOCKET.
        base: first part of every path, such as "/v1".
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.

    Raises:
        UsageError: the address is not one of a TCP socket.
    """

    def __init__(
        self, name: str, address: str, base: str, visalib: str | None = None, **kwargs: Unpack[InstrumentBaseKWArgs]
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        found = re.fullmatch(r"TCPIP\d*::([^:]+)::(\d+)::SOCKET", address, re.IGNORECASE)
        if found is None:
            raise UsageError(
                f"{self._where}: this is reached through a TCP socket; write the address as "
                "TCPIP0::<host>::<port>::SOCKET in the station file"
            )
        self._host = f"{found[1]}:{found[2]}"
        self._base = f"/{base.strip('/')}" if base.strip("/") else ""
        self._whole_talk = threading.RLock()
        """Held where several requests belong together; the lock of the link changes with the connection."""
        self._spoke = float("-inf")
        self._lasting = True

    def _get(self, path: str) -> Any:
        """Return the value of a resource.

        Raises:
            CommunicationError: no reply.
            ReplyError: a reply that is not one of HTTP with JSON.
            HardwareFault: the server refuses.
        """
        return self._request("GET", path)

    def _put(self, path: str, value: float) -> None:
        """Set a resource; raises as `_get`."""
        self._request("PUT", path, json.dumps(value))

    def _post(self, path: str, timeout: float | None = None) -> None:
        """Have an action done; `timeout` in s; raises as `_get`."""
        self._request("POST", path, "", timeout)

    def _request(self, method: str, path: str, body: str | None = None, timeout: float | None = None) -> Any:
        lines = [f"{method} {self._base}/{path} HTTP/1.1", f"Host: {self._host}", "Accept: application/json"]
        if body is not None:
            lines += ["Content-Type: application/json"] if body else []
            lines.append(f"Content-Length: {len(body)}")
        message = "\r\n".join([*lines, "", body or ""])
        what = f"{method} {path}"
        with self._whole_talk:
            if not self._lasting or self.clock.now() - self._spoke > _IDLE:
                self._reconnect()
            try:
                status, raw = self._exchange(what, message, timeout)
            except CommunicationError as error:
                if not self._link.dead:
                    raise
                self.log.info("the connection was lost and is made anew: %s", error)
                self._reconnect()
                status, raw = self._exchange(what, message, timeout)
            self._spoke = self.clock.now()
        if not 200 <= status < 300:
            raise self._refused(what, status, raw)
        return self._decoded(what, raw) if raw or method == "GET" else None

    def _exchange(self, what: str, message: str, timeout: float | None) -> tuple[int, bytes]:
        """Return status and body of the reply to one request."""
        self._lasting = False  # what stays of a reply that fails half way must not be read as the next one's
        version, status, first = b"1", 100, self._ask(message, timeout)
        while 100 <= status < 200:
            found = re.fullmatch(rb"HTTP/1\.([01]) (\d{3})( .*)?\r?\n", first)
            if found is None:
                raise self._garbage(what, first, "the status line of HTTP/1.1")
            version, status = found[1], int(found[2])
            fields = self._fields(what)
            if 100 <= status < 200:
                first = self._more(what, timeout)
        wish = fields.get("connection", "").lower()
        self._lasting = "close" not in wish and (version == b"1" or "keep-alive" in wish)
        if status in (204, 304):
            return status, b""
        return status, self._body(what, fields)

    def _fields(self, what: str) -> dict[str, str]:
        fields: dict[str, str] = {}
        for _ in range(_FIELDS):
            line = self._more(what).strip()
            if not line:
                return fields
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise self._garbage(what, line, "a header field of HTTP")
            fields[name.strip().lower()] = value.strip()
        raise self._garbage(what, line, "an end of the header")

    def _body(self, what: str, fields: Mapping[str, str]) -> bytes:
        if "chunked" in fields.get("transfer-encoding", "").lower():
            return self._chunks(what)
        length = fields.get("content-length", "")
        if re.fullmatch(r"[0-9]{1,9}", length) is None or int(length) > _MOST:
            raise self._garbage(what, repr(dict(fields)).encode(), "a body with its length")
        return self._bytes(what, int(length))

    def _chunks(self, what: str) -> bytes:
        body = b""
        while len(body) <= _MOST:
            line = self._more(what).partition(b";")[0].strip()
            if re.fullmatch(rb"[0-9a-fA-F]{1,6}", line) is None:
                raise self._garbage(what, line, "the size of a chunk")
            size = int(line, 16)
            if size == 0:
                self._fields(what)
                return body
            body += self._bytes(what, size + 2)[:size]
        raise self._garbage(what, body[:40], "a body of at most 1 MB")

    def _bytes(self, what: str, count: int) -> bytes:
        if count == 0:
            return b""
        try:
            return self._link.more(count=count)
        except LINE_ERRORS as error:
            raise self._silent(what, error) from error

    def _reconnect(self) -> None:
        """Make the connection anew; others that share the address find it there."""
        if self._lease is not None:
            self._link.close()
            self._lease.release()
        self._lease = self._open(HTTP_LINE)
        self._lasting, self._spoke = True, self.clock.now()

    def _decoded(self, what: str, raw: bytes) -> Any:
        try:
            return json.loads(raw)
        except ValueError as error:
            raise self._garbage(what, raw, "JSON") from error

    def _refused(self, what: str, status: int, raw: bytes) -> HardwareFault:
        told = raw[:200].decode("utf-8", "replace")
        reasons = {
            400: "the value is not accepted; see the range in its message",
            403: "not allowed in its present state, or remote control is switched off at the laser's own program",
            404: "this model does not have it, or `base` in the station file is that of another version",
        }
        advice = reasons.get(status, "see the laser's own program")
        return self._fault(f"{what} was refused with status {status}: {told or 'no text'}", advice)
