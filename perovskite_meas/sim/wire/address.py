"""VISA addresses: one canonical form for every way to write the same place."""

from __future__ import annotations

import re
from functools import lru_cache

from pyvisa import rname

_PARTS = re.compile(r"([A-Za-z]+(?:-[A-Za-z]+)?)(.*)", re.DOTALL)


@lru_cache(maxsize=1024)
def parsed(address: str) -> rname.ResourceName:
    """Parse an address in any capitals.

    Raises:
        pyvisa.rname.InvalidResourceName: not an address (a ValueError).
    """
    head, *tail = address.strip().split("::")
    split = _PARTS.fullmatch(head)
    if split:
        head = split[1].upper() + split[2]
    if tail and tail[-1].upper() in ("INSTR", "SOCKET", "RAW", "INTFC"):
        tail[-1] = tail[-1].upper()
    return rname.ResourceName.from_string("::".join([head, *tail]))


@lru_cache(maxsize=1024)
def canonical(address: str) -> str:
    """Return the address as VISA writes it.

    Examples:
        >>> canonical("asrl3"), canonical("GPIB::23")
        ('ASRL3::INSTR', 'GPIB0::23::INSTR')
    """
    return str(parsed(address))


@lru_cache(maxsize=1024)
def place(address: str) -> str:
    """Return what two addresses have in common if and only if they mean the same instrument.

    Capitals do not count, and the numbers of a USB address may be decimal or hexadecimal.

    Examples:
        >>> place("USB::4883::32888::p1") == place("USB0::0x1313::0x8078::P1::0::INSTR")
        True
    """
    parts = canonical(address).upper().split("::")
    if parts[0].startswith("USB"):
        parts[1:3] = [str(int(part, 0)) for part in parts[1:3]]
    return "::".join(parts)


def serial_number(address: str) -> str | None:
    """Return the serial number that a USB address names; None for another bus.

    Examples:
        >>> serial_number("USB0::0x1313::0x8078::P0000002::INSTR")
        'P0000002'
    """
    return getattr(parsed(address), "serial_number", None)
