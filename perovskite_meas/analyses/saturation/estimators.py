"""The cross-section by other estimators: simpler models, parts of the data, and the common naive fit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.optimize import curve_fit

from perovskite_meas.core.value import Value

from .fit import Fit
from .full import Recipe, full_fit
from .model import Model
from .rows import Array, Rows
from .setup import Setup

NAIVE = "cw_hyperbola"
SURVIVAL_SEEN = 1e-3
"""Below this chance of outliving the period, isolated pulses are the same fit."""
FEW = 5
"""An estimator on part of the rows needs more rows on the emitter than this."""


def estimators(model: Model, recipe: Recipe, best: Fit, rows: Rows, setup: Setup) -> dict[str, Value]:
    """Return cross-sections in GM by name, each with its statistical sigma only.

    `full_model`: the full fit under the central ladder law alone, before the mean over the laws is taken; the reported
    cross-section is that mean, so the two differ by `Systematics.shift`. All the others keep the central law, too.
    `quadratic_only` and `with_leak`: without and with a part of <N> that is linear in the power; `full_model` is one
    of the two. `q_zero`: no light from multiexcitons. `isolated_pulses`: no exciton outlives the period.
    `no_drift`: constant brightness. `up_only`: without down and return rows. `x_below_3`: rows with <N> < 3,
    where the ladder law matters least. `cw_hyperbola`: P^2/(P^2 + P_sat^2), wrong for pulses, shown as a warning.
    """

    def gm(fit: Fit) -> Value:
        return _gm(setup, model, fit.value("ln_alpha"), fit.sigma("ln_alpha"))

    values = {
        "full_model": gm(best),
        "quadratic_only": gm(full_fit(model, recipe, best.theta, leak=0.0)),
        "with_leak": gm(full_fit(model, recipe.with_leak(), best.theta)),
        "q_zero": gm(full_fit(model, recipe, best.theta, q=0.0)),
        "no_drift": gm(full_fit(model, recipe, best.theta, drift=0.0, bend=0.0)),
    }
    if model.survival > SURVIVAL_SEEN:
        values["isolated_pulses"] = gm(full_fit(replace(model, survival=0.0), recipe, best.theta))
    x = model.excitations(best.theta)
    parts = {"up_only": ~rows.of("down", "return"), "x_below_3": ~rows.emitter | (x < 3)}
    for name, keep in parts.items():
        if (keep & rows.emitter).sum() > FEW and not keep.all():
            values[name] = gm(full_fit(model.subset(keep), recipe, best.theta))
    naive = cw_hyperbola(model)
    if naive is not None:
        values[NAIVE] = _gm(setup, model, *naive)
    return values


def spread(found: dict[str, Value]) -> float:
    """Return the relative standard deviation of the estimators, the naive one left out."""
    values = np.array([value.nominal for name, value in found.items() if name != NAIVE])
    return float(values.std() / values.mean())


def cw_hyperbola(model: Model) -> tuple[float, float] | None:
    """Fit I P^2/(P^2 + P_sat^2) to dark-subtracted raw rates; return ln alpha = -2 ln P_sat and its sigma.

    None where that fit does not converge.
    """
    rate = model.counts / model.live_time
    dark = rate[~model.lit].mean()
    p, y = model.power[model.emitter], rate[model.emitter] - dark
    sigma = np.sqrt(np.clip(rate[model.emitter], 1, None) / model.live_time[model.emitter] + (0.02 * y) ** 2)

    def hyperbola(power: Array, ln_top: float, ln_half: float) -> Array:
        half2 = math.exp(2 * ln_half)
        result: Array = math.exp(ln_top) * power**2 / (power**2 + half2)
        return result

    try:
        top = math.log(max(float(y.max()), 1.0))
        best, covariance = curve_fit(hyperbola, p, y, p0=(top, 0.0), sigma=sigma, absolute_sigma=True)
    except (RuntimeError, OverflowError):
        return None
    return -2 * float(best[1]), 2 * math.sqrt(float(covariance[1, 1]))


def _gm(setup: Setup, model: Model, ln_alpha: float, sigma: float) -> Value:
    nominal = setup.cross_section(math.exp(ln_alpha) / model.unit_power**2)
    return Value(nominal, nominal * sigma, "GM", nominal * sigma, 0.0)
