"""What can be set on an SR400, within which limits.

Source: SR400 manual rev. 2.6, p.39, 41 and 42, for CM, CI, CP, DL, GD, PM, PY; PL and GW by its specification.
Unverified against the manual: the limits of AS, AM, SD, TS, TL, DY, GY, SV, and all default values.
"""

from __future__ import annotations

SETTINGS: dict[str, tuple[tuple[int, ...], float, float, float, float]] = {
    # command: (which i may follow, lowest, highest, step or 0, default)
    "CM": ((), 0, 2, 1, 0),
    "NE": ((), 0, 1, 1, 0),
    "AS": ((), 0, 3, 1, 0),
    "AM": ((), 0, 7, 1, 0),
    "SD": ((), 0, 1, 1, 0),
    "TS": ((), 0, 1, 1, 0),
    "TL": ((), -2, 2, 0.001, 0.1),
    "DS": ((0, 1, 2), 0, 1, 1, 1),
    "DM": ((0, 1, 2), 0, 1, 1, 0),
    "DL": ((0, 1, 2), -0.3, 0.3, 0.0002, -0.01),
    "DY": ((0, 1, 2), -0.02, 0.02, 0.0002, 0),
    "GM": ((0, 1), 0, 2, 1, 0),
    "GD": ((0, 1), 0, 0.9992, 0, 0),
    "GW": ((0, 1), 5e-9, 0.9992, 0, 5e-9),
    "GY": ((0, 1), 0, 0.09992, 0, 0),
    "PM": ((1, 2), 0, 1, 1, 0),
    "PY": ((1, 2), -0.5, 0.5, 0.005, 0),
    "PL": ((1, 2), -10, 10, 0.005, 0),
    "SV": ((), 0, 255, 1, 0),
}
INPUTS = {0: (0, 1), 1: (1, 2), 2: (0,)}
"""Inputs that counters A, B and T may take: 0 the 10 MHz time base, 1 and 2 the signal inputs."""


class CommandError(Exception):
    """Sets bit 7 of the status byte."""


def pick(text: str, allowed: tuple[int, ...]) -> int:
    """Return the integer that a command names, one of those allowed."""
    if int(text) not in allowed:
        raise CommandError(text)
    return int(text)


def leading_digit(value: float) -> float:
    """Keep the most significant digit alone, as presets do.

    Examples:
        >>> leading_digit(12)
        10.0
    """
    digits, exponent = f"{value:.9e}".split("e")
    return float(f"{digits[0]}e{exponent}")
