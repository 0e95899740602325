"""The outputs of a Lake Shore temperature controller, and the cold finger that they heat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .lakeshore_inputs import LETTERS, Inputs, number
from .lakeshore_loop import CLOSED, OPEN, ZONE, Loop
from .stage import finite

_COLD = 0.0
"""A set point that no cryostat reaches: it drifts to its base."""
_HIGHEST = 9999.0
"""K: as far as a set point goes."""
_SLOWEST = 0.1
"""K/min of a ramp; 0 is none."""
_ZONES = "+0.00000,+50.0000,+0020.0,+0000.0,+0.00,0,1,+0.10"
_ANSWERS: dict[str, Callable[[Loop, float], str]] = {
    "SETP": lambda loop, t: number(loop.setpoint(t)),
    "RAMP": lambda loop, t: f"{int(loop.ramping)},{number(loop.rate)}",
    "RAMPST": lambda loop, t: str(int(loop.moving(t))),
    "RANGE": lambda loop, t: str(loop.range),
    "PID": lambda loop, t: ",".join(f"{value:+07.1f}" for value in loop.pid),
    "OUTMODE": lambda loop, t: f"{loop.mode},{loop.sensor},{loop.powerup}",
    "MOUT": lambda loop, t: number(loop.manual),
    "HTRST": lambda loop, t: str(int(loop.broken)),
}


class Outputs:
    """All loops on one cold finger; the first that heats decides.

    Args:
        port: the World's port with `set(kelvin, t)`.
        inputs: what the loops regulate.
        start: set point when the power comes on, K.
        base: the temperature without heat, K.
        now: when that is, s.
    """

    def __init__(self, port: Any, inputs: Inputs, start: float, base: float, now: float) -> None:
        self._port = port
        self._inputs = inputs
        self._base = base
        sensors = (1, 2, 0, 0)[: len(inputs.letters)]
        self.loops = [Loop(sensor, start, now, ranges=3 if sensor else 1) for sensor in sensors]
        self.loops[0].suit(base)
        setup = "1,2,+1.000,2" if len(sensors) == 4 else "0,1,2,+1.000,2"
        self._kept = {
            (word, str(n)): text
            for n in range(1, len(sensors) + 1)
            for word, text in (("HTRSET", setup), ("ZONE", _ZONES))
        }

    def ask(self, word: str, arguments: list[str], now: float) -> str | None:
        """Answer a query (without its question mark); None if it is not about outputs.

        Raises:
            ValueError: no such output.
        """
        if word in ("HTRSET", "ZONE"):
            self._loop(arguments[0])
            return self._kept[word, arguments[0]]
        if word == "HTR":
            loop = self._loop(arguments[0])
            reading = self._inputs.kelvin(LETTERS[max(loop.sensor - 1, 0)], now)
            return f"{100 * loop.output(self._base, reading, now) if self._heats(loop) else 0.0:+06.1f}"
        return _ANSWERS[word](self._loop(arguments[0]), now) if word in _ANSWERS else None

    def obey(self, word: str, arguments: list[str], now: float) -> bool:
        """Carry out a setting; False if it is not about outputs.

        Raises:
            ValueError: no such output, not a number, or out of range.
            IndexError: something is missing.
        """
        if word in ("HTRSET", "ZONE"):
            self._loop(arguments[0])
            self._kept[word, arguments[0]] = ",".join(arguments[1:])
            return True
        if word not in ("SETP", "RAMP", "RANGE", "PID", "OUTMODE", "MOUT"):
            return False
        loop, rest = self._loop(arguments[0]), arguments[1:]
        if word == "SETP":
            loop.aim(_within(rest[0], -_HIGHEST, _HIGHEST), now)
        elif word == "RAMP":
            rate = _within(rest[1], 0.0, 100.0) if rest[1:] else loop.rate
            loop.pace(_choice(rest[0], 1) == 1, max(rate, _SLOWEST) if rate else 0.0, now)
        elif word == "RANGE":
            loop.range = 0 if loop.broken else _choice(rest[0], loop.ranges)
        elif word == "PID":
            p, i, d = (_within(part, 0.0, 1000.0) for part in rest)
            loop.pid = (p, i, d)
        elif word == "OUTMODE":
            loop.mode, loop.sensor = _choice(rest[0], 5), _choice(rest[1], len(self._inputs.letters))
            loop.powerup = _choice(rest[2], 1) if rest[2:] else 0
        else:
            loop.manual = _within(rest[0], 0.0, 100.0)
        self.replan(now)
        return True

    def replan(self, now: float) -> None:
        """Tell the cold finger where to go from now on."""
        loop = next((loop for loop in self.loops if self._heats(loop)), None)
        for t, kelvin in [(now, _COLD)] if loop is None else loop.plan(self._base, now):
            self._port.set(kelvin, t)

    def switch_off(self, now: float) -> None:
        """Put all ranges to off."""
        for loop in self.loops:
            loop.range = 0
        self.replan(now)

    def open_load(self, output: int, now: float) -> None:
        """Find the wires of a heater open, and switch its range off."""
        self.loops[output - 1].broken, self.loops[output - 1].range = True, 0
        self.replan(now)

    def _heats(self, loop: Loop) -> bool:
        """Whether a loop has what it takes to heat: a range, a whole heater, and a sensor if it regulates."""
        if loop.mode not in (CLOSED, ZONE, OPEN) or loop.range == 0 or loop.broken:
            return False
        return loop.mode == OPEN or (loop.sensor > 0 and LETTERS[loop.sensor - 1] not in self._inputs.open)

    def _loop(self, text: str) -> Loop:
        return self.loops[_choice(text, len(self.loops), lowest=1) - 1]


def _choice(text: str, highest: int, lowest: int = 0) -> int:
    value = int(text)
    if not lowest <= value <= highest:
        raise ValueError(text)
    return value


def _within(text: str, low: float, high: float) -> float:
    value = finite(text)
    if not low <= value <= high:
        raise ValueError(text)
    return value
