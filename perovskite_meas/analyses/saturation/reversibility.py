"""Does the signal come back? Down against up at equal powers, and the first power again at the very end."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.value import Value

from .fit import Fit
from .model import Model
from .rows import Array, Rows

UNKNOWN = Value(math.nan, math.nan, "1")


def reversibility(model: Model, fit: Fit, rows: Rows) -> Value:
    """Return the mean ratio of the signal going down over going up; NaN where no power was visited both ways.

    Each signal is divided by the fitted curve at constant brightness and its own power, so that small
    differences of power do not matter; pairs are weighted by their variance.
    """
    ratio, relative = _against_curve(model, fit)
    logs, weights = [], []
    for power in np.unique(rows.power_set[rows.of("up")]):
        same = np.isclose(rows.power_set, power, rtol=1e-3)
        up, down = same & rows.of("up"), same & rows.of("down")
        if not (up.any() and down.any()) or (ratio[up | down] <= 0).any():
            continue
        logs.append(np.log(ratio[down]).mean() - np.log(ratio[up]).mean())
        weights.append(1 / ((relative[up] ** 2).sum() / up.sum() ** 2 + (relative[down] ** 2).sum() / down.sum() ** 2))
    if not logs:
        return UNKNOWN
    total = float(np.sum(weights))
    mean = math.exp(float(np.dot(logs, weights)) / total)
    return Value(mean, mean / math.sqrt(total), "1")


def return_ratio(model: Model, fit: Fit, rows: Rows) -> Value | None:
    """Return the signal of the return rows over the first upward visit of the same power; None if not taken."""
    back = rows.of("return")
    if not back.any():
        return None
    first = rows.of("up") & np.isclose(rows.power_set, rows.power_set[back][0], rtol=1e-3)
    if not first.any():
        return None
    ratio, relative = _against_curve(model, fit)
    one, two = float(ratio[first].mean()), float(ratio[back].mean())
    if one <= 0:
        return None
    spread_one = relative[first] * ratio[first]
    spread_two = relative[back] * ratio[back]
    sigma_one = math.sqrt(float((spread_one**2).sum())) / first.sum()
    sigma_two = math.sqrt(float((spread_two**2).sum())) / back.sum()
    return Value(two / one, math.hypot(sigma_two / one, two * sigma_one / one**2), "1")


def net_signal(model: Model, fit: Fit) -> tuple[Array, Array]:
    """Return the signal free of dead time, dark counts and background, in cps, and its 1-sigma."""
    _, variance = model.moments(fit.theta)
    rate = model.counts / model.live_time
    live = rate / np.clip(1 - rate * model.dead_time, 0.05, None)
    slope = (1 + live * model.dead_time) ** 2 / model.live_time
    blank = model.background(fit.theta) + fit.value("dark")
    return live - blank, np.sqrt(variance) * slope


def _against_curve(model: Model, fit: Fit) -> tuple[Array, Array]:
    theta = fit.theta.copy()
    theta[7:9] = 0.0
    curve = np.clip(model.signal(theta), 1e-9, None)
    net, sigma = net_signal(model, fit)
    return net / curve, sigma / np.clip(model.signal(fit.theta), 1e-9, None)
