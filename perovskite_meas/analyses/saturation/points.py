"""What is drawn and judged row by row: rates, residuals, and the fitted curve."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .counts import live_rate
from .fit import Fit
from .model import Model
from .reversibility import net_signal
from .rows import Rows


def misfit(residual: Any, power: Any) -> float:
    """Return the largest |mean residual|, in sigma, over groups of neighbouring powers."""
    groups = np.array_split(residual[np.argsort(power)], max(1, residual.size // 6))
    return max(abs(float(group.sum())) / math.sqrt(group.size) for group in groups)


def residuals(model: Model, fit: Fit) -> Any:
    """Return (counts - mean)/sigma of every row."""
    mean, variance = model.moments(fit.theta)
    return (model.counts - mean) / np.sqrt(variance)


def chi2_reduced(model: Model, fit: Fit) -> float:
    """Return the squared residuals over the degrees of freedom."""
    shape = {"ln_blink", "ln_jitter", "zero", "bend"}
    unknowns = sum(name not in shape for name in fit.free)
    return float((residuals(model, fit) ** 2).sum() / max(model.counts.size - unknowns, 1))


def points(model: Model, fit: Fit, rows: Rows) -> dict[str, Any]:
    """Return one entry per row used, as `SaturationResult.points` tells."""
    raw = model.counts / model.live_time
    net, sigma = net_signal(model, fit)
    lit = model.lit
    return {
        "series": rows.series.tolist(),
        "row": rows.index.tolist(),
        "power": np.where(lit, model.power * model.unit_power, 0.0),
        "raw_rate": raw,
        "live_rate": live_rate(raw, model.dead_time),
        "signal": net,
        "sigma": sigma,
        "mean_excitations": np.where(rows.emitter, model.excitations(fit.theta), 0.0),
        "model": model.rate(fit.theta),
        "residual": residuals(model, fit),
    }


def curve(model: Model, fit: Fit) -> dict[str, Any]:
    """Return the fitted signal and background (cps) at zero dose on a grid of powers (W)."""
    on = model.power[model.emitter]
    p = np.geomspace(on.min() / 1.3, on.max() * 1.3, 120)
    ones = np.ones(p.size)
    dense = replace(
        model,
        counts=ones,
        live_time=ones,
        power=p,
        power_noise=0 * ones,
        dose=0 * ones,
        emitter=ones > 0,
        lit=ones > 0,
    )
    theta = fit.theta.copy()
    theta[3] = 0.0
    return {"power": p * model.unit_power, "signal": dense.signal(theta), "background": dense.background(theta)}
