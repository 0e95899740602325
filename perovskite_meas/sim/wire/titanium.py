"""A tunable titanium-sapphire laser behind its electronics: emission, watchdog, shutter, tuning, mode lock.

Source: Mai Tai manual (OFF leaves the shutter open, SHUT? lags 1 s, the watchdog switches the pump off). Unverified:
how fast such lasers tune, and that the mode lock is lost while they do.
"""

from __future__ import annotations

from typing import Any

from ..clock import SimClock
from .faults import Faults

_RATE = 20.0
"""nm/s while tuning."""
_SETTLE = 1.5
"""s from the end of tuning, or from the start of the emission, until it is mode-locked again."""
_NEVER = float("inf")


class Titanium:
    """What the electronics know and do.

    Args:
        port: the World's laser.
        clock: when a fault strikes.
        emits: whether it emits at the start.
        opened: whether its shutter is open at the start.
        lag: s from a move of the shutter until it is reported.
    """

    def __init__(self, port: Any, clock: SimClock, *, emits: bool, opened: bool, lag: float) -> None:
        self.port = port
        self.watchdog = 0.0
        """s without a valid command after which the emission ends; 0 for never."""
        self.interlock = False
        self.shutter_stuck = False
        self.stalls = 0
        self.limits: tuple[float, float] = port.limits
        """To what it really tunes, nm; `port.limits` is what it says."""
        self._clock = clock
        self._lag = lag
        now = clock.now()
        self._from = now - _SETTLE if emits else _NEVER
        self._until = _NEVER
        self._open = (opened, now - lag, opened)
        self._commanded = float(round(port.wavelength(now)))
        self._arrival = now - _SETTLE
        port.emit(emits, now)
        port.open(opened, now)

    def emits(self, now: float) -> bool:
        """Whether it emits at `now`."""
        return self._from <= now < self._until

    def switch_on(self, now: float, ramp: float) -> None:
        """Have it emit `ramp` s later, unless it does."""
        if not self.emits(now) and not self.interlock:
            self._from, self._until = now + ramp, _NEVER
            self.touch(now)

    def switch_off(self, now: float) -> None:
        """End the emission; the shutter stays as it is."""
        self._from = _NEVER
        self.port.emit(False, now)

    def touch(self, now: float) -> None:
        """Take note of a valid command: the watchdog counts anew, and what it has planned is planned anew."""
        if now >= self._until:
            self._from = _NEVER
        if self._from == _NEVER or not (self.watchdog or self._until < _NEVER or self._from > now):
            if self._from <= now:
                self.port.emit(True, now)
            return
        self._until = now + self.watchdog if self.watchdog else _NEVER
        start = max(now, self._from)
        self.port.emit(True, start)
        if self._until < _NEVER:
            self.port.emit(False, max(self._until, start))

    def reported_open(self, now: float) -> bool:
        """Whether the shutter is reported open at `now`."""
        after, when, before = self._open
        return after if now >= when + self._lag else before

    def move_shutter(self, opened: bool, now: float) -> None:
        """Open or close the shutter."""
        if not self.shutter_stuck:
            self._open = (opened, now, self._open[0])
            self.port.open(opened, now)

    def tune(self, nm: float, now: float) -> float:
        """Start to tune and return where to: the nearest wavelength that it really reaches, nm."""
        low, high = self.limits
        target = min(max(nm, low), high)
        here = self.port.wavelength(now)
        end = target
        if self.stalls > 0:
            self.stalls -= 1
            end = (here + target) / 2
        self._commanded = target
        self._arrival = now + abs(end - here) / _RATE
        self.port.tune(now, here, self._arrival, end)
        return target

    @property
    def commanded(self) -> float:
        """Where it was told to tune to, nm."""
        return self._commanded

    def tuning(self, now: float) -> bool:
        """Whether it still tunes, or looks for its mode lock."""
        return now < self._arrival + _SETTLE

    def locked(self, now: float) -> bool:
        """Whether it is mode-locked at `now`."""
        steady = not self.tuning(now) and now >= self._from + _SETTLE
        return steady and self.emits(now) and bool(self.port.locked(now))


class Dump:
    """Stands in for the World's laser where there is none: what the laser emits ends in a beam dump."""

    duration, limits = 100.0, (690.0, 1040.0)

    def __init__(self) -> None:
        self._path = (0.0, 800.0, 0.0, 800.0)
        self._locked = True

    def emit(self, on: bool, t: float) -> None:
        """Change nothing that anybody sees."""

    def open(self, on: bool, t: float) -> None:
        """Change nothing that anybody sees."""

    def lock(self, locked: bool, t: float) -> None:
        """Lose the mode lock, or find it."""
        self._locked = locked

    def locked(self, t: float) -> bool:
        """Whether it is mode-locked."""
        return self._locked

    def watts(self, t: float) -> float:
        """Return its average power, W."""
        return 2.5

    def tune(self, t0: float, nm0: float, t1: float, nm1: float) -> None:
        """Tune linearly from nm0 to nm1 during [t0, t1]."""
        self._path = (t0, nm0, t1, nm1)

    def wavelength(self, t: float) -> float:
        """Return the wavelength at `t`, nm."""
        t0, nm0, t1, nm1 = self._path
        return nm1 if t >= t1 else nm0 + (nm1 - nm0) * max(0.0, t - t0) / (t1 - t0)


class TitaniumFaults(Faults):
    """Faults of such a laser."""

    def __init__(self, head: Titanium, clock: SimClock) -> None:
        super().__init__()
        self._head, self._clock = head, clock

    def stick_shutter(self) -> None:
        """Hold its shutter where it is; it keeps telling the truth."""
        self._head.shutter_stuck = True

    def free_shutter(self) -> None:
        """Let the shutter follow the next command."""
        self._head.shutter_stuck = False

    def lose_mode_lock(self) -> None:
        """Let it run on without mode lock; it says so."""
        self._head.port.lock(False, self._clock.now())

    def find_mode_lock(self) -> None:
        """Let it lock again."""
        self._head.port.lock(True, self._clock.now())

    def stall_tuning(self, n: int = 1) -> None:
        """Have the next `n` changes of the wavelength end half way."""
        self._head.stalls += n

    def narrow(self, low: float, high: float) -> None:
        """Have it tune silently to the nearest end of this range, in nm, while it tells the wider one."""
        self._head.limits = low, high

    def trip_interlock(self) -> None:
        """Open the interlock: no emission until it is closed and the laser switched on again."""
        self._head.interlock = True
        self._head.switch_off(self._clock.now())

    def close_interlock(self) -> None:
        """Close the circuit; the emission stays off."""
        self._head.interlock = False
