"""What the figure and the stored result show: spectra against field, levels, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.stack import Stack

from .brightening import Brightening
from .decays import Decays
from .levels import SIZE, Exciton
from .shifts import Visits

MARGIN = 0.9
"""meV around the outermost levels."""
FINE = 61


def maps_shown(fit: Fit, made: Stack) -> dict[str, Any]:
    """Return all frames of a field added on one axis, shifts taken off."""
    levels = len(fit.levels.parameters)
    place, _ = fit.levels.positions(fit.values[:levels], made.field)
    low, high = float(place.min()) - MARGIN, float(place.max()) + MARGIN
    pixel = float(np.median(np.abs(np.diff(made.energy[0]))))
    grid = np.arange(low, high, pixel)
    fields, which = np.unique(np.round(made.field, 1), return_inverse=True)
    shape = fields.size, grid.size
    counts, model, variance = (np.zeros(shape) for _ in range(3))
    for f in range(len(made.counts)):
        axis = made.energy[f] - fit.shifts[f]
        up = np.argsort(axis)
        for total, values in (
            (counts, np.where(made.good[f] > 0, made.counts[f], fit.model[f])), (model, fit.model[f]),
            (variance, np.maximum(fit.model[f], 0.0) + made.floor[f]),
        ):  # fmt: skip
            total[which[f]] += np.interp(grid, axis[up], values[up])
    residual = (counts - model) / np.sqrt(np.maximum(variance, 1.0))
    return {
        "field": [float(np.mean(made.field[which == k])) for k in range(fields.size)], "energy": grid.round(4).tolist(),
        "counts": counts.round(1).tolist(), "model": model.round(1).tolist(), "residual": residual.round(2).tolist(),
    }  # fmt: skip


def branches_shown(fit: Fit, highest: float, lowest: float) -> dict[str, Any]:
    """Return the levels on a grid of fields."""
    field = np.linspace(min(lowest, 0.0), highest, FINE)
    levels = len(fit.levels.parameters)
    place, _ = fit.levels.positions(fit.values[:levels], np.abs(field))
    exciton = isinstance(fit.levels, Exciton)
    share = Exciton().dark_share(fit.values[:SIZE], np.abs(field)) if exciton else np.zeros_like(place)
    return {"field": field.tolist(), "levels": place.T.round(5).tolist(), "dark_share": share.T.round(5).tolist()}


def dark_shown(grown: Brightening | None) -> dict[str, Any]:
    """Return the share of the dark line by field."""
    if grown is None:
        return {}
    return {
        "field": grown.field.tolist(), "share": grown.share.tolist(), "sigma": grown.sigma.tolist(),
        "law": grown.law.tolist(),
    }  # fmt: skip


def decays_shown(found: Decays | None) -> dict[str, Any]:
    """Return the decay rates by field, in 1/us."""
    if found is None:
        return {}
    model: Array = np.where(np.isfinite(found.model), found.model, 0.0)
    return {
        "field": found.field.tolist(), "rate": (found.rate * 1e3).tolist(), "sigma": (found.sigma * 1e3).tolist(),
        "model": (model * 1e3).tolist(),
    }  # fmt: skip


def shifts_shown(seen: Visits) -> dict[str, Any]:
    """Return the shifts by stay at a field."""
    return {"time": seen.time.tolist(), "field": seen.field.tolist(), "shift": (seen.shift * 1e3).tolist()}
