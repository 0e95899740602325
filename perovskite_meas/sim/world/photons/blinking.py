"""Blinking: a nanocrystal that changes between its neutral and its grey state at random times."""

from __future__ import annotations

import numpy as np

from ..noise import Floats
from ..sections import Blinking

_BATCH = 1024


class Telegraph:
    """An alternating renewal process; a function of its generator and of time, whoever looks.

    The dwell times follow P(t) ~ t^-a exp(-t/cutoff) from the shortest one on (PHYSICS 3.10).

    Args:
        law: exponents, cut-offs and the shortest dwell time.
        rng: of this emitter's blinking alone.
        start: clock time at which the world begins, in s.
    """

    def __init__(self, law: Blinking, rng: np.random.Generator, start: float) -> None:
        self._law, self._rng = law, rng
        self._starts_grey = bool(rng.random() < 0.5)
        self._changes = np.array([start])
        """Times of change; the neutral and the grey state take turns."""

    def breaks(self, t0: float, t1: float) -> list[float]:
        """Return the times of change inside (t0, t1), s."""
        self._reach(t1)
        low, high = np.searchsorted(self._changes, t0, "right"), np.searchsorted(self._changes, t1, "left")
        found: list[float] = self._changes[low:high].tolist()
        return found

    def is_grey(self, t: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Say whether the dot is grey at these times (s), shape (n,)."""
        if len(t):
            self._reach(float(np.max(t)))
        dwell = np.searchsorted(self._changes, t, "right") - 1
        grey: np.ndarray[tuple[int], np.dtype[np.bool_]] = (dwell % 2 == 1) != self._starts_grey
        return grey

    def _reach(self, t: float) -> None:
        law = self._law
        while self._changes[-1] <= t:
            dwells = np.empty(2 * _BATCH)
            on = truncated_power_law(self._rng, law.a_on, law.shortest, law.cutoff_on, _BATCH)
            off = truncated_power_law(self._rng, law.a_off, law.shortest, law.cutoff_off, _BATCH)
            dwells[0::2], dwells[1::2] = (off, on) if self._starts_grey else (on, off)
            self._changes = np.concatenate([self._changes, self._changes[-1] + np.cumsum(dwells)])


def truncated_power_law(rng: np.random.Generator, exponent: float, shortest: float, cutoff: float, n: int) -> Floats:
    """Return n numbers from P(t) ~ t^-exponent exp(-t/cutoff), t >= shortest: Pareto numbers, some of them refused."""
    found: list[Floats] = []
    missing = n
    while missing > 0:
        pareto = shortest * rng.random(2 * missing) ** (-1.0 / (exponent - 1.0))
        kept = pareto[rng.random(len(pareto)) < np.exp(-(pareto - shortest) / cutoff)][:missing]
        found.append(kept)
        missing -= len(kept)
    return np.concatenate(found)
