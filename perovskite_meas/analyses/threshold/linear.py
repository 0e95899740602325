"""The classic intercept: two straight lines of emission against fluence."""

from __future__ import annotations

import math

import numpy as np

from .groups import Groups
from .law import Fit, Noise, averaged, variance
from .rows import Array

DRAWS = 200
FEWEST = 3
MIDDLE = 0.5
OTHER_PARTS = (0.2, 0.8)
"""Other places where the upper line may begin: the choice is part of the sigma."""


def linear_intercept(
    groups: Groups, knee: Fit, noise: Noise, ln_first: float, ln_second: float, part: float = MIDDLE
) -> Array | None:
    """Return draws of ln fluence where the line above the knee meets the line below it; the first is the value itself.

    Lines are fitted with equal weights, as it is usually done: below the first knee, and above a place `part` of the
    way from there to the second. The draws renew the noise of every group. None where too few lie on either side.

    Args:
        groups: the data.
        knee: the softplus law, for the noise about it.
        noise: beyond shot and read noise.
        ln_first: ln fluence of the first knee.
        ln_second: ln fluence of the second.
        part: where the upper line begins.
    """
    centre = groups.centre
    below = centre < ln_first
    above = centre > ln_first + part * (min(ln_second, float(centre.max())) - ln_first)
    if below.sum() < FEWEST or above.sum() < FEWEST:
        return None
    fluence = (np.exp(groups.log_fluence) * groups.weight).sum(axis=1)
    spread = np.sqrt(variance(knee.law, knee.theta, groups, noise))
    spread = spread * groups.mean / np.maximum(averaged(knee.law, knee.theta, groups), 1e-12)
    rng = np.random.default_rng(20260)
    signal = groups.mean + np.abs(spread) * rng.standard_normal((DRAWS + 1, len(groups)))
    signal[0] = groups.mean
    low, high = (_line(fluence[side], signal[:, side]) for side in (below, above))
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (low[0] - high[0]) / (high[1] - low[1])
    crossing = np.where((crossing > 0) & (high[1] > low[1]), crossing, np.nan)
    return np.asarray(np.log(crossing), np.float64) if math.isfinite(float(crossing[0])) else None


def _line(x: Array, y: Array) -> tuple[Array, Array]:
    """Return offsets and slopes of lines through y (draws, n)."""
    away = x - x.mean()
    slope = y @ away / float(away @ away)
    return y.mean(axis=1) - slope * x.mean(), slope


def half_width(draws: Array) -> float:
    """Return half of the central 68 % of finite draws; infinite where many are not."""
    good = draws[np.isfinite(draws)]
    if good.size < 0.8 * draws.size:
        return math.inf
    low, high = np.quantile(good, [0.16, 0.84])
    return float(high - low) / 2.0
