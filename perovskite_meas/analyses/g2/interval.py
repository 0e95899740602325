"""Bounds of a ratio from few or many counts: a posterior, not a Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

Array = npt.NDArray[np.float64]

GRID = 601
BOUND = 0.95
"""Confidence of each one-sided bound."""


@dataclass(frozen=True)
class Posterior:
    """Weights on a grid of values, smeared by a Gaussian of what else is uncertain."""

    points: Array
    """Values."""
    weights: Array
    """Sum 1."""
    extra: float
    """1-sigma of the smearing."""

    @classmethod
    def normal(cls, mean: float, sigma: float) -> Posterior:
        """Return a Gaussian."""
        return cls(np.array([mean]), np.array([1.0]), max(sigma, 1e-9))

    @classmethod
    def of_amplitude(
        cls, counts: Array, rest: Array, shape: Array, best: float, scale: float, sigma: float
    ) -> Posterior:
        """Return the posterior of amplitude/scale under a flat prior, given Poisson counts of rest + amplitude x shape.

        Args:
            counts: per bin.
            rest: expected without the amplitude.
            shape: of the amplitude, sum about 1.
            best: most likely amplitude.
            scale: what the amplitude is divided by.
            sigma: total 1-sigma of amplitude/scale; what it exceeds that of this posterior by is smeared over.
        """
        near = shape > 1e-7 * shape.max()
        n, r, s = counts[near], rest[near], shape[near]
        width = max(sigma * scale, 1.0)
        lowest = float(np.max(-np.maximum(r, 0) / s))
        grid = np.linspace(max(best - 7 * width, lowest), best + 9 * width + 8.0, GRID)
        expected = np.maximum(r + np.outer(grid, s), 1e-12)
        log = np.log(expected) @ n - expected.sum(axis=1)
        weights = np.exp(log - log.max())
        weights /= weights.sum()
        mean = float(grid @ weights)
        own = float(((grid - mean) ** 2) @ weights) / scale**2
        step = float(grid[1] - grid[0]) / scale
        return cls(grid / scale, weights, max(math.sqrt(max(sigma**2 - own, 0.0)), step))

    @property
    def spread(self) -> float:
        """Standard deviation of the grid's weights alone, about their mean."""
        mean = float(self.points @ self.weights)
        return math.sqrt(float(((self.points - mean) ** 2) @ self.weights))

    def moved(self, slope: float, offset: float, extra: float) -> Posterior:
        """Return the posterior of offset + slope x value, `extra` added to the smearing in quadrature."""
        return Posterior(offset + slope * self.points, self.weights, math.hypot(slope * self.extra, extra))

    def below(self, value: float) -> float:
        """Return the probability to lie below a value."""
        return float(self.weights @ ndtr((value - self.points) / self.extra))

    def above(self, value: float) -> float:
        """Return the probability to lie above a value, exact also where it is tiny."""
        return float(self.weights @ ndtr((self.points - value) / self.extra))

    def bound(self, probability: float) -> float:
        """Return the value below which lies `probability`."""
        low = float(self.points.min()) - 12 * self.extra
        high = float(self.points.max()) + 12 * self.extra
        return float(brentq(lambda value: self.below(value) - probability, low, high, xtol=1e-9))

    def bounds(self) -> tuple[float, float]:
        """Return the lower and the upper one-sided 95 % bound."""
        return self.bound(1 - BOUND), self.bound(BOUND)
