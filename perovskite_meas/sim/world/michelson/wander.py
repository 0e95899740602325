"""Gaussian random motion in continuous time that depends on the seed and the moment alone."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.errors import UsageError

from ..noise import Floats, generator

_FINE = 512
_BATCH = 1024
_KEPT = 64


class Wander:
    """A random walk, or one that is pulled back (Ornstein-Uhlenbeck process), at random access.

    A coarse chain is drawn cell by cell in the order of time; what happens inside a cell is a bridge between its ends
    and has a source of its own, so that nobody's looking changes anything. Both are exact (Gaussian bridges); linear
    between the finest points, which are `cell`/512 apart.

    Args:
        seed: of the world.
        name: of the source.
        sigma: stationary 1-sigma; of a walk: 1-sigma after one second.
        memory: correlation time, s; infinite for a walk, which starts at 0.
        start: clock time at which it begins, s; before it, it rests.
    """

    def __init__(
        self,
        seed: int,
        name: str,
        sigma: float,
        memory: float = math.inf,
        start: float = 0.0,
    ) -> None:
        if sigma < 0.0 or memory <= 0.0:
            raise UsageError(f"{name}: sigma {sigma} must not be negative, memory {memory} s must be above 0")
        self._seed, self._name, self._sigma, self._memory, self._start = seed, name, sigma, memory, start
        self._cell = 2.0 * memory if math.isfinite(memory) else 0.512
        self._rng = generator(seed, name)
        self._ends = np.array([0.0 if math.isinf(memory) else sigma * self._rng.standard_normal()])
        self._inside: dict[int, Floats] = {}

    def at(self, t: Floats) -> Floats:
        """Return the value at these clock times (s), shape (n,)."""
        t = np.asarray(t, dtype=float)
        if self._sigma == 0.0 or not t.size:
            return np.zeros(t.shape)
        place = np.maximum(t - self._start, 0.0) / self._cell
        cells = np.floor(place).astype(np.int64)
        which, place_of = np.unique(cells, return_inverse=True)
        table = np.array([self._points(cell) for cell in which.tolist()])
        x = (place - cells) * _FINE
        low = np.minimum(x.astype(np.int64), _FINE - 1)
        before = table[place_of, low]
        found: Floats = before + (x - low) * (table[place_of, low + 1] - before)
        return found

    def _points(self, cell: int) -> Floats:
        """Return the values at the fine points of a cell, both ends included."""
        if cell not in self._inside:
            self._reach(cell + 1)
            steps = generator(self._seed, f"{self._name}/{cell}").standard_normal(_FINE)
            first, last = float(self._ends[cell]), float(self._ends[cell + 1])
            if len(self._inside) >= _KEPT:
                del self._inside[next(iter(self._inside))]
            self._inside[cell] = self._bridge(first, last, steps)
        return self._inside[cell]

    def _bridge(self, first: float, last: float, steps: Floats) -> Floats:
        """Return a free path from `first`, bent to end at `last` without a change of its statistics."""
        kept, spread = self._step(self._cell / _FINE)
        share = np.arange(_FINE + 1) / _FINE
        if kept == 1.0:
            free = first + np.concatenate([[0.0], np.cumsum(spread * steps)])
        else:
            decay = kept ** np.arange(_FINE + 1)
            free = decay * (first + np.concatenate([[0.0], np.cumsum(spread * steps / decay[1:])]))
            length = self._cell / self._memory
            share = np.sinh(share * length) / math.sinh(length)
        bent: Floats = free + share * (last - free[-1])
        return bent

    def _step(self, seconds: float) -> tuple[float, float]:
        """Return (factor on the old value, 1-sigma of what is added) over this time."""
        if math.isinf(self._memory):
            return 1.0, self._sigma * math.sqrt(seconds)
        kept = math.exp(-seconds / self._memory)
        return kept, self._sigma * math.sqrt(-math.expm1(-2.0 * seconds / self._memory))

    def _reach(self, cell: int) -> None:
        kept, spread = self._step(self._cell)
        while len(self._ends) <= cell:
            value, fresh = float(self._ends[-1]), []
            for kick in (spread * self._rng.standard_normal(_BATCH)).tolist():
                value = kept * value + kick
                fresh.append(value)
            self._ends = np.concatenate([self._ends, fresh])
