"""Coherent Chameleon on a serial line.

Source: public drivers of these lasers: echo and prompt that can be switched off, an empty line as acknowledgement, a
wavelength out of range is silently replaced by the nearest possible one, HEARTBEAT. Unverified against the manual: the
words of the errors, how a list of faults is written, where the prompt stands, that ?VW follows while it tunes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .titanium import Dump, Titanium, TitaniumFaults

_PROMPT = "CHAMELEON> "
_UNKNOWN, _RANGE = "COMMAND NOT EXECUTED", "RANGE ERROR"
_START = 20.0
"""s from LASER=1 until it emits."""
_READY, _TUNING = 0, 1
_OFF, _MODE_LOCKED, _CONTINUOUS = 0, 1, 2
_INTERLOCK = 2
_LONG = {"SHUTTER": "S", "LASER": "L", "WAVELENGTH": "VW", "FAULTS": "F", "UF POWER": "UF"}


class Chameleon(WireDevice):
    """A laser.

    Args:
        head: what shines.
        clock: the laboratory's.
        repeats: whether it puts the query before its answer even without echo, as some do.
    """

    faults: TitaniumFaults
    stop_bytes = b"\n"

    def __init__(self, head: Titanium, clock: SimClock, *, repeats: bool) -> None:
        super().__init__(baud=19200, turnaround=0.01)
        self.faults = TitaniumFaults(head, clock)
        self.head = head
        self._repeats = repeats
        self._echo = self._prompt = True
        self._switched_on = head.emits(clock.now())
        self._rate = 60.0
        self._heartbeat = False

    def _command(self, command: bytes, now: float) -> None:
        text = command.decode("ascii", "replace").strip()
        echo, prompt = self._echo, self._prompt
        answer = self._answer(text.upper(), now)
        before = f"{text} " if echo or (self._repeats and text.startswith("?")) else ""
        self._reply(f"{before}{answer}\r\n{_PROMPT if prompt else ''}".encode(), now + self.turnaround)
        if answer not in (_UNKNOWN, _RANGE):
            self.head.touch(now)

    def _answer(self, text: str, now: float) -> str:
        for word in ("?", "PRINT "):
            if text.startswith(word):
                asked = text.removeprefix(word).strip()
                told = self._told(now).get(_LONG.get(asked, asked))
                return _UNKNOWN if told is None else str(told())
        name, assigned, value = text.partition("=")
        if not assigned:
            return _UNKNOWN
        return self._set(_LONG.get(name.strip(), name.strip()), value.strip(), now)

    def _told(self, now: float) -> dict[str, Callable[[], object]]:
        head = self.head
        return {
            "S": lambda: int(head.reported_open(now)),
            "L": lambda: 2 if head.interlock else int(self._switched_on and head.emits(now)),
            "VW": lambda: round(head.port.wavelength(now)),
            "UF": lambda: f"{1e3 * head.port.watts(now):.6g}",
            "TS": lambda: _TUNING if head.tuning(now) else _READY,
            "TMIN": lambda: round(head.port.limits[0]),
            "TMAX": lambda: round(head.port.limits[1]),
            "MDLK": lambda: self._mode(now),
            "ST": lambda: "Fault" if head.interlock else "OK" if head.emits(now) else "Standby",
            "F": lambda: _INTERLOCK if head.interlock else 0,
            "K": lambda: 1,
            "HH": lambda: 4321.5,
            "BT": lambda: 20.1,
            "D1T": lambda: 25.2,
            "D2T": lambda: 25.4,
            "ALIGN": lambda: 0,
            "HEARTBEAT": lambda: int(self._heartbeat),
            "HEARTBEATRATE": lambda: round(self._rate),
        }

    def _mode(self, now: float) -> int:
        if not self.head.emits(now):
            return _OFF
        return _MODE_LOCKED if self.head.locked(now) else _CONTINUOUS

    def _set(self, name: str, value: str, now: float) -> str:
        if not value.replace(".", "", 1).isdigit() or len(value) > 20:
            return _UNKNOWN
        number = float(value)
        if name == "VW":
            low, high = self.head.port.limits
            self.head.tune(min(max(round(number), low), high), now)
            return ""
        if name == "HEARTBEATRATE":
            if not 1 <= number <= 100:
                return _RANGE
            self._rate = number
            self.head.watchdog = number if self._heartbeat else 0.0
            return ""
        if name not in ("S", "L", "ECHO", "PROMPT", "HEARTBEAT"):
            return _UNKNOWN
        if number not in (0, 1):
            return _RANGE
        self._switch(name, number == 1, now)
        return ""

    def _switch(self, name: str, on: bool, now: float) -> None:
        if name == "S":
            self.head.move_shutter(on, now)
        elif name == "ECHO":
            self._echo = on
        elif name == "PROMPT":
            self._prompt = on
        elif name == "HEARTBEAT":
            self._heartbeat = on
            self.head.watchdog = self._rate if on else 0.0
        elif on:
            self._switched_on = True
            self.head.switch_on(now, _START)
        else:
            self._switched_on = False
            self.head.switch_off(now)


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> Chameleon:
    """Wire up one laser: `port` (without it, it shines into a beam dump), perhaps `repeats`, `emission`, `shutter`."""
    entry = entries[0]
    head = Titanium(
        laboratory.port(entry["port"]) if "port" in entry else Dump(),
        laboratory.clock,
        emits=entry.get("emission", True) not in (False, "off"),
        opened=entry.get("shutter", "closed") == "open",
        lag=0.2,
    )
    return Chameleon(head, laboratory.clock, repeats=bool(entry.get("repeats", False)))
