"""The photon order: the exponent of <N> ~ F^m in the full law of the spontaneous light."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from perovskite_meas.analyses.pulses.inversion import transparency
from perovskite_meas.analyses.pulses.rows import Array
from perovskite_meas.core.value import Value

from .film import Shape, spontaneous
from .groups import Groups
from .law import Noise, averaged, fit_law

HIGHEST = 0.3
"""<N> up to which emission is spontaneous."""
FEWEST = 5
START = np.array([0.0, 1.0])


def photon_order(
    groups: Groups, noise: Noise, shape: Shape, biexciton: float, ln_threshold: float, zero: float
) -> Value | None:
    """Return the exponent m; None where too few groups lie at low <N>.

    `zero` is the 1-sigma of an offset of all fluences, J/cm^2: it bends what is proportional to a power of them.

    I = A `spontaneous`(x), x = x_th (F/Fth)^m, over depth and profile, with A and m free; the straight slope of the
    log-log plot is below m because the emission bends.
    """
    top = transparency(shape.charged)
    limit = ln_threshold + math.log(HIGHEST / top) / shape.photons
    low = groups.centre < limit
    if low.sum() < FEWEST:
        return None
    few = groups.only(low)
    moves, weights = _places(shape)

    def law(theta: Array, log_fluence: Array) -> Array:
        x = top * np.exp(np.clip(theta[1] * (log_fluence[..., None] - ln_threshold + moves), -50.0, 3.0))
        found: Array = theta[0] + np.log(spontaneous(x, biexciton) @ weights)
        return found

    start = START * np.array([0.0, float(shape.photons)])
    start[0] = float(np.median(np.log(np.maximum(few.mean, 1e-9)) - law(start, few.centre)))
    fit = fit_law(law, few, start, noise)
    moved = replace(few, log_fluence=np.log(np.exp(few.log_fluence) + zero / few.unit))
    offset = abs(fit.moved(1, averaged(law, fit.theta, moved) - fit.model)) if zero else 0.0
    read = noise.reading**2 * (few.weight**2).sum(axis=1).mean()
    reach = max(float(np.var(few.centre)), 4.0 * read)
    undiluted = 1.0 + read / (reach - read)
    m = float(fit.theta[1]) * undiluted
    return Value.combine(m, fit.sigma(1) * undiluted, math.hypot(0.01 * shape.photons, offset), "1")


def slope(groups: Groups, ln_threshold: float, photons: int) -> float:
    """Return the straight slope of ln emission against ln fluence at low fluence, only to be plotted."""
    low = groups.centre < ln_threshold - 0.9 / photons
    if low.sum() < FEWEST:
        return math.nan
    y = np.log(np.maximum(groups.mean[low], 1e-9))
    return float(np.polyfit(groups.centre[low], y, 1)[0])


def _places(shape: Shape) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(4)
    nodes, weights = (nodes + 1.0) / 2.0, weights / 2.0
    depth = -shape.depth * nodes
    across = -2.0 * (1.3 * nodes) ** 2 if shape.gaussian else np.zeros(nodes.size)
    along = -2.0 * (shape.along * nodes) ** 2
    moves = np.add.outer(np.add.outer(depth, across), along).ravel()
    return moves, np.multiply.outer(np.multiply.outer(weights, weights), weights).ravel()
