"""The Rice distribution: the length of a noisy vector, which noise makes longer."""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares
from scipy.special import i0e, i1e

from .rows import Array

WIDTH_KNOWN = 0.2
"""1-sigma of ln sigma about what the counts alone make."""


def log_rice(seen: Array, truth: Array, sigma: Array) -> Array:
    """Return ln p(seen | truth, sigma): p = seen/s^2 exp(-(seen^2 + truth^2)/2s^2) I0(seen truth/s^2)."""
    variance = sigma**2
    arrived = np.maximum(seen, 1e-12)
    density: Array = (
        np.log(arrived / variance) - 0.5 * (arrived - truth) ** 2 / variance + np.log(i0e(arrived * truth / variance))
    )
    return density


def most_likely(seen: Array, sigma: Array) -> Array:
    """Return the truth of highest likelihood: 0 where the length is below sigma sqrt 2."""
    truth = np.sqrt(np.maximum(seen**2 - sigma**2, 0.0))
    for _ in range(40):  # the fixed point truth = seen I1/I0
        argument = seen * truth / sigma**2
        truth = seen * i1e(argument) / i0e(argument)
    found: Array = np.where(seen <= np.sqrt(2) * sigma, 0.0, truth)
    return found


def equivalent(truth: Array, log_likelihood: Array, seen: float, sigma: float) -> tuple[float, float]:
    """Return length and sigma of the Rice distribution whose likelihood is most like a given one.

    Args:
        truth: where the likelihood is given, (m,).
        log_likelihood: there, (m,).
        seen: guess of the length.
        sigma: guess of the sigma.
    """
    top = log_likelihood - log_likelihood.max()
    weight = np.exp(0.25 * np.maximum(top, -60.0))

    def misfit(free: Array) -> Array:
        length, width = free[0] * sigma, sigma * np.exp(free[1])
        shape = log_rice(np.full_like(truth, max(length, 1e-9)), truth, np.full_like(truth, width))
        left = shape - shape.max() - top
        # lengths below sigma leave the width open: it is near that of the counts
        return np.append(weight * (left - np.average(left, weights=weight)), free[1] / WIDTH_KNOWN)

    highest = float(truth.max()) / sigma + 1.0
    start = np.array([min(seen / sigma, 0.99 * highest), 0.0])
    found = least_squares(misfit, start, bounds=([0.0, -1.5], [highest, 1.5]), max_nfev=40)
    return float(found.x[0]) * sigma, sigma * float(np.exp(found.x[1]))
