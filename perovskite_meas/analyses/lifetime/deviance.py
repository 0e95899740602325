"""The Poisson deviance, and what it should be at any mean count."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.special import gammaln, xlogy

from .rows import Array

LARGE = 60.0
"""Mean count above which the series 1 + 1/(6 mu) is good to 1e-4."""


def deviance(counts: Array, mean: Array) -> Array:
    """Return 2 [n ln(n/mu) - (n - mu)] per bin."""
    out: Array = 2.0 * (xlogy(counts, counts) - xlogy(counts, mean) - (counts - mean))
    return out


def expected_deviance(mean: Array) -> tuple[Array, Array]:
    """Return mean and variance of the deviance of a Poisson number of the given mean.

    It is 1 only where many counts are expected: 0.16 at mu = 0.02, 1.15 at mu = 1. Bins with few counts would
    otherwise make any fit look too good.
    """
    grid, first, second = _table()
    x = np.log(np.clip(mean, 1e-8, LARGE))
    large = mean > LARGE
    average = np.where(large, 1.0 + 1.0 / (6.0 * np.clip(mean, LARGE, None)), np.interp(x, grid, first))
    variance = np.where(large, 2.0, np.interp(x, grid, second))
    return average, variance


@functools.cache
def _table() -> tuple[Array, Array, Array]:
    grid = np.linspace(math.log(1e-8), math.log(LARGE), 400)
    mean = np.exp(grid)[:, None]
    n = np.arange(0.0, 200.0)
    chance = np.exp(xlogy(n, mean) - mean - gammaln(n + 1))
    value = deviance(n, mean)
    first = (chance * value).sum(axis=1)
    return grid, first, (chance * value**2).sum(axis=1) - first**2
