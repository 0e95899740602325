"""Unrest of the line: spectral diffusion and blinking, functions of the seed and of time alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.errors import UsageError

from ..noise import Floats, generator
from .wander import Wander

_BATCH = 1024


class SpectralDiffusion:
    """The line's energy wanders around its mean: an Ornstein-Uhlenbeck process (PHYSICS 2).

    Args:
        seed: of the world.
        sigma: stationary 1-sigma, ueV; 0 for a line at rest.
        correlation_time: s.
        start: clock time at which the world begins, s.
    """

    def __init__(self, seed: int, sigma: float, correlation_time: float, start: float = 0.0) -> None:
        self._wander = Wander(seed, "spectral_diffusion", sigma, correlation_time, start)

    def detuning(self, times: Floats) -> Floats:
        """Return how far the line lies above its mean at these clock times (s), ueV, shape (n,)."""
        return self._wander.at(times)


class TelegraphBlinking:
    """The dot is bright or dark, with exponential dwell times.

    Args:
        seed: of the world.
        on_time: mean time it stays bright, s.
        off_time: mean time it stays dark, s; 0: always bright.
        start: clock time at which the world begins, s; it is bright or dark then as in the long run.
    """

    def __init__(self, seed: int, on_time: float, off_time: float, start: float = 0.0) -> None:
        if on_time <= 0.0 or off_time < 0.0:
            raise UsageError(f"telegraph: on_time {on_time} s must be above 0, off_time {off_time} s not negative")
        self._means = (on_time, off_time)
        self._rng = generator(seed, "telegraph")
        self._starts_on = bool(self._rng.random() < on_time / (on_time + off_time))
        self._changes = np.array([start])

    def on(self, times: Floats) -> NDArray[np.bool_]:
        """Say whether the dot is bright at these clock times (s), shape (n,)."""
        t = np.asarray(times, dtype=float)
        if not t.size or self._means[1] == 0.0:
            return np.ones(t.shape, dtype=np.bool_)
        self._reach(float(np.max(t)))
        bright: NDArray[np.bool_] = (self._dwell(t) % 2 == 0) == self._starts_on
        return bright

    def share(self, edges: Floats) -> Floats:
        """Return the share of time that the dot is bright between each two of these clock times (s), shape (n - 1,)."""
        t = np.asarray(edges, dtype=float)
        if len(t) < 2 or self._means[1] == 0.0:
            return np.ones(max(0, len(t) - 1))
        self._reach(float(t[-1]))
        lengths = np.diff(self._changes)
        lengths[(1 if self._starts_on else 0) :: 2] = 0.0
        bright = np.concatenate([[0.0], np.cumsum(lengths)])
        dwell = self._dwell(t)
        inside = np.where((dwell % 2 == 0) == self._starts_on, t - self._changes[dwell], 0.0)
        return np.diff(bright[dwell] + inside) / np.diff(t)

    def breaks(self, t0: float, t1: float) -> list[float]:
        """Return the times of change inside (t0, t1), s."""
        if self._means[1] == 0.0:
            return []
        self._reach(t1)
        low, high = np.searchsorted(self._changes, t0, "right"), np.searchsorted(self._changes, t1, "left")
        low = np.maximum(low, 1)  # the first entry is the begin of the world, not a change
        found: list[float] = self._changes[low:high].tolist()
        return found

    def _dwell(self, t: Floats) -> NDArray[np.int64]:
        return np.maximum(np.searchsorted(self._changes, t, "right") - 1, 0)

    def _reach(self, t: float) -> None:
        fresh = [self._changes]
        last = float(self._changes[-1])
        while last <= t:
            dwells = self._rng.standard_exponential((_BATCH, 2)) * (
                self._means if self._starts_on else self._means[::-1]
            )
            fresh.append(last + np.cumsum(dwells.ravel()))
            last = float(fresh[-1][-1])
        if len(fresh) > 1:
            self._changes = np.concatenate(fresh)
