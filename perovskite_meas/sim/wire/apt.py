"""Frames of Thorlabs' APT protocol, as a controller takes them in and sends them out.

Source: APT protocol, issue 15: six bytes of header; a data packet follows where bit 7 of the destination is set.
"""

from __future__ import annotations

from typing import NamedTuple

HOST, UNIT = 0x01, 0x50
_LONGEST = 300


class Packet(NamedTuple):
    """One message: number, its two parameters, its data (empty for one without)."""

    number: int
    first: int
    second: int
    data: bytes

    def word(self, place: int) -> int:
        """Return the unsigned 16-bit field that begins at byte `place` of the data."""
        return int.from_bytes(self.data[place : place + 2], "little")

    def signed_word(self, place: int) -> int:
        """Return the signed 16-bit field that begins at byte `place` of the data."""
        return int.from_bytes(self.data[place : place + 2], "little", signed=True)

    def double_word(self, place: int) -> int:
        """Return the unsigned 32-bit field that begins at byte `place` of the data."""
        return int.from_bytes(self.data[place : place + 4], "little")


def taken(line: bytearray) -> bytes | None:
    """Take one whole message off `line`; None if none is whole. Bytes that begin no message are thrown away."""
    while len(line) >= 6:
        long = bool(line[4] & 0x80)
        length = line[2] + 256 * line[3] if long else 0
        if line[4] & 0x7F != UNIT or line[5] != HOST or length > _LONGEST:
            del line[0]
            continue
        if len(line) < 6 + length:
            return None
        message = bytes(line[: 6 + length])
        del line[: 6 + length]
        return message
    return None


def unpacked(message: bytes) -> Packet:
    """Return the message behind the bytes that `taken` has found."""
    number = message[0] + 256 * message[1]
    if message[4] & 0x80:
        return Packet(number, 0, 0, message[6:])
    return Packet(number, message[2], message[3], b"")


def packed(number: int, data: bytes) -> bytes:
    """Return the bytes of a message with data to the computer."""
    return words(number, len(data)) + bytes([HOST | 0x80, UNIT]) + data


def short(number: int, first: int, second: int) -> bytes:
    """Return the bytes of a message without data to the computer."""
    return words(number) + bytes([first, second, HOST, UNIT])


def words(*values: int) -> bytes:
    r"""Return 16-bit fields; negative ones as two's complement.

    Examples:
        >>> words(1, -2)
        b'\x01\x00\xfe\xff'
    """
    return b"".join((value & 0xFFFF).to_bytes(2, "little") for value in values)


def double_words(*values: int) -> bytes:
    """Return 32-bit fields."""
    return b"".join((value & 0xFFFFFFFF).to_bytes(4, "little") for value in values)
