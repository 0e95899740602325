"""What is drawn: groups, laws on a grid, and spectra in order of fluence."""

from __future__ import annotations

from typing import Any

import numpy as np

from perovskite_meas.analyses.pulses.light import Light
from perovskite_meas.analyses.pulses.rows import Rows
from perovskite_meas.analyses.spectra.setup import EV_NM

from .estimators import Estimates
from .groups import Groups, spectra
from .law import Noise, averaged, variance
from .narrowing import curve

GRID = 150
SHOWN = 60


def points_shown(
    rows: Rows, chosen: Groups, up: Groups, down: Groups, found: Estimates, noise: Noise
) -> dict[str, Any]:
    """Return one entry per group, as `ThresholdResult.points` tells, and those of up and down alone."""
    fit, narrow = found.knee, found.narrowing

    def part(groups: Groups) -> dict[str, Any]:
        # Reduced to the middle of the group's energies, so that points and laws can be compared by eye.
        model, centre = averaged(fit.law, fit.theta, groups), np.exp(fit.law(fit.theta, groups.centre))
        return {
            "fluence": groups.unit * np.exp(groups.centre),
            "emission": groups.mean * centre / model,
            "sigma": np.sqrt(variance(fit.law, fit.theta, groups, noise)) * centre / model,
            "model": centre,
        }

    return {
        **part(chosen),
        "width": narrow.widths,
        "width_fluence": chosen.unit * np.exp(narrow.centre),
        "width_sigma": narrow.sigmas,
        "up": part(up),
        "down": part(down) if len(down) else {},
    }


def curves_shown(groups: Groups, found: Estimates) -> dict[str, Any]:
    """Return every law on a grid of fluences."""
    centre = groups.centre
    x = np.linspace(float(centre.min()) - 0.05, float(centre.max()) + 0.05, GRID)
    curves = {
        "fluence": groups.unit * np.exp(x),
        "soft_knee": np.exp(found.knee.law(found.knee.theta, x)),
        "segmented": np.exp(found.pieces.law(found.pieces.theta, x)),
        "width": curve(found.narrowing.theta, x),
    }
    if found.gain is not None:
        inside = x < found.gain.highest
        law = np.full(x.size, np.nan)
        law[inside] = np.exp(found.gain.best.law(found.gain.best.theta, x[inside]))
        curves["gain_model"] = law
    return curves


def spectra_shown(rows: Rows, light: Light, each: Groups) -> dict[str, Any]:
    """Return the mean spectrum of each setting going up, over its maximum."""
    up = each.only(rows.series[each.row] == "up")
    order = np.argsort(up.centre)
    order = order[np.unique(np.linspace(0, order.size - 1, SHOWN).astype(int))]
    keep = np.zeros(len(up), dtype=bool)
    keep[order] = True
    some = up.only(keep)
    mean, _ = spectra(some, light)
    inner = np.argsort(some.centre)
    top = np.maximum(mean.max(axis=1, keepdims=True), 1e-12)
    return {
        "fluence": (some.unit * np.exp(some.centre))[inner],
        "wavelength": EV_NM * 1e3 / light.energy,
        "emission": (mean / top)[inner],
    }
