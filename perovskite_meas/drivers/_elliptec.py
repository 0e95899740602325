"""Frames of the Elliptec bus and what the devices say of themselves."""

from __future__ import annotations

import re

STATUS = {
    0x00: "ok",
    0x01: "communication timeout",
    0x02: "mechanical timeout",
    0x03: "command error or unsupported command",
    0x04: "value out of range",
    0x05: "module isolated",
    0x06: "module out of isolation",
    0x07: "initialisation error",
    0x08: "thermal error",
    0x09: "busy",
    0x0A: "sensor error",
    0x0B: "motor error",
    0x0C: "out of range",
    0x0D: "over-current",
}
"""Codes of a `GS` frame. Source: Thorlabs, ELLx communications protocol, issue 5, `GS`."""

ADVICE = {
    0x02: "free the mount, then home it",
    0x04: "ask for an angle within the travel of the mount",
    0x08: "let the motors cool for some minutes, and move less often",
    0x0B: "check the supply (5 V, 1 A), then search the motor frequencies again with the vendor's program",
    0x0D: "check the supply and that the mount turns freely",
}

FRAME = re.compile(rb"([0-9A-F])(IN|GS|PO|GV|GJ|HO|I1|I2|BS|BO)([0-9A-F]*)\r?\n?")
DIGITS = {"IN": 30, "GS": 2, "PO": 8, "GV": 2}
"""Digits that follow a head; the heads not named here carry nothing that this package reads."""


def signed(data: str) -> int:
    """Return a position of eight hexadecimal digits, two's complement, in pulses.

    Examples:
        >>> signed("00023000"), signed("FFFFFFFF")
        (143360, -1)
    """
    pulses = int(data, 16)
    return pulses - (1 << 32) if pulses >= 1 << 31 else pulses


def status_text(code: int) -> str:
    """Return the words for the code of a `GS` frame."""
    return STATUS.get(code, f"reserved code {code:02X}")
