"""Thorlabs SC10 shutter controller with its blade.

Source: SC10 manual (commands, modes, `ens` toggles) and public drivers (echo, then reply, then the prompt
`> `). Unverified against the manual: the travel times, the identity text, the words of the errors, and that a tripped
interlock closes the blade.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..clock import SimClock
from .device import Laboratory, Wiring
from .faults import Faults
from .prompt import BAD_ARGUMENT, UNKNOWN, PromptDevice

OPENING, CLOSING = 0.008, 0.005
"""Seconds from the command until the blade is open, or closed."""
MANUAL, AUTO, SINGLE, REPEAT, EXTERNAL = 1, 2, 3, 4, 5
_LIMITS = {
    "mode": (1, 5),
    "rep": (1, 99),
    "trig": (0, 1),
    "xto": (0, 1),
    "open": (0, 999999),
    "shut": (0, 999999),
    "baud": (0, 1),
}
_AUTO_CYCLES = 1000
"""Cycles of mode 2 that are laid out in advance."""


class ShutterFaults(Faults):
    """Faults of a shutter."""

    def __init__(self, on_trip: Callable[[], None], on_loose: Callable[[], None]) -> None:
        super().__init__()
        self.stuck = False
        self.interlock = False
        self._on_trip, self._on_loose = on_trip, on_loose

    def stick(self) -> None:
        """Jam the blade where it is; `closed?` keeps telling the truth."""
        self.stuck = True

    def loosen(self) -> None:
        """Free the blade; its spring closes it unless the output is on."""
        self.stuck = False
        self._on_loose()

    def trip_interlock(self) -> None:
        """Open the interlock circuit: the controller lets the blade fall shut."""
        self.interlock = True
        self._on_trip()

    def reset_interlock(self) -> None:
        """Close the interlock circuit; the output stays off."""
        self.interlock = False


class SC10(PromptDevice):
    """A controller and its shutter.

    Args:
        gate: the World's port with `switch(open, t)` and `is_open(t)`.
        clock: when the interlock trips.
        identity: the reply to `id?`.
    """

    faults: ShutterFaults

    def __init__(self, gate: Any, clock: SimClock, *, identity: str) -> None:
        super().__init__(baud=9600, turnaround=0.002)
        self.faults = ShutterFaults(self._trip, self._loose)
        self._clock = clock
        self._gate = gate
        self._identity = identity
        self._settings = {"mode": 1, "rep": 1, "trig": 0, "xto": 0, "open": 200, "shut": 200, "baud": 0}
        self._enabled = False
        self._until = float("inf")

    def enabled(self, now: float) -> bool:
        """Whether the output is on at time `now`; an exposure that has run out switches it off."""
        if now >= self._until:
            self._enabled, self._until = False, float("inf")
        return self._enabled

    def _answer(self, text: str, now: float) -> str | None:
        enabled = self.enabled(now)
        name, assigned, value = text.partition("=")
        if text == "ens":
            self._toggle(enabled, now)
            return None
        if text == "ens?":
            return str(int(enabled))
        if text == "closed?":
            return str(int(not self._gate.is_open(now)))
        if text == "interlock?":
            return str(int(self.faults.interlock))
        if text in ("id?", "*idn?"):
            return self._identity
        if text in ("save", "savp", "resp", "default"):
            return None
        if text == "?":
            return "id? ens ens? mode rep trig xto open shut closed? interlock? baud save savp resp"
        if text.endswith("?") and text[:-1] in self._settings:
            return str(self._settings[text[:-1]])
        if assigned and name in _LIMITS:
            return self._set(name, value)
        return UNKNOWN

    def _set(self, name: str, value: str) -> str | None:
        low, high = _LIMITS[name]
        if not value.isdigit() or not low <= int(value) <= high:
            return BAD_ARGUMENT
        self._settings[name] = int(value)
        if name == "baud":
            self.baud = 115200 if int(value) else 9600
        return None

    def _toggle(self, enabled: bool, now: float) -> None:
        """`ens`: switch the output on or off and let the blade follow as the mode says."""
        if self.faults.interlock:
            return
        self._enabled, self._until = not enabled, float("inf")
        if enabled:
            self._switch(False, now)
            return
        mode = self._settings["mode"]
        if mode == MANUAL:
            self._switch(True, now)
        elif mode != EXTERNAL:
            cycles = {SINGLE: 1, REPEAT: self._settings["rep"], AUTO: _AUTO_CYCLES}[mode]
            self._expose(cycles, now)

    def _trip(self) -> None:
        self._enabled, self._until = False, float("inf")
        self._switch(False, self._clock.now())

    def _loose(self) -> None:
        now = self._clock.now()
        if not self.enabled(now):
            self._switch(False, now)

    def _expose(self, cycles: int, now: float) -> None:
        opened, shut = self._settings["open"] / 1000, self._settings["shut"] / 1000
        for _ in range(cycles):
            self._switch(True, now)
            self._switch(False, now + opened)
            now += opened + shut
        self._until = now - shut

    def _switch(self, opened: bool, t: float) -> None:
        if not self.faults.stuck:
            self._gate.switch(opened, t + (OPENING if opened else CLOSING))


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> SC10:
    """Wire up one shutter: `port`, and perhaps `identity`."""
    entry = entries[0]
    identity = entry.get("identity", "THORLABS SC10 VERSION 1.07")
    return SC10(laboratory.port(entry["port"]), laboratory.clock, identity=identity)
