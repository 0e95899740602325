"""Headers of PicoQuant's unified tag files (.ptu): named entries of 48 bytes, some followed by data.

Source: PicoQuant tag file documentation (apx_tagtypes.html, apx_tagdictionary.html) and the demo Read_PTU.py.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...core.errors import UsageError
from .errors import TagFileError

MAGIC = b"PQTTTR\0\0"
VERSION = b"1.0.00\0\0"
_ENTRY = struct.Struct("<32siI8s")

EMPTY, BOOL, INT, BITS, COLOR = 0xFFFF0008, 0x00000008, 0x10000008, 0x11000008, 0x12000008
FLOAT, DATE = 0x20000008, 0x21000008
FLOATS, TEXT, WIDE_TEXT, BLOB = 0x2001FFFF, 0x4001FFFF, 0x4002FFFF, 0xFFFFFFFF
_LONGEST = 2**26
"""Bytes of data of one entry: more means that the header is damaged."""


@dataclass(frozen=True)
class Date:
    """Days since 30 December 1899, as an entry holds a date."""

    days: float

    @classmethod
    def of(cls, moment: datetime) -> Date:
        """Convert a moment, in its own time zone."""
        return cls((moment.replace(tzinfo=None) - datetime(1899, 12, 30)) / timedelta(days=1))  # noqa: DTZ001


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the entries by name (`name[index]` where they have an index) and the bytes before the first record.

    Dates are text in ISO form, of the clock and time zone of the recording computer.

    Raises:
        TagFileError: if the header is cut or damaged.
    """
    with path.open("rb") as file:
        if file.read(8) != MAGIC:
            raise TagFileError(f"{path.name} does not start with {MAGIC!r}: it is no PTU file")
        file.read(8)
        found: dict[str, Any] = {}
        while True:
            entry = file.read(_ENTRY.size)
            if len(entry) < _ENTRY.size:
                last = f" after {list(found)[-1]!r}" if found else ""
                raise TagFileError(f"{path.name}: the header ends{last} without Header_End; the file was cut")
            raw, index, kind, content = _ENTRY.unpack(entry)
            name = raw.split(b"\0", 1)[0].decode("ascii", "replace")
            found[name if index < 0 else f"{name}[{index}]"] = _value(path, file, name, kind, content)
            if name == "Header_End":
                return found, file.tell()


def _value(path: Path, file: BinaryIO, name: str, kind: int, content: bytes) -> Any:
    number = int.from_bytes(content, "little", signed=True)
    if kind == EMPTY:
        return None
    if kind == BOOL:
        return number != 0
    if kind in (INT, BITS, COLOR):
        return number
    if kind == FLOAT:
        return struct.unpack("<d", content)[0]
    if kind == DATE:
        return _date_text(struct.unpack("<d", content)[0])
    if kind not in (FLOATS, TEXT, WIDE_TEXT, BLOB):
        raise TagFileError(f"{path.name}: header entry {name!r} has the unknown type {kind:#010x}; the file is damaged")
    if not 0 <= number <= _LONGEST:
        raise TagFileError(f"{path.name}: header entry {name!r} claims {number} bytes of data; the file is damaged")
    # Before any memory is taken.
    if file.tell() + number > os.fstat(file.fileno()).st_size:
        raise TagFileError(f"{path.name}: the header ends within {name!r}; the file was cut")
    data = file.read(number)
    if kind == FLOATS:
        return np.frombuffer(data[: number // 8 * 8], "<f8").tolist()
    if kind == TEXT:
        return data.split(b"\0", 1)[0].decode("utf-8" if _is_utf8(data) else "latin-1")
    if kind == WIDE_TEXT:
        return data.decode("utf-16-le", "replace").split("\0", 1)[0]
    return data


def _date_text(days: float) -> str:
    if not -600_000 < days < 2_900_000:
        return f"{days} days since 1899-12-30"
    return (datetime(1899, 12, 30) + timedelta(days=days)).isoformat()  # noqa: DTZ001


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def write_header(file: BinaryIO, entries: Sequence[tuple[str, Any]]) -> Mapping[str, int]:
    """Write a header; return where in the file the value of each plain entry stands, so that it can be put right.

    Raises:
        UsageError: if a name or a value cannot be written.
    """
    places: dict[str, int] = {}
    file.write(MAGIC + VERSION)
    for full_name, value in [*entries, ("Header_End", None)]:
        name, _, rest = full_name.partition("[")
        index = int(rest.rstrip("]")) if rest else -1
        raw = name.encode("ascii", "replace")
        if not name or len(raw) > 31 or raw.decode() != name:
            raise UsageError(f"{full_name!r} cannot name a header entry: use 1 to 31 ASCII characters")
        kind, content, data = _encoded(full_name, value)
        places[full_name] = file.tell() + _ENTRY.size - 8
        file.write(_ENTRY.pack(raw, index, kind, content) + data)
    return places


def content_of(value: float) -> bytes:
    """Encode a whole number or a float as the eight bytes of an entry."""
    return _encoded("", value)[1]


def _encoded(name: str, value: Any) -> tuple[int, bytes, bytes]:
    if value is None:
        return EMPTY, bytes(8), b""
    if isinstance(value, bool | np.bool_):
        return BOOL, struct.pack("<q", bool(value)), b""
    if isinstance(value, int | np.integer):
        if not -(2**63) <= value < 2**63:
            raise UsageError(f"header entry {name!r} is {value}; whole numbers have 64 bits")
        return INT, struct.pack("<q", int(value)), b""
    if isinstance(value, float | np.floating):
        return FLOAT, struct.pack("<d", float(value)), b""
    if isinstance(value, Date):
        return DATE, struct.pack("<d", value.days), b""
    if isinstance(value, str):
        data = value.encode("utf-8") + b"\0"
        data += bytes(-len(data) % 8)
        return TEXT, struct.pack("<q", len(data)), data
    raise UsageError(f"header entry {name!r} is a {type(value).__name__}; give a bool, a number or a text")
