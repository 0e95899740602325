"""Thorlabs FW102C filter wheel with six places (FW212C with twelve).

Source: command list of the FW102C manual and public drivers: the prompt after `pos=` comes when the wheel stands,
which goes the shorter way round. Unverified against the manual: the time per place, that commands wait for its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .device import Laboratory, Wiring
from .faults import Faults
from .prompt import BAD_ARGUMENT, UNKNOWN, PromptDevice

PER_PLACE = (1.0, 0.5)
"""s from one place to the next, slow and fast."""
_FLAGS = ("trig", "speed", "sensors")


class WheelFaults(Faults):
    """Faults of the wheel."""

    def __init__(self) -> None:
        super().__init__()
        self.jammed = False
        self.slips = 0

    def jam(self) -> None:
        """Hold the wheel where it is; it says so: `pos?` keeps telling where it stands."""
        self.jammed = True

    def free(self) -> None:
        """Let it turn again."""
        self.jammed = False

    def slip(self, n: int = 1) -> None:
        """Have the next `n` turns end one place too early, and be told so by `pos?`."""
        self.slips += n


class FW102C(PromptDevice):
    """A filter wheel.

    Args:
        port: the World's port with `turn(position, t0, t1)` and `position(t)`.
        places: 6 or 12.
        identity: the reply to `*idn?`.
    """

    faults: WheelFaults

    def __init__(self, port: Any, *, places: int, identity: str) -> None:
        super().__init__(baud=115200, turnaround=0.002)
        self.faults = WheelFaults()
        self._port = port
        self._places = places
        self._identity = identity
        self._flags = {"trig": 0, "speed": 1, "sensors": 0}
        self._place: int | None = None
        self._until = 0.0

    def _free(self, now: float) -> float:
        return max(now, self._until)

    def _answer(self, text: str, now: float) -> str | None:
        name, assigned, value = text.partition("=")
        if text in ("*idn?", "id?"):
            return self._identity
        if text == "pos?":
            return str(self._stands(now))
        if text == "pcount?":
            return str(self._places)
        if text == "save":
            return None
        if text.endswith("?") and text[:-1] in self._flags:
            return str(self._flags[text[:-1]])
        if not assigned or name not in ("pos", "pcount", *_FLAGS):
            return UNKNOWN
        if not value.isdigit():
            return BAD_ARGUMENT
        return self._set(name, int(value), now)

    def _set(self, name: str, value: int, now: float) -> str | None:
        if name == "pos":
            if not 1 <= value <= self._places:
                return BAD_ARGUMENT
            self._turn(value, now)
        elif name == "pcount":
            if value not in (6, 12):
                return BAD_ARGUMENT
            self._places = value
        elif value > 1:
            return BAD_ARGUMENT
        else:
            self._flags[name] = value
        return None

    def _stands(self, now: float) -> int:
        return int(self._port.position(now)) if self._place is None else self._place

    def _turn(self, place: int, now: float) -> None:
        start, here = self._free(now), self._stands(now)
        apart = abs(place - here)
        if apart == 0 or self.faults.jammed:
            return
        steps = min(apart, self._places - apart)
        if self.faults.slips > 0:
            self.faults.slips -= 1
            back = -1 if (place - here) % self._places <= self._places // 2 else 1
            place = (place - 1 + back) % self._places + 1
            steps -= 1
        self._place, self._until = place, start + max(1, steps) * PER_PLACE[self._flags["speed"]]
        self._port.turn(place, start, self._until)


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> FW102C:
    """Wire up one wheel: `port`, and perhaps `places` and `identity`."""
    entry = entries[0]
    return FW102C(
        laboratory.port(entry["port"]),
        places=int(entry.get("places", 6)),
        identity=str(entry.get("identity", "THORLABS FW102C/FW212C Filter Wheel version 1.07")),
    )
