"""The train of pulses before any picking: when each comes, and how its energy differs from the mean."""

from __future__ import annotations

import math

import numpy as np

from ..noise import Floats, RandomWalk
from .hashed import Numbers, PulseNoise


class PulseTrain:
    """Pulse k comes at start + (k + 1/2)/rate; everything about it follows from the seed and k.

    Args:
        start: clock time at which the world begins, s.
        rate: pulses per second.
        seed: of the world.
        jitter: 1-sigma of the energy from pulse to pulse, relative; lognormal.
        drift: random walk of the energy.
    """

    def __init__(self, start: float, rate: float, seed: int, jitter: float, drift: RandomWalk) -> None:
        self.start, self.rate = start, rate
        self._width = math.sqrt(math.log1p(jitter**2))
        self._noise, self._drift = PulseNoise(seed, "laser.energy"), drift

    def times(self, numbers: Numbers) -> Floats:
        """Return when these pulses come, clock time in s, shape (n,)."""
        found: Floats = self.start + (numbers.astype(float) + 0.5) / self.rate
        return found

    def numbers(self, t0: float, t1: float, divider: int = 1) -> Numbers:
        """Return the pulses in [t0, t1) whose number the divider divides, shape (n,)."""
        first = max(0, math.floor((t0 - self.start) * self.rate) - 1)
        last = math.ceil((t1 - self.start) * self.rate) + 1
        begin, end = -(-first // divider) * divider, (last - 1) // divider * divider
        # The same sums as in `times`, which decide at the borders; most looks find nothing.
        while begin <= end and self.start + (begin + 0.5) / self.rate < t0:
            begin += divider
        while begin <= end and self.start + (end + 0.5) / self.rate >= t1:
            end -= divider
        return np.arange(begin, end + 1, divider, dtype=np.int64)

    def energies(self, numbers: Numbers) -> Floats:
        """Return the energies of these pulses (sorted) over the mean, shape (n,)."""
        jitter = np.exp(self._width * self._noise.normal(numbers) - self._width**2 / 2.0)
        found: Floats = jitter * (1.0 + walked(self._drift, self.times(numbers) - self.start))
        return found


def walked(walk: RandomWalk, seconds: Floats) -> Floats:
    """Return a random walk at these times since the start (s, sorted), shape (n,)."""
    if not len(seconds):
        return np.empty(0)
    step = walk.STEP
    first, last = math.floor(float(seconds[0]) / step), math.floor(float(seconds[-1]) / step) + 1
    points = step * np.arange(first, last + 1.0)
    found: Floats = np.interp(seconds, points, [walk.at(point) for point in points.tolist()])
    return found
