"""The piezo that moves the objective's focus (port `focus`)."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import ArrayLike

from perovskite_meas.core.errors import UsageError

from ..noise import Floats
from ..ports import Diary
from ..timeline import History


class Focus:
    """Moves the focus up and down; positions in um from one end of its range.

    Args:
        start: clock time at which the world begins, s; it is at 0 um then.
        span: its range, um; commands beyond it lead to its end.
        um_per_volt: how far a bare voltage moves it.
        diary: what light has seen already is not changed.
        lock: of the world.
    """

    def __init__(self, start: float, span: float, um_per_volt: float, diary: Diary, lock: threading.RLock) -> None:
        self.um_per_volt = um_per_volt
        self.middle = span / 2.0
        self._span, self._diary, self._lock = span, diary, lock
        self._places = History(start, 0.0)

    def move(self, um: float, t: float, servo: bool = False) -> None:
        """Go to `um` from `t` on (clock time, s) and stay."""
        with self._lock:
            self._places.put(max(t, self._diary.horizon), min(max(float(um), 0.0), self._span))

    def wave(self, t0: float, samples: ArrayLike, dt: float, servo: bool = False) -> None:
        """Take a waveform of its controller for its mean: nothing on this table sees one.

        Raises:
            UsageError: no samples.
        """
        table = np.asarray(samples, dtype=float)
        if not table.size:
            raise UsageError("a wave of the focus needs samples")
        self.move(float(np.mean(table)), t0, servo)

    def hold(self, t: float) -> None:
        """Stop where it is at `t` (clock time, s)."""
        self.move(self.sensor(t), t)

    def sensor(self, t: float) -> float:
        """Return where it is at `t`, in um."""
        with self._lock:
            return self._places.at(t)

    def at(self, times: Floats) -> Floats:
        """Return where it is at these clock times (s, sorted), um, shape (n,)."""
        found = np.empty(len(times))
        for here, um in self._places.slices(times):
            found[here] = um
        return found

    def breaks(self, t0: float, t1: float) -> list[float]:
        """Return the times of its moves inside (t0, t1), s."""
        return self._places.breaks(t0, t1)
