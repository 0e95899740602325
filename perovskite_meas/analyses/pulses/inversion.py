"""Gain of a film of nanocrystals by the pairs that they hold."""

from __future__ import annotations

import numpy as np

from .rows import Array


def transparency(charged: float) -> float:
    """Return the <N> of no material gain: 1.1462 neutral, 0.5831 charged."""
    low, high = 0.1, 3.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if relative_gain(np.array(middle), charged) > 0 else (middle, high)
    return low


def relative_gain(x: Array, charged: float) -> Array:
    """Return the gain of a two-fold band edge over that of full inversion, at <N> = x.

    1 - e^-x (2 + x) neutral, 1 - e^-x (3/2 + x/2) singly charged; `charged` is the fraction of the latter.
    """
    gain: Array = 1.0 - np.exp(-x) * ((2.0 + x) - charged * (0.5 + 0.5 * x))
    return gain
