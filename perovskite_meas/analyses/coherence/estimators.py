"""T2 by other estimators: other treatment of the same bursts, and the common naive ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares

from perovskite_meas.core.value import Value

from .decay import Line
from .fit import Best, Points, fit
from .laser import folded
from .rice import most_likely
from .rows import Array, Bursts, Mask
from .visibility import Visibilities

LATE = 1.5
"""Pulse durations from which the convolution no longer matters."""
FEW = 5


def folded_points(points: Points, seen: Visibilities, phase: Array, background: float) -> Points:
    """Return the points with the visibilities of plainly summed sweeps: no blinking, no phases followed."""
    bursts = seen.bursts
    length, sigma = folded(bursts, bursts.counts, phase)
    mean = bursts.counts.sum(axis=(1, 2)) / (bursts.sweeps * bursts.fine.shape[1])
    share = mean / np.maximum(mean - background * bursts.exposure, 0.05 * np.maximum(mean, 1e-9))
    factor = share * seen.correction
    return replace(points, length=length * factor, sigma=np.maximum(sigma, 1e-6) * factor, extra=0.0)


def estimators(points: Points, plain: Points, best: Best, keep: Mask) -> dict[str, Value]:
    """Return t2 in ps by name, each with its statistical sigma only.

    `rice`: the model that won, on visibilities with blinking and phases integrated out; the reported one.
    `folded_rice`: the same on plainly summed sweeps. `squared`: least squares on V^2 - 2 s^2 of those.
    `least_squares`: on their most likely V. `late`: delays beyond 1.5 pulse durations alone. `unconvolved`: those
    without any convolution.
    """
    model = best.model
    found = {"rice": _value(best)}
    found["folded_rice"] = _value(fit(plain.only(keep), model, best.theta))
    if model == "exponential":
        for name, power in (("squared", 2), ("least_squares", 1)):
            value = _least_squares(plain.only(keep), power, best)
            if value is not None:
                found[name] = value
    late = keep & (points.tau >= LATE * points.duration)
    if np.unique(np.round(points.tau[late], 2)).size >= FEW:
        if (late != keep).any():
            found["late"] = _value(fit(points.only(late), model, best.theta))
        if model == "exponential":
            found["unconvolved"] = _value(fit(replace(points.only(late), duration=0.0), model, best.theta))
    return found


def spread(found: dict[str, Value]) -> float:
    """Return the relative standard deviation of the estimators."""
    values = np.array([value.nominal for value in found.values()])
    return float(values.std() / values.mean())


def naive(bursts: Bursts, tau: Array, background: float, phase: Array) -> tuple[dict[str, Value], Array]:
    """Return t2 in ps of the naive ways, and (max-min)/(max+min) of each burst.

    `max_min`: an exponential through (max-min)/(max+min) of the folded points; noise always makes that too large.
    `log_linear`: an unweighted line through ln of the fitted visibilities, background subtracted.
    """
    counts = bursts.counts.sum(axis=1)
    dark = (background * bursts.seconds)[:, None]
    top, bottom = counts.max(axis=1), counts.min(axis=1)
    contrast = (top - bottom) / np.maximum(top + bottom - 2 * dark[:, 0], 1.0)
    length, _ = folded(bursts, bursts.counts, phase)
    mean = counts.mean(axis=1)
    net = length * mean / np.maximum(mean - dark[:, 0], 0.05 * np.maximum(mean, 1e-9))
    found = {}
    guess = np.array([float(np.clip(contrast.max(), 0.1, 4.9)), math.log(0.3 * float(np.ptp(tau)) + 1.0)])
    solved = _solve(
        lambda free: free[0] * np.exp(-tau / np.exp(np.clip(free[1], -20, 20))) - contrast, guess, scaled=True
    )
    if solved is not None:
        found["max_min"] = solved
    good = net > 0
    if good.sum() > 2 and np.ptp(tau[good]) > 0:
        slope = float(np.polyfit(tau[good], np.log(net[good]), 1)[0])
        if slope < 0:
            left = np.log(net[good]) - np.polyval(np.polyfit(tau[good], np.log(net[good]), 1), tau[good])
            error = float(left.std() / (math.sqrt(good.sum()) * tau[good].std()))
            found["log_linear"] = Value(-1 / slope, error / slope**2, "ps")
    return found, contrast


def _value(best: Best) -> Value:
    t2 = best.line.t2
    sigma = t2 * best.deviation("ln_t2")
    return Value(t2, sigma, "ps", sigma, 0.0)


def _least_squares(points: Points, power: int, best: Best) -> Value | None:
    """Return t2 by weighted least squares on V or on V^2 - 2 s^2."""
    s = points.sigma
    if power == 2:
        y = points.length**2 - 2 * s**2
        error = 2 * s * np.sqrt(np.maximum(points.length**2, s**2))
    else:
        y, error = most_likely(points.length, s), s

    def misfit(free: Array) -> Array:
        return np.asarray(
            (np.abs(points.model(float(free[0]), Line(math.exp(free[1])))) ** power - y) / error, np.float64
        )

    return _solve(misfit, np.array([best.v0, best.value("ln_t2")]), scaled=False)


def _solve(misfit: Callable[[Array], Array], start: Array, *, scaled: bool) -> Value | None:
    """Return t2 in ps from residuals in (visibility, ln t2); None where they do not tell. `scaled`: sigma by misfit."""
    found = least_squares(misfit, start, bounds=([-5.0, -5.0], [5.0, 12.0]), x_scale=np.array([0.1, 0.1]))
    slopes = np.asarray(found.jac, np.float64)
    information = slopes.T @ slopes
    if not found.success or np.linalg.cond(information) > 1e12 or found.active_mask.any():
        return None
    variance = float(np.linalg.inv(information)[1, 1])
    if scaled:
        variance *= 2 * float(found.cost) / max(1, slopes.shape[0] - 2)
    t2 = math.exp(float(found.x[1]))
    return Value(t2, t2 * math.sqrt(variance), "ps", t2 * math.sqrt(variance), 0.0)
