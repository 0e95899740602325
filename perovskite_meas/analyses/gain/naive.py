"""The usual fit of a variable stripe: one gain, all light amplified, every length."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from perovskite_meas.analyses.pulses.rows import Array

STEEPEST = 60.0
"""Largest |g l| that is tried."""


def shape(gain: float, length: Array) -> Array:
    """Return (e^{g l} - 1)/g, shape (n,); the length itself without gain.

    Examples:
        >>> shape(0.0, np.array([0.02]))
        array([0.02])
        >>> round(float(shape(100.0, np.array([0.02]))[0]), 6)
        0.063891
    """
    u = gain * length
    return np.asarray(length * np.where(np.abs(u) < 1e-8, 1.0 + u / 2, np.expm1(u) / np.where(u == 0, 1.0, u)))


def naive(length: Array, intensity: Array) -> float:
    """Return g of I(l) = (J/g)(e^{g l} - 1), 1/cm, by least squares of the logarithms.

    Args:
        length: of the stripe, cm, shape (n,).
        intensity: at equal fluence, shape (n,).
    """
    seen = np.log(intensity)

    def off(g: float) -> float:
        return float(np.var(seen - np.log(shape(g, length))))

    most = STEEPEST / float(length.max())
    grid = np.linspace(-0.5 * most, most, 121)
    start = int(np.argmin([off(float(g)) for g in grid]))
    low, high = grid[max(start - 1, 0)], grid[min(start + 1, grid.size - 1)]
    return float(minimize_scalar(off, bounds=(low, high), method="bounded").x)
