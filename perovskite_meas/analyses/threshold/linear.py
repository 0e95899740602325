"""The classic intercept: two straight lines of emission against fluence."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.analyses.pulses.rows import Array

from .filters import Filters
from .groups import Groups
from .law import Fit, Noise, averaged, variance

DRAWS = 200
FEWEST = 3
MIDDLE = 0.5
OTHER_PARTS = (0.3, 0.7)
"""Other places where the upper line may begin: nobody would read the same threshold twice any closer."""


def linear_intercept(
    groups: Groups, knee: Fit, noise: Noise, ln_first: float, ln_second: float, part: float = MIDDLE
) -> Array | None:
    """Return draws of ln fluence where the line above the knee meets the line below it; the first is the value itself.

    Lines are fitted with equal weights per step of ln fluence, as it is usually done: below the first knee, and above
    a place `part` of the way from there to the second. The draws renew the noise of every group and choose the groups
    anew: the curve is not straight, so that where it was measured moves the lines. None where too few lie on either
    side.

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
    times = rng.poisson(1.0, signal.shape).astype(np.float64)
    times[0] = 1.0
    times *= groups.cells
    low, high = (_line(fluence[side], signal[:, side], times[:, side]) for side in (below, above))
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (low[0] - high[0]) / (high[1] - low[1])
    crossing = np.where((crossing > 0) & (high[1] > low[1]), crossing, np.nan)
    return np.asarray(np.log(crossing), np.float64) if math.isfinite(float(crossing[0])) else None


def _line(x: Array, y: Array, times: Array) -> tuple[Array, Array]:
    """Return offsets and slopes of lines through y (draws, n), each point taken so many times."""
    total = np.maximum(times.sum(axis=1), 1e-9)
    middle, level = (times @ x) / total, (times * y).sum(axis=1) / total
    away = x - middle[:, None]
    slope = (times * away * y).sum(axis=1) / np.maximum((times * away**2).sum(axis=1), 1e-30)
    return level - slope * middle, slope


def half_width(draws: Array) -> float:
    """Return half of the central 68 % of finite draws; infinite where many are not."""
    good = draws[np.isfinite(draws)]
    if good.size < 0.8 * draws.size:
        return math.inf
    low, high = np.quantile(good, [0.16, 0.84])
    return float(high - low) / 2.0


def window(groups: Groups, knee: Fit, noise: Noise, ends: tuple[float, float], ln: float) -> float:
    """Return how far the linear intercept moves with where its upper line begins: rms over the other choices."""
    moves = []
    for part in OTHER_PARTS:
        draws = linear_intercept(groups, knee, noise, *ends, part)
        if draws is not None:
            moves.append(float(draws[0]) - ln)
    return float(np.sqrt(np.mean(np.square(moves)))) if moves else math.inf


def moved_by(filters: Filters, groups: Groups, knee: Fit, noise: Noise, ends: tuple[float, float], ln: float) -> float:
    """Return how far the linear intercept moves with the filters' sigmas."""
    total = 0.0
    for place, sigma in zip(filters.steps, filters.sigma, strict=True):
        moved = groups.scaled(np.where(groups.step == place, 1.0 + sigma, 1.0))
        draws = linear_intercept(moved, knee, noise, *ends)
        if draws is not None:
            total += (float(draws[0]) - ln) ** 2
    return math.sqrt(total)
