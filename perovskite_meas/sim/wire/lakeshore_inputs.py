"""The inputs of a Lake Shore temperature controller.

Unverified against the manual: that an open sensor reads 0 K with the bits 1 and 128 of its status.
"""

from __future__ import annotations

from typing import Any

from .stage import finite

LETTERS = "ABCD"
_NAMES = ("Sample", "Cold plate", "Input C", "Input D")
_WIRED = "AB"
"""The inputs that have a sensor: the sample's and the cold plate's."""
_OPEN_SENSOR = 1 + 128
_ZERO_CELSIUS = 273.15
_CERNOX = [3, 1, 4, 1, 1]
"""NTC RTD, autorange, range, current reversal, kelvin."""
_KEPT = {"FILTER": "0,08,02", "ALARM": "0,+0.00000,+0.00000,+0.00000,0,0,0", "ALARMST": "0,0", "INCRV": "21"}


def number(value: float) -> str:
    """Return a reading in six digits and a sign."""
    digits = 6 - len(str(int(abs(value))))
    return f"{value:+.{max(digits, 0)}f}"


class Inputs:
    """Readings, names and types.

    Args:
        port: the World's port with `kelvin(sensor, t)`.
        count: 2 or 4.
    """

    def __init__(self, port: Any, count: int) -> None:
        self._port = port
        self.letters = LETTERS[:count]
        self.open = {letter for letter in self.letters if letter not in _WIRED}
        self._names = dict(zip(self.letters, _NAMES, strict=False))
        self._types = {letter: list(_CERNOX) for letter in self.letters}
        self._limits = dict.fromkeys(self.letters, 0.0)
        self._kept: dict[tuple[str, str], str] = {}

    def kelvin(self, letter: str, now: float) -> float:
        """Return the reading in K; 0 without a sensor."""
        return 0.0 if letter in self.open else float(self._port.kelvin(letter, now))

    def too_hot(self, now: float) -> bool:
        """Whether a reading exceeds its limit."""
        return any(limit and self.kelvin(letter, now) > limit for letter, limit in self._limits.items())

    def ask(self, word: str, arguments: list[str], now: float) -> str | None:
        """Answer a query (without its question mark); None if it is not about inputs.

        Raises:
            ValueError: no such input.
        """
        first = arguments[0].upper()
        if word in ("KRDG", "CRDG", "SRDG"):
            letters = self.letters if first in ("", "0") else self._one(first)
            return ",".join(number(self._reading(word, letter, now)) for letter in letters)
        if word == "CRVHDR":
            return f"{'CX-1050-SD-HT':15},{'X12345':10},4,+325.000,1" if first != "0" else None
        if word not in ("RDGST", "INNAME", "INTYPE", "TLIMIT", *_KEPT):
            return None
        letter = self._one(first)
        if word == "RDGST":
            return f"{_OPEN_SENSOR if letter in self.open else 0:03d}"
        if word == "INNAME":
            return f"{self._names[letter]:15}"
        if word == "INTYPE":
            return ",".join(map(str, self._types[letter]))
        if word == "TLIMIT":
            return number(self._limits[letter])
        return self._kept.get((word, letter), _KEPT[word])

    def obey(self, word: str, arguments: list[str]) -> bool:
        """Carry out a setting; False if it is not about inputs.

        Raises:
            ValueError: no such input, or not a number.
        """
        if word not in ("INNAME", "INTYPE", "TLIMIT", *_KEPT):
            return False
        letter, rest = self._one(arguments[0].upper()), arguments[1:]
        if word == "INNAME":
            self._names[letter] = ",".join(rest).strip('"')[:15]
        elif word == "INTYPE":
            given = [int(part) for part in rest]
            self._types[letter] = [*given, *self._types[letter][len(given) :]]
        elif word == "TLIMIT":
            self._limits[letter] = max(finite(rest[0]), 0.0) if rest else 0.0
        else:
            self._kept[word, letter] = ",".join(rest)
        return True

    def _reading(self, word: str, letter: str, now: float) -> float:
        kelvin = self.kelvin(letter, now)
        if letter in self.open or word == "KRDG":
            return kelvin
        return kelvin - _ZERO_CELSIUS if word == "CRDG" else float(50.0 * (300.0 / max(kelvin, 0.1)) ** 1.1)

    def _one(self, text: str) -> str:
        if len(text) != 1 or text not in self.letters:
            raise ValueError(text)
        return text
