"""What an instrument's firmware can move on the table: a turning mount, a shutter, a voltage."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Protocol

from .timeline import History, Turn


class Diary(Protocol):
    """Knows up to when the light has been followed."""

    @property
    def horizon(self) -> float:
        """Clock time (s) before which nothing can be changed any more."""


class Later:
    """Stands in for a diary until that is made: parts of the table ask it how far the light has been followed.

    Args:
        start: clock time at which the world begins, s.
    """

    def __init__(self, start: float) -> None:
        self.diary: Diary | None = None
        self._start = start

    @property
    def horizon(self) -> float:
        """Clock time (s) before which nothing can be changed any more."""
        return self._start if self.diary is None else self.diary.horizon


class Rotation:
    """The mount that holds the wave plate.

    Args:
        turns: its history.
        exposure: light that has fallen already is not changed.
        backlash: play between the two directions, in deg.
        lock: of the world.
    """

    def __init__(self, turns: History[Turn], exposure: Diary, *, backlash: float, lock: threading.RLock) -> None:
        self._turns, self._exposure, self._play, self._lock = turns, exposure, backlash / 2.0, lock

    def path(self, t0: float, deg0: float, t1: float, deg1: float) -> None:
        """Turn linearly from deg0 to deg1 during [t0, t1] (clock time, s) and stay; replaces later plans."""
        with self._lock:
            since = max(t0, self._exposure.horizon)
            before = self._turns.at(since)
            turn = Turn(t0, deg0, t0 if deg0 == deg1 else max(t0, t1), deg1, before.play)
            if deg1 != deg0:
                turn = replace(turn, play=self._play if deg1 > deg0 else -self._play)
            self._turns.put(since, turn)

    def angle(self, t: float) -> float:
        """Return the mount's angle at `t`, in deg."""
        with self._lock:
            return self._turns.at(t).angle(t)


class Gate:
    """A shutter: that of the beam, or that of the reference light."""

    def __init__(self, shutter: History[bool], exposure: Diary, lock: threading.RLock) -> None:
        self._shutter, self._exposure, self._lock = shutter, exposure, lock

    def switch(self, open: bool, t: float) -> None:
        """Open or close from `t` on (clock time, s; a few ms ahead is fine); replaces later plans."""
        with self._lock:
            self._shutter.put(max(t, self._exposure.horizon), open)

    def is_open(self, t: float) -> bool:
        """Say whether light passes at `t`."""
        with self._lock:
            return self._shutter.at(t)


class Level:
    """A voltage that moves the spot across the sample."""

    def __init__(self, levels: History[float], exposure: Diary, lock: threading.RLock) -> None:
        self._levels, self._exposure, self._lock = levels, exposure, lock

    def set(self, volts: float, t: float) -> None:
        """Put out `volts` from `t` on (clock time, s)."""
        with self._lock:
            self._levels.put(max(t, self._exposure.horizon), float(volts))

    def get(self, t: float) -> float:
        """Return the voltage at `t`."""
        with self._lock:
            return self._levels.at(t)
