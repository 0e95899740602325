"""One axis of a Newport ESP301: motor, counter, limits and homing.

Unverified against the manual: speeds and accelerations of the stage, that a limit switch and a following error
switch the motor off, and how well homing repeats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .stage import FINE_SEARCH, RESOLUTION, Stage, finite

_PER_MM = {2: 1.0, 3: 1e3, 4: 1 / 25.4, 5: 1e3 / 25.4, 6: 1e6 / 25.4}
"""Lengths among the units of SN, as so many per mm."""
_LENGTHS = ("VA", "VU", "AC", "AG", "AE", "AU", "SL", "SR", "FE", "OH", "JK", "VB", "JH", "JW", "OL")
_START = {"VA": 2.5, "VU": 5.0, "AC": 10.0, "AG": 10.0, "AE": 40.0, "AU": 40.0, "SL": 0.0, "FE": 0.1, "OH": 2.0}
_START |= {"JK": 100.0, "VB": 0.0, "JH": 2.0, "JW": 0.5, "OL": 0.5}
_POSITIVE = ("VA", "VU", "AC", "AG", "AE", "AU", "FE", "OH")
_FIXED = {
    "FR": "0.001",
    "QM": "3",
    "ZA": "123H",
    "ZB": "0H",
    "ZE": "3H",
    "ZF": "2H",
    "ZH": "24H",
    "ZS": "4H",
    "BA": "0",
}

WORDS = frozenset([*_LENGTHS, *_FIXED, *"TP DP TV DV MD MO MF PA PR MV MT OR DH SN SU ID ST WS WP".split()])
"""All commands of an axis."""
_GENERAL = {
    0: "NO ERROR DETECTED",
    4: "EMERGENCY STOP ACTIVATED",
    6: "COMMAND DOES NOT EXIST",
    7: "PARAMETER OUT OF RANGE",
    9: "AXIS NUMBER OUT OF RANGE",
    37: "AXIS NUMBER MISSING",
    38: "COMMAND PARAMETER MISSING",
}
_OF_AXIS = {
    1: "PARAMETER OUT OF RANGE",
    3: "FOLLOWING ERROR THRESHOLD EXCEEDED",
    4: "POSITIVE HARDWARE LIMIT DETECTED",
    5: "NEGATIVE HARDWARE LIMIT DETECTED",
    6: "POSITIVE SOFTWARE LIMIT DETECTED",
    7: "NEGATIVE SOFTWARE LIMIT DETECTED",
    8: "MOTOR / STAGE NOT CONNECTED",
    10: "MAXIMUM VELOCITY EXCEEDED",
    11: "MAXIMUM ACCELERATION EXCEEDED",
    13: "MOTOR NOT ENABLED",
    20: "HOMING ABORTED",
    30: "COMMAND NOT ALLOWED DURING HOMING",
}


class RefusedError(Exception):
    """A command that the controller does not carry out; `code` counts within the axis."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Axis:
    """One axis with its stage.

    Args:
        port: the World's port with `path(t0, mm0, t1, mm1)` and `position(t)`.
        rng: the axis's own random numbers.
        travel: of the stage, in mm.
        now: when the power comes on, s.
        report: takes the code of an error that nobody asked for, and its time.
    """

    def __init__(
        self, port: Any, rng: np.random.Generator, travel: float, now: float, report: Callable[[int, float], None]
    ) -> None:
        self.stage = Stage(port, rng, travel)
        self._report = report
        self.power_up(now)

    def power_up(self, now: float) -> None:
        """Forget everything: motor off, and the counter starts at 0 wherever the stage stands."""
        self.stage.drop(now)
        self.motor = False
        self._offset = self.stage.position(now)
        self._unit = 2
        self._settings = {**_START, "SR": self.stage.travel}
        self._home: tuple[float, float] | None = None
        """When the home switch will be found, and where, in mm."""

    def settle(self, now: float) -> None:
        """Let happen what was bound to happen by `now`: a stall, an end switch, the end of homing."""
        trip = self.stage.tripped(now)
        if trip is not None:
            self.motor, self._home = False, None
            self._report({"stall": 3, "positive limit": 4, "negative limit": 5}[trip.why], trip.at)
        if self._home is not None and now >= self._home[0]:
            self._offset = self.stage.found(self._home[1])
            self._home = None

    def cut(self, now: float) -> None:
        """Take the current off the motor at once."""
        self.settle(now)
        if self._home is not None:
            self._report(20, now)
        self.motor, self._home = False, None
        self.stage.drop(now)

    def brake(self, now: float, word: str = "AG") -> None:
        """Come to rest: with the deceleration, or that of an emergency stop ("AE")."""
        if self._home is not None:
            self._home = None
            self._report(20, now)
        self.stage.brake(now, self._settings[word])

    def moving(self, now: float) -> bool:
        """Whether a motion has not ended."""
        return self._home is not None or self.stage.moving(now)

    def counter(self, now: float) -> float:
        """Return the position that the controller counts, in mm."""
        return self.stage.counted(now, self._offset)

    def answer(self, word: str, now: float) -> str:
        """Return the answer to a question.

        Raises:
            KeyError: no such question.
        """
        per_mm = _PER_MM[self._unit]
        if word == "TP":
            return f"{self.counter(now) * per_mm:.5f}"
        if word in ("DP", "PA"):
            return f"{(self.stage.commanded(now) - self._offset) * per_mm:.5f}"
        if word in ("TV", "DV"):
            return f"{self.stage.velocity(now) * per_mm:.5f}"
        if word == "MD":
            return str(int(not self.moving(now)))
        if word in ("MO", "MF"):
            return str(int(self.motor))
        if word == "SN":
            return str(self._unit)
        if word == "SU":
            return f"{RESOLUTION * per_mm:g}"
        if word == "DH":
            return "0"
        if word in _LENGTHS:
            return f"{self._settings[word] * per_mm:g}"
        return _FIXED[word]

    def obey(self, word: str, argument: str, now: float) -> None:
        """Carry out a command.

        Raises:
            RefusedError: the controller notes an error instead.
            KeyError: no such command.
            ValueError: its argument is no number.
        """
        if self._home is not None and word in ("PA", "PR", "MV", "MT", "DH", "SN"):
            raise RefusedError(30)
        if word == "MO":
            self.motor = True
        elif word == "MF":
            self.cut(now)
        elif word in ("PA", "PR", "MV", "MT"):
            self._move(word, argument, now)
        elif word == "OR":
            self._search(int(argument or "0"), now)
        elif word == "DH":
            self._offset = self.stage.position(now) - finite(argument or "0") / _PER_MM[self._unit]
        elif word == "SN":
            if int(argument) not in _PER_MM:
                raise RefusedError(1)
            self._unit = int(argument)
        elif word in _LENGTHS:
            self._set(word, finite(argument) / _PER_MM[self._unit])
        elif word not in _FIXED:
            raise KeyError(word)

    def when(self, word: str, argument: str, now: float) -> float:
        """Return when the command queue goes on behind WS, WP or WT."""
        if word == "WS":
            end = self._home[0] if self._home is not None else self.stage.end
            return max(now, end) + (finite(argument) / 1000 if argument else 0.0)
        target = finite(argument) / _PER_MM[self._unit] + self._offset
        return self.stage.reaches(target, now)

    def _set(self, word: str, value: float) -> None:
        if word in _POSITIVE and value < 1e-6:
            raise RefusedError(1)
        if word == "VA" and value > self._settings["VU"]:
            raise RefusedError(10)
        if word in ("AC", "AG") and value > self._settings["AU"]:
            raise RefusedError(11)
        self._settings[word] = value

    def _move(self, word: str, argument: str, now: float) -> None:
        low, high = self._settings["SL"], self._settings["SR"]
        here = self.counter(now)
        if word in ("PA", "PR"):
            target = finite(argument) / _PER_MM[self._unit] + (here if word == "PR" else 0.0)
        elif argument not in ("+", "-"):
            raise RefusedError(1)
        else:
            far = (low, high) if word == "MV" else (-math.inf, math.inf)
            target = far[argument == "+"]
        if not self.motor:
            raise RefusedError(13)
        if word != "MT" and not low <= target <= high:
            raise RefusedError(6 if target > high else 7)
        self._go(target + self._offset, self._settings["VA"], now)

    def _search(self, mode: int, now: float) -> None:
        if not 0 <= mode <= 6:
            raise RefusedError(1)
        if not self.motor:
            raise RefusedError(13)
        switch = self._offset if mode == 0 else self.stage.travel if mode in (3, 5) else 0.0
        self._go(switch, self._settings["OH"], now)
        self._home = None if mode == 0 else (self.stage.end + FINE_SEARCH, switch)

    def _go(self, target: float, speed: float, now: float) -> None:
        self.stage.go(now, target, speed, self._settings["AC"], self._settings["FE"])


def message(code: int) -> str:
    """Return what TB? says of an error; those of an axis count from 100 times its number."""
    return _GENERAL[code] if code < 100 else _OF_AXIS[code % 100]
