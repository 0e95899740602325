"""Unrest of the lines: common spectral diffusion and jitter of the brightness, functions of seed and time alone."""

from __future__ import annotations

import numpy as np

from ..michelson.line_noise import SpectralDiffusion
from ..noise import Floats, FrameNoise, relative_gamma

_FINEST = 32
"""Points at least over which an exposure is averaged."""


class LineNoise:
    """What the emitter does while its lines stay the same.

    Args:
        seed: of the world.
        diffusion: stationary 1-sigma of the common shift of all lines, ueV.
        diffusion_time: correlation time, s.
        jitter: relative 1-sigma of the brightness, drawn anew each second (blinking seen slowly).
        start: clock time at which the world begins, s.
    """

    def __init__(self, seed: int, diffusion: float, diffusion_time: float, jitter: float, start: float = 0.0) -> None:
        self._shift = SpectralDiffusion(seed, diffusion, diffusion_time, start)
        self._step = diffusion_time / 20.0
        self._jitter = FrameNoise(seed, "brightness", relative_gamma(jitter))
        self._start = start

    def detuning(self, times: Floats) -> Floats:
        """Return how far the lines lie above their means at these clock times (s), ueV, shape (n,)."""
        return self._shift.detuning(times)

    def shifts(self, t0: float, t1: float, parts: int = 1) -> Floats:
        """Return the mean detuning in equal parts of [t0, t1] (clock time, s), ueV, shape (parts,)."""
        each = max(1, round(max(_FINEST, (t1 - t0) / self._step) / parts))
        places = (np.arange(parts * each) + 0.5) / (parts * each)
        found: Floats = self._shift.detuning(t0 + (t1 - t0) * places).reshape(parts, each).mean(axis=1)
        return found

    def factor(self, t0: float, t1: float) -> float:
        """Return the mean brightness in [t0, t1] (clock time, s), relative to its mean; 1-sigma is per second."""
        return float(self.factors(np.array([t0, t1]))[0])

    def factors(self, edges: Floats) -> Floats:
        """Return the mean brightness between each two of these clock times (s, sorted), shape (n - 1,)."""
        since = np.asarray(edges, dtype=float) - self._start
        first = int(np.floor(since[0]))
        seconds = np.arange(first, int(np.floor(since[-1])) + 1)
        numbers = self._jitter.at(np.maximum(seconds, 0))
        sums = np.concatenate([[0.0], np.cumsum(numbers)])
        place = np.floor(since).astype(np.int64) - first
        total = sums[place] + (since - np.floor(since)) * numbers[place]
        lengths = np.diff(since)
        found: Floats = np.where(
            lengths > 0.0, np.diff(total) / np.where(lengths > 0.0, lengths, 1.0), numbers[place[:-1]]
        )
        return found
