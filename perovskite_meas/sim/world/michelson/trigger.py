"""The line from the piezo controller to the tagger: a pulse at the start of every cycle."""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

import numpy as np

from perovskite_meas.core.errors import UsageError

from ..noise import Floats
from ..ports import Diary
from ..timeline import History


class _Train(NamedTuple):
    t0: float
    period: float


class Trigger:
    """Pulses at equal distances, from a time on.

    Args:
        start: clock time at which the world begins, s; no pulses then.
        diary: what has been seen already is not changed.
        lock: of the world.
    """

    def __init__(self, start: float, diary: Diary, lock: threading.RLock) -> None:
        self._trains: History[_Train | None] = History(start, None)
        self._diary, self._lock = diary, lock

    def pulses(self, t0: float, period: float) -> None:
        """Send pulses at t0, t0 + period, ... (clock time, s), for ever; replaces later plans.

        Raises:
            UsageError: a period that is not above 0.
        """
        if not period > 0.0:
            raise UsageError(f"trigger pulses need time between them; got a period of {period:g} s")
        with self._lock:
            self._trains.put(max(t0, self._diary.horizon), _Train(t0, period))

    def stop(self, t: float) -> None:
        """Send no more pulses from `t` on (clock time, s)."""
        with self._lock:
            self._trains.put(max(t, self._diary.horizon), None)

    def times(self, t0: float, t1: float) -> Floats:
        """Return the clock times (s) of all pulses in [t0, t1), sorted."""
        found = []
        for low, high, train in self._trains.pieces(t0, t1):
            if train is not None:
                first = max(0, math.ceil((low - train.t0) / train.period - 1e-9))
                last = math.ceil((high - train.t0) / train.period - 1e-9)
                found.append(train.t0 + train.period * np.arange(first, max(first, last)))
        return np.concatenate(found) if found else np.empty(0)
