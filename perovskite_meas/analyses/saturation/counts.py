"""Count rates: raw, corrected for dead time, and free of dark counts and background."""

from __future__ import annotations

import numpy as np

from .rows import Array


def live_rate(rate: Array, dead_time: float) -> Array:
    """Return R = m/(1 - m t_d) in cps for a non-paralyzable counter with `dead_time` in s."""
    return rate / np.clip(1.0 - rate * dead_time, 0.05, None)


def registered_rate(rate: Array, dead_time: float) -> Array:
    """Return m = R/(1 + R t_d) in cps; the inverse of `live_rate`."""
    return rate / (1.0 + rate * dead_time)


def registered_variance(mean: Array, rate: Array, dead_time: float) -> Array:
    """Return the variance of registered counts of mean `mean`.

    A non-paralyzable dead time makes the counts a renewal process: variance = mean/(1 + R t_d)^2
    (Mueller, Nucl. Instrum. Methods 112, 47 (1973); unverified against the paper).
    """
    return mean / (1.0 + rate * dead_time) ** 2
