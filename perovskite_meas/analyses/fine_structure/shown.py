"""What the figure and the stored result show: spectra by angle, and the light of each line against angle."""

from __future__ import annotations

from typing import Any

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.stack import Stack

from .polarisation import Polarised

MARGIN = 0.9
"""meV around the outermost lines."""


def spectra_shown(fit: Fit, made: Stack, angles: Array) -> dict[str, Any]:
    """Return all frames of an angle added on one axis, shifts taken off, with model and single lines."""
    lines = fit.amplitude.shape[1] - 2
    place = fit.levels.positions(fit.values[:-4], np.zeros(1))[0][0]
    pixel = float(np.median(np.abs(np.diff(made.energy[0]))))
    grid = np.arange(float(place.min()) - MARGIN, float(place.max()) + MARGIN, pixel)
    counts, model = np.zeros((angles.size, grid.size)), np.zeros((angles.size, grid.size))
    for f, g in enumerate(made.group):
        axis = made.energy[f] - fit.shifts[f]
        up = np.argsort(axis)
        seen = np.where(made.good[f] > 0, made.counts[f], fit.model[f])
        counts[g] += np.interp(grid, axis[up], seen[up])
        model[g] += np.interp(grid, axis[up], fit.model[f][up])
    profile = fit.shape.profile(fit.values[-4:], slopes=False)
    x = profile.first + profile.step * np.arange(profile.table.shape[1])
    size = np.diff(made.starts)
    parts = [
        [(fit.amplitude[g, i] * size[g] * pixel * np.interp(grid - place[i], x, profile.table[0])).round(1).tolist()
         for i in range(lines)]
        for g in range(angles.size)
    ]  # fmt: skip
    return {
        "angle": angles.tolist(), "energy": grid.round(4).tolist(), "counts": counts.round(1).tolist(),
        "model": model.round(1).tolist(), "parts": parts, "lines": place.tolist(),
    }  # fmt: skip


def polar_shown(fit: Fit, angles: Array, seconds: Array, polar: list[Polarised | None]) -> dict[str, Any]:
    """Return the light of each line against the angle of the analyser, and its law."""
    keep = angles >= 0
    if not keep.any():
        return {}
    lines = fit.amplitude.shape[1] - 2
    grid = np.linspace(0.0, 360.0, 121)
    light, sigma = (part[keep, :lines] / seconds[keep, None] for part in (fit.amplitude, fit.error))
    return {
        "angle": angles[keep].tolist(), "light": light.T.tolist(), "sigma": sigma.T.tolist(), "grid": grid.tolist(),
        "law": [one.law(grid).tolist() if one is not None else [] for one in polar],
    }  # fmt: skip
