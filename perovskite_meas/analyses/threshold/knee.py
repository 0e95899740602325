"""Two laws of input against output whose knee is a threshold: softplus, and three straight pieces."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.analyses.pulses.rows import Array

from .groups import Groups
from .law import Fit, Noise, excess_near, fit_law, rough_noise

KNEE = 3
"""Place of ln threshold among the unknowns of both laws."""
FLICKER = Noise(0.05, 0.01)
GRID = 24
BESIDE = 0.12
"""Part of the sweep by which the knees of both laws may differ before another start is tried."""
REACH = 0.2
"""Part of the sweep on either side of the knee that decides where it is."""
TRUST = 0.10
"""Misfit granted to these laws, which no film obeys: groups then count nearly alike whatever their noise is, so that
the definition of the threshold does not depend on how it was recorded."""


def soft_knee(theta: Array, log_fluence: Array) -> Array:
    """Return ln[a F^s + b w softplus((F - Fth)/w)]; unknowns ln a, s, ln b, ln Fth, ln(w/Fth)."""
    ln_a, power, ln_b, ln_knee, ln_width = theta
    knee = math.exp(min(ln_knee, 50.0))
    width = knee * math.exp(min(ln_width, 50.0))
    fluence = np.exp(np.clip(log_fluence, -50, 50))
    rise = width * np.logaddexp(0.0, np.clip((fluence - knee) / width, -700, 700))
    law: Array = np.logaddexp(ln_a + power * log_fluence, ln_b + np.log(rise + 1e-300))
    return law


def segmented(theta: Array, log_fluence: Array) -> Array:
    """Return three straight pieces in log-log; unknowns ln I at the knee, two slopes, ln Fth, slope 3, ln ln F2/Fth."""
    level, first, second, ln_knee, third, ratio = theta
    at = log_fluence - ln_knee
    second_knee = math.exp(min(ratio, 5.0))
    law: Array = (
        level + first * at + (second - first) * np.maximum(at, 0) + (third - second) * np.maximum(at - second_knee, 0)
    )
    return law


def fit_soft_knee(groups: Groups, noise: Noise, photons: int, start: Array | None = None) -> Fit:
    """Fit the softplus law from the best of a grid of knees."""
    x, y = groups.centre, np.log(np.maximum(groups.mean, 1e-3 * groups.mean.max()))
    starts = [start] if start is not None else _knees(x, y, photons)
    low = np.array([-60.0, 0.2, -60.0, x.min() - 1.0, -5.0])
    high = np.array([60.0, 2.0 * photons + 0.5, 80.0, x.max() + 0.3, 1.0])
    fits = [
        fit_law(soft_knee, groups, np.clip(one, low, high), noise, bounds=(low, high), trust=TRUST, even=True)
        for one in starts
    ]
    return min(fits, key=lambda fit: fit.cost)


def _knees(x: Array, y: Array, photons: int) -> list[Array]:
    """Return the two best starts: knee on a grid, the dim part and the rise above it solved one after the other."""
    found = []
    for ln_knee in np.linspace(np.quantile(x, 0.15), np.quantile(x, 0.9), GRID):
        for ln_width in (-3.0, -1.8):
            dim = x < ln_knee - math.exp(ln_width)
            if dim.sum() < 3 or np.ptp(x[dim]) < 0.02 or (~dim).sum() < 3:
                continue
            power = float(np.clip(np.polyfit(x[dim], y[dim], 1)[0], 0.4 * photons, 1.3 * photons))
            ln_a = float(np.mean(y[dim] - power * x[dim]))
            bare = soft_knee(np.array([-100.0, 1.0, 0.0, ln_knee, ln_width]), x)
            over = np.exp(y) - np.exp(ln_a + power * x)
            good = (over > 0) & (x > ln_knee)
            if not good.any():
                continue
            ln_b = float(np.median(np.log(over[good]) - bare[good]))
            theta = np.array([ln_a, power, ln_b, ln_knee, ln_width])
            found.append((float(((soft_knee(theta, x) - y) ** 2).mean()), theta))
    found.sort(key=lambda one: one[0])
    return [theta for _, theta in found[:2]] or [np.array([y.min(), 1.0 * photons, y.max(), float(x.mean()), -2.0])]


def fit_segmented(groups: Groups, noise: Noise, knee: Fit) -> Fit:
    """Fit three pieces from the best pair of knees of a grid, and from one whose first is near the soft knee."""
    x, y = groups.centre, np.log(np.maximum(groups.mean, 1e-3 * groups.mean.max()))
    starts = [_pieces(x, y)]
    near = float(knee.theta[KNEE])
    if abs(starts[0][KNEE] - near) > BESIDE * float(np.ptp(x)):
        starts.append(_pieces(x, y, near))
    span = float(np.ptp(x))
    low = np.array([-60.0, 0.0, 0.0, x.min() + 0.02 * span, -2.0, math.log(0.02 * span)])
    high = np.array([60.0, 12.0, 80.0, x.max() - 0.02 * span, 20.0, math.log(span)])
    fits = [
        fit_law(segmented, groups, np.clip(one, low, high), noise, bounds=(low, high), trust=TRUST, even=True)
        for one in starts
    ]
    return min(fits, key=lambda fit: fit.cost)


def _pieces(x: Array, y: Array, near: float = math.nan) -> Array:
    places = np.linspace(float(np.quantile(x, 0.08)), float(np.quantile(x, 0.97)), GRID)
    best: tuple[float, Array] | None = None
    for i, one in enumerate(places[:-2]):
        if abs(one - near) > BESIDE * float(np.ptp(x)):
            continue
        for two in places[i + 1 :]:
            design = np.stack([np.ones(x.size), x - one, np.maximum(x - one, 0), np.maximum(x - two, 0)], axis=1)
            solved, *_ = np.linalg.lstsq(design, y, rcond=None)
            cost = float(((design @ solved - y) ** 2).sum())
            if (best is None or cost < best[0]) and solved[2] > 0:
                slope = solved[1] + solved[2]
                best = cost, np.array([solved[0], solved[1], slope, one, slope + solved[3], math.log(two - one)])
    if best is None:
        return np.array([y.mean(), 1.0, 3.0, float(x.mean()), 1.0, math.log(0.2 * float(np.ptp(x)))])
    return best[1]


def knee_sigma(groups: Groups, fit: Fit, noise: Noise) -> float:
    """Return the 1-sigma of ln threshold by noise, and by what scatters the groups about the knee beyond it.

    Not below what the residuals give: where the law is not right, it matters which energies the pulses had.
    """
    reach = REACH * float(np.ptp(groups.centre))
    by_noise = fit.sigma(KNEE) * excess_near(groups, fit, noise, float(fit.theta[KNEE]), reach)
    return max(by_noise, fit.jackknife(KNEE))


def first_look(groups: Groups, photons: int, reading: float) -> tuple[Fit, Noise]:
    """Return the softplus law and the noise about it, each by the other."""
    noise = Noise(FLICKER.relative, reading)
    fit = fit_soft_knee(groups, noise, photons)
    noise = rough_noise(groups, fit, reading)
    fit = fit_soft_knee(groups, noise, photons, fit.theta)
    return fit, rough_noise(groups, fit, reading)
