"""Noise that depends on the seed and on the moment alone, never on who looked before."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

_BLOCK = 1024
_KEPT = 64


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of one named source; other names change nothing in it."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16], "big")])


class FrameNoise:
    """One independent number per frame of time, at random access.

    Args:
        seed: of the world.
        name: of the source.
        draw: (generator, n) -> n numbers.
    """

    def __init__(self, seed: int, name: str, draw: Draw) -> None:
        self._seed, self._name, self._draw = seed, name, draw
        self._blocks: dict[int, Floats] = {}

    def at(self, frames: NDArray[np.int64]) -> Floats:
        """Return the numbers of these frames (sorted indices)."""
        if not len(frames):
            return np.empty(0)
        first, last = int(frames[0]) // _BLOCK, int(frames[-1]) // _BLOCK
        if first == last:
            return self._block(first)[frames - first * _BLOCK]
        numbers = np.concatenate([self._block(block) for block in range(first, last + 1)])
        return numbers[frames - first * _BLOCK]

    def one(self, frame: int) -> float:
        """Return the number of one frame."""
        block, place = divmod(frame, _BLOCK)
        return self._block(block).item(place)

    def _block(self, index: int) -> Floats:
        if index not in self._blocks:
            if len(self._blocks) >= _KEPT:
                del self._blocks[min(self._blocks)]
            self._blocks[index] = self._draw(generator(self._seed, f"{self._name}/{index}"), _BLOCK)
        return self._blocks[index]


class RandomWalk:
    """A random walk in time that starts at 0 and has the given 1-sigma after one hour.

    Args:
        rng: the source of its steps.
        per_hour: 1-sigma after one hour.
    """

    STEP = 60.0
    """Seconds between drawn points; linear in between."""

    def __init__(self, rng: np.random.Generator, per_hour: float) -> None:
        self._rng, self._sigma = rng, per_hour * math.sqrt(self.STEP / 3600.0)
        self._points = [0.0]

    def at(self, seconds: float) -> float:
        """Return the walk at this time since the start, in s; 0 before it."""
        if self._sigma == 0.0 or seconds <= 0.0:
            return 0.0
        whole, rest = divmod(seconds, self.STEP)
        place, part = int(whole), rest / self.STEP
        while len(self._points) < place + 2:
            steps = self._rng.normal(0.0, self._sigma, _BLOCK)
            self._points += np.cumsum(np.concatenate([self._points[-1:], steps]))[1:].tolist()
        return self._points[place] * (1.0 - part) + self._points[place + 1] * part


def relative_gauss(sigma: float) -> Draw:
    """Return a source of factors 1 + sigma N, cut at 0."""
    return lambda rng, n: np.maximum(0.0, 1.0 + sigma * rng.standard_normal(n))


def relative_gamma(sigma: float) -> Draw:
    """Return a source of positive factors with mean 1 and standard deviation sigma."""
    if sigma == 0.0:
        return lambda rng, n: np.ones(n)
    return lambda rng, n: rng.gamma(sigma**-2, sigma**2, n)
