"""Places that were not illuminated before: how much the threshold differs from place to place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from perovskite_meas.analyses.pulses.rows import Array, Rows
from perovskite_meas.core.value import Value

from .groups import Groups
from .law import Fit, Law, Noise, fit_law

FEWEST_ROWS = 3
PIECES = 25
"""Parts of the sweep over which what the law leaves is smooth."""
FLOOR = 0.005


@dataclass(frozen=True)
class Fresh:
    """Thresholds of fresh spots over that of the main one."""

    ratios: tuple[Value, ...]
    scatter: Value | None
    """Relative standard deviation from place to place, noise subtracted; None with fewer than two fresh spots."""


def fresh_spots(rows: Rows, each: Groups, main: Groups, knee: Fit, noise: Noise) -> Fresh:
    """Return the thresholds of the fresh spots: the curve of the main one, moved along ln fluence and scaled."""
    ratios = []
    here = rows.series[each.row] == "fresh"
    law = _curve(main, knee)
    for spot in np.unique(rows.spot[each.row[here]]):
        own = each.only(here & (rows.spot[each.row] == spot))
        if len(own) < FEWEST_ROWS:
            continue
        fit = fit_law(law, own, np.zeros(2), noise, priors={0: (0.0, 0.1), 1: (0.0, 0.5)})
        ratio = math.exp(float(fit.theta[1]))
        ratios.append(Value(ratio, ratio * math.hypot(fit.sigma(1), FLOOR), "1"))
    if len(ratios) < 2:
        return Fresh(tuple(ratios), None)
    logs = np.log([1.0, *(value.nominal for value in ratios)])
    noise_part = float(np.mean([value.relative**2 for value in ratios]))
    total = float(np.var(logs, ddof=1))
    scatter = math.sqrt(max(total - noise_part, 0.0))
    free = logs.size - 1
    sigma = total / math.sqrt(2.0 * free) / max(scatter, math.sqrt(total / 2.0), 1e-4)
    return Fresh(tuple(ratios), Value(scatter, sigma, "1"))


def _curve(main: Groups, knee: Fit) -> Law:
    """Return the main spot's measured curve as a law of ln scale and move: its softplus law times what is left."""
    order = np.argsort(main.centre)
    left = np.log(np.maximum(main.mean / knee.model, 1e-3))[order]
    size = max(3, 2 * (left.size // (2 * PIECES)) + 1)
    smooth = uniform_filter1d(left, size, mode="nearest")
    centre = uniform_filter1d(main.centre[order], size, mode="nearest")

    def law(theta: Array, log_fluence: Array) -> Array:
        at = log_fluence - theta[1]
        found: Array = theta[0] + knee.law(knee.theta, at) + np.interp(at, centre, smooth)
        return found

    return law
