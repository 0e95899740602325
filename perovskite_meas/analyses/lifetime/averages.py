"""Lifetimes from the unknowns of a fit: components, averages, and their uncertainties."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .fit import Fit
from .rows import Array

FEW = 0.2
"""Part of the photons up to which an unresolved decay is left out of the averages."""
FASTER = 10.0
"""Factor by which it must be faster than the slowest."""
STEP = 1e-5
"""Step of numerical gradients."""


@dataclass(frozen=True)
class Number:
    """A number and its gradient in the unknowns of a fit."""

    nominal: float
    gradient: Array

    def sigma(self, fit: Fit) -> float:
        """Return the 1-sigma that the covariance of the fit gives."""
        return math.sqrt(max(float(self.gradient @ fit.covariance @ self.gradient), 0.0))


def fast(fit: Fit, width: float) -> npt.NDArray[np.bool_]:
    """Select decays that are no lifetime of the exciton: within the response, few photons, far from the slowest.

    A multiexciton (50 to 100 ps) next to an exciton of nanoseconds carries few photons and most of the amplitude:
    averaged in, it would be all that the amplitude average tells.
    """
    k = fit.model.components
    tau, share = np.exp(fit.theta[:k]), fit.model.fractions(fit.theta)
    limit = max(width, 2.0) * fit.model.bin_width
    out: npt.NDArray[np.bool_] = (tau < limit) & (share < FEW) & (tau < tau.max() / FASTER)
    return out


def number(fit: Fit, function: Callable[[Array], float]) -> Number:
    """Return a function of the unknowns with its gradient."""
    gradient = np.zeros(fit.theta.size)
    for place in fit.free:
        up, down = fit.theta.copy(), fit.theta.copy()
        up[place] += STEP
        down[place] -= STEP
        gradient[place] = (function(up) - function(down)) / (2 * STEP)
    return Number(function(fit.theta), gradient)


def intensity_average(fit: Fit, left_out: npt.NDArray[np.bool_]) -> Number:
    """Return SUM f tau / SUM f in ps, f the photons of each decay: the mean delay of a photon."""
    k = fit.model.components

    def mean(theta: Array) -> float:
        f = fit.model.fractions(theta)[~left_out]
        return float((f * np.exp(theta[:k][~left_out])).sum() / f.sum())

    return number(fit, mean)


def amplitude_average(fit: Fit, left_out: npt.NDArray[np.bool_]) -> Number:
    """Return SUM a tau / SUM a in ps, a = f/tau the height of each decay: the lifetime a rate model needs."""
    k = fit.model.components

    def mean(theta: Array) -> float:
        f = fit.model.fractions(theta)[~left_out]
        return float(f.sum() / (f / np.exp(theta[:k][~left_out])).sum())

    return number(fit, mean)


def amplitude_fraction(fit: Fit, which: int, left_out: npt.NDArray[np.bool_]) -> Number:
    """Return a_i / SUM a over the decays that are averaged."""
    k = fit.model.components

    def part(theta: Array) -> float:
        a = fit.model.fractions(theta) / np.exp(theta[:k])
        return float(a[which] / a[~left_out].sum())

    return number(fit, part)


def lifetime(fit: Fit, which: int) -> Number:
    """Return one decay time in ps."""
    return number(fit, lambda theta: math.exp(theta[which]))


def at_once(fit: Fit, left_out: npt.NDArray[np.bool_]) -> Number:
    """Return the part of the emitter's photons that come at once: the prompt part and the fast decays."""
    model = fit.model

    def part(theta: Array) -> float:
        p = float(theta[model.index("prompt")]) if model.prompt else 0.0
        return (p + float(model.fractions(theta)[left_out].sum())) / (1 + p)

    return number(fit, part)
