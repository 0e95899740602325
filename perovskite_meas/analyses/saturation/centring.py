"""Where the emitter was in the beam: from the rows of a centring, else as stated."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .rows import ON_EMITTER, Array, series_names
from .setup import Setup

if TYPE_CHECKING:
    import xarray as xr

BLINKING = 0.03
"""Relative noise of a 1 s point beyond photon statistics: blinking and laser; 4 % in half a second."""
RESOLUTION = 5.0
"""nm per axis by which a scanner may miss its place."""
SURE = 0.25
"""A sigma above this part of the waist tells no centre."""


@dataclass(frozen=True)
class Residual:
    """Place of the emitter relative to the beam axis during the sweep."""

    distance: float
    """nm."""
    sigma: float
    """1-sigma per axis, in nm."""


def with_centring(setup: Setup, data: xr.Dataset) -> tuple[Setup, list[str]]:
    """Return the setup with the residual offset that the centring rows leave, and notes.

    Without such rows, or where they tell no centre, `spot.centring` stands as it was stated.
    """
    names = series_names(data)
    if not (names == "centring").any():
        return setup, []
    found = residual(data, names, setup)
    if found is None:
        note = (
            f"the centring rows tell no centre; the place in the beam is taken as stated, {setup.centring:.3g} nm rms"
        )
        return setup, [note]
    notes = []
    if found.distance > 3 * math.hypot(found.sigma, setup.waist.nominal / 20):
        notes.append(
            f"the centring rows put the emitter {found.distance:.0f} nm beside the beam axis during the sweep: "
            "sigma2 is corrected for it; centre anew"
        )
    return replace(setup, offset=found.distance, centring=math.sqrt(2) * found.sigma), notes


def residual(data: xr.Dataset, names: npt.NDArray[np.str_], setup: Setup) -> Residual | None:
    """Return how far the emitter was from the axis while the sweep was taken; None where the rows do not tell.

    The net counts N at each place follow ln N = c - 4 |r - r0|^2/w^2 while <N> is small. r0 is fitted with c and the
    curvature, which dark counts and the onset of saturation change alike on all sides. Where the bench states
    `spot.centring`, it is the prior of the place at which the run started.
    """
    if "x" not in data or "y" not in data:
        return None
    x, y, counts, live = (np.asarray(data[name].values, dtype=np.float64) for name in ("x", "y", "counts", "live_time"))
    x, y = 1e3 * x, 1e3 * y
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(counts) & (live > 0)
    on, cross, dark = finite & np.isin(names, ON_EMITTER), finite & (names == "centring"), names == "dark"
    dark &= np.isfinite(counts) & (live > 0)
    if not (on.any() and cross.any()):
        return None
    blank = float(counts[dark].sum() / live[dark].sum()) if dark.any() else 0.0
    found = summit(x[cross], y[cross], counts[cross], live[cross], blank)
    if found is None:
        return None
    place, sigma = found
    if setup.centring > 0:
        weight = 1 / (1 + 2 * (sigma / setup.centring) ** 2)
        place, sigma = weight * place, math.sqrt(weight) * sigma
    away = place - np.array([np.median(x[on]), np.median(y[on])])
    sigma = math.hypot(sigma, RESOLUTION)
    if sigma > SURE * setup.waist.nominal:
        return None
    return Residual(float(np.hypot(*away)), sigma)


def summit(x: Array, y: Array, counts: Array, live: Array, blank: float) -> tuple[Array, float] | None:
    """Return the top (2,) of a round Gaussian in the units of x and y, and its 1-sigma per axis; None if none.

    Args:
        x: places, at least 4 that differ.
        y: likewise.
        counts: registered.
        live: s.
        blank: rate without the emitter, cps.
    """
    net = counts - blank * live
    good = net > 0
    design = np.stack([np.ones(x.size), x, y, -(x**2 + y**2)], axis=1)[good]
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    variance = counts[good] / net[good] ** 2 + BLINKING**2 / live[good]
    scaled = design / np.sqrt(variance)[:, None]
    covariance = np.linalg.inv(scaled.T @ scaled)
    target = np.log(net[good])
    best = covariance @ (scaled.T @ (target / np.sqrt(variance)))
    curvature = float(best[3])
    if curvature <= 3 * math.sqrt(covariance[3, 3]):
        return None
    spare = int(good.sum()) - best.size
    if spare > 0:
        covariance *= max(1.0, float((((target - design @ best) ** 2) / variance).sum()) / spare)
    top = best[1:3] / (2 * curvature)
    gradient = np.zeros((2, 4))
    gradient[0, 1] = gradient[1, 2] = 1 / (2 * curvature)
    gradient[:, 3] = -top / curvature
    spread = gradient @ covariance @ gradient.T
    arm = float(np.hypot(x - x.mean(), y - y.mean()).max())
    if np.hypot(*(top - (x.mean(), y.mean()))) > 2 * arm:
        return None
    return top, math.sqrt(float(np.trace(spread)) / 2)
