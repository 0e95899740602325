"""Random numbers by pulse number: any of them at once, whoever asked before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..noise import Floats, generator

Numbers = NDArray[np.int64]
"""Of pulses, counted from 0 when the world begins."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


class PulseNoise:
    """Standard normal numbers of one source, one for each pulse.

    SplitMix64 of the pulse's number under a key that follows from seed and name, then Box and Muller.
    Source: Steele, Lea, Flood, OOPSLA 2014 (the mixer's constants: Vigna's splitmix64.c).

    Args:
        seed: of the world.
        name: of the source.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._keys = generator(seed, name).integers(0, 2**64, 2, dtype=np.uint64)

    def normal(self, numbers: Numbers) -> Floats:
        """Return the numbers of these pulses, shape (n,)."""
        radius = np.sqrt(-2.0 * np.log(self._uniform(numbers, 0)))
        found: Floats = radius * np.cos(2.0 * np.pi * self._uniform(numbers, 1))
        return found

    def _uniform(self, numbers: Numbers, key: int) -> Floats:
        """Return numbers in (0, 1)."""
        z = numbers.astype(np.uint64) * _GOLDEN + self._keys[key]
        z = (z ^ (z >> _SHIFTS[0])) * _MIX[0]
        z = (z ^ (z >> _SHIFTS[1])) * _MIX[1]
        z = z ^ (z >> _SHIFTS[2])
        found: Floats = ((z >> _SHIFTS[3]).astype(float) + 0.5) * 2.0**-53
        return found
