"""The two line widths of a sweep, with what their definition leaves open."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter1d

from perovskite_meas.analyses.pulses.light import Light
from perovskite_meas.analyses.pulses.rows import Array
from perovskite_meas.core.value import Value

from .groups import Groups, spectra
from .narrowing import Narrowing

SMOOTH = 3.0
"""Pixels over which a spectrum is smoothed before its half maximum is read."""
DIM = 0.3
"""Part of the groups, from the lowest fluence, whose spectrum stands for that below threshold."""


def linewidths(groups: Groups, light: Light, found: Narrowing, dispersion: float) -> tuple[Value, Value]:
    """Return the widths below and above threshold, meV.

    Systematic: the spectrometer's dispersion, and below threshold by how much the width at half maximum differs from
    that by participation, as it does where the line is no Gaussian.
    """
    dim = groups.only(groups.centre <= np.quantile(groups.centre, DIM))
    mean, _ = spectra(dim, light)
    half = half_maximum(mean.sum(axis=0), light.step)
    apart = abs(half - found.below.nominal) if math.isfinite(half) else 0.0
    values = []
    for value, more in ((found.below, apart), (found.above, 0.0)):
        systematic = math.hypot(dispersion * value.nominal, more)
        values.append(Value.combine(value.nominal, value.sigma, systematic, "meV"))
    return values[0], values[1]


def half_maximum(spectrum: Array, step: Array) -> float:
    """Return the full width at half maximum of a spectrum (b,), in the unit of `step`; NaN where it is cut off."""
    density = gaussian_filter1d(spectrum / step, SMOOTH, mode="nearest")
    place = np.cumsum(step)
    top = int(density.argmax())
    low = density < 0.5 * density[top]
    left, right = np.flatnonzero(low[:top]), np.flatnonzero(low[top:])
    if not left.size or not right.size:
        return math.nan
    edges = []
    for inner, outer in ((int(left[-1]) + 1, int(left[-1])), (top + int(right[0]) - 1, top + int(right[0]))):
        share = (density[inner] - 0.5 * density[top]) / (density[inner] - density[outer])
        edges.append(place[inner] + share * (place[outer] - place[inner]))
    return float(abs(edges[1] - edges[0]))
