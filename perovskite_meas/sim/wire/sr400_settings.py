"""What can be set on an SR400, within which limits, and how it says so.

Source: SR400 manual, p.38 (numbers print like 1.2E-6), p.39 (presets keep one digit and print like 1E1), p.40
(dwell times, trigger level), p.41 and 42 (CM, CI, DL, GD, PM, PY), abridged list (PL, GW). Pages 38 to 40 as
public drivers quote them. Unverified against the manual: the limits of AS, AM, SD, TS, DY, GY, SV, and all
default values.
"""

from __future__ import annotations

from collections.abc import Sequence

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


_PRESET = (1.0, 9.999e11)
_DWELL = (2e-3, 60.0)
_PERIODS = (1.0, 2000.0)


class CommandError(Exception):
    """Sets bit 7 of the status byte."""


class CounterSettings:
    """Everything that `CL` puts back: (command, which i) -> number."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, int], float] = {}
        self.recall()

    def recall(self) -> None:
        """Take the default settings."""
        for word, (which, _, _, _, default) in SETTINGS.items():
            for index in which or (0,):
                self._values[word, index] = default
        self._values |= {("CI", 0): 1, ("CI", 1): 2, ("CI", 2): 0, ("CP", 1): 1e7, ("CP", 2): 1e7}
        self._values |= {("NP", 0): 1, ("DT", 0): 2e-3}

    def __contains__(self, word: str) -> bool:
        """Say whether `word` sets something."""
        return word in SETTINGS or word in _SPECIAL

    def __getitem__(self, key: tuple[str, int]) -> float:
        """Return the number behind a command and its i (0 where it has none)."""
        return self._values[key]

    def command(self, word: str, arguments: Sequence[str]) -> str | None:
        """Set what a command sets, or return what it asks for.

        Raises:
            CommandError: out of range, or not of this command.
            ValueError: an argument that is no number.
            IndexError: too few arguments.
        """
        left = list(arguments)
        which = SETTINGS[word][0] if word in SETTINGS else _SPECIAL[word]
        index = pick(left.pop(0), which) if which else 0
        if len(left) > 1:
            raise CommandError(word)
        if not left:
            return printed(self._values[word, index], always=word == "CP")
        self._values[word, index] = _checked(word, index, float(left[0]))
        return None


_SPECIAL: dict[str, tuple[int, ...]] = {"CI": (0, 1, 2), "CP": (1, 2), "NP": (), "DT": ()}
"""Commands with rules of their own -> which i may follow."""


def _checked(word: str, index: int, value: float) -> float:
    """Return the number that is set when this one is sent."""
    if word == "CI":
        if value not in INPUTS[index]:
            raise CommandError(word)
        return value
    if word in ("CP", "NP", "DT"):
        low, high = {"CP": _PRESET, "NP": _PERIODS, "DT": _DWELL}[word]
        if word == "DT" and value == 0:
            return 0.0
        if not low <= value <= high:
            raise CommandError(word)
        return float(int(value)) if word == "NP" else leading_digit(value)
    _, low, high, step, _ = SETTINGS[word]
    if not low <= value <= high:
        raise CommandError(word)
    return round(value / step) * step if step else value


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


def printed(value: float, *, always: bool = False) -> str:
    """Return a number as the counter prints it; `always` with an exponent.

    Examples:
        >>> printed(1.2e-6), printed(10, always=True), printed(-0.34)
        ('1.2E-6', '1E1', '-0.34')
    """
    digits, _, exponent = (f"{value:.0e}" if always else f"{value:g}").partition("e")
    return f"{digits}E{int(exponent)}" if exponent else digits
