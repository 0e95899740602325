"""The filter wheel before the spectrometer (port `filter`)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..noise import Floats
from ..ports import Diary
from ..timeline import History


class _Turned(NamedTuple):
    before: int
    place: int
    t0: float
    t1: float


class FilterWheel:
    """A wheel with filters; no light comes through while it turns.

    Args:
        start: clock time at which the world begins, s; place 1 is in the beam then.
        transmissions: of its places, from 1 on.
        diary: what light has seen already is not changed.
        lock: of the world.
    """

    def __init__(self, start: float, transmissions: Sequence[float], diary: Diary, lock: threading.RLock) -> None:
        self._transmissions, self._diary, self._lock = tuple(transmissions), diary, lock
        self._turns = History(start, _Turned(1, 1, start, start))

    @property
    def places(self) -> int:
        """How many it has."""
        return len(self._transmissions)

    def turn(self, position: int, t0: float, t1: float) -> None:
        """Turn to this place during [t0, t1] (clock time, s); a place that there is not is the last one."""
        with self._lock:
            since, before = max(t0, self._diary.horizon), self.position(t0)
            place = min(max(1, int(position)), self.places)
            self._turns.put(since, _Turned(before, place, t0, max(t0, t1)))

    def position(self, t: float) -> int:
        """Return which place is in the beam at `t` (clock time, s); while it turns, the one that was."""
        with self._lock:
            turned = self._turns.at(t)
            return turned.place if t >= turned.t1 else turned.before

    def transmission(self, times: Floats) -> Floats:
        """Return what comes through at these clock times (s, sorted), shape (n,)."""
        found = np.zeros(len(times))
        with self._lock:
            for here, turned in self._turns.slices(times):
                found[here] = np.where(times[here] >= turned.t1, self._transmissions[turned.place - 1], 0.0)
        return found
