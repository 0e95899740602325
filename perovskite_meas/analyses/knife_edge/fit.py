"""The curve of a knife edge: a Gaussian beam, or one with a flat top, cut by a straight edge."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.special import erf

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_FLOOR = 0.02
"""1-sigma of the floor, over the full height."""
_START = 0.1
"""Of the full height: the edge positions at which the curve crosses this and its complement give a first width."""


@dataclass(frozen=True)
class Edge:
    """One fitted curve; lengths in mm."""

    waist: float
    centre: float
    covariance: Array
    """Of height, floor, centre, waist and flat part, shape (k, k)."""
    flat: float
    """Full width of the flat part; 0 for a Gaussian."""
    chi2: float
    spare: int
    """Degrees of freedom."""
    fit: Array
    """Shape (n,)."""

    @property
    def sigma_waist(self) -> float:
        """1-sigma of the waist."""
        return math.sqrt(float(self.covariance[3, 3]))

    @property
    def sigma_centre(self) -> float:
        """1-sigma of the centre."""
        return math.sqrt(float(self.covariance[2, 2]))

    @property
    def sigma_flat(self) -> float:
        """1-sigma of the flat part; 0 for a Gaussian."""
        return math.sqrt(float(self.covariance[4, 4])) if self.covariance.shape[0] > 4 else 0.0


def share(position: Array, centre: float, waist: float, flat: float) -> Array:
    """Return the share of the energy on the low side of the edge, shape (n,).

    A Gaussian of 1/e^2 radius `waist` convolved with a rectangle of full width `flat`; all in mm.
    """
    u = math.sqrt(2.0) * (position - centre) / waist
    if flat <= 1e-6 * waist:
        return np.asarray((1.0 + erf(u)) / 2.0, np.float64)
    half = flat / math.sqrt(2.0) / waist

    def integral(v: Array) -> Array:
        return np.asarray(v * erf(v) + np.exp(-(v**2)) / math.sqrt(math.pi), np.float64)

    return np.asarray(0.5 + (integral(u + half) - integral(u - half)) / (4.0 * half), np.float64)


def fit_edge(position: Array, ratio: Array, sigma: Array, limit: Mask, *, flat: bool) -> Edge:
    """Fit one curve: height, floor, centre, waist, and the flat part where `flat`.

    The floor is that of two heads without light, which is known to be near 0.

    Args:
        position: of the edge, mm, shape (n,).
        ratio: energy behind the edge over the reference, shape (n,).
        sigma: 1-sigma of it, shape (n,).
        limit: where the ratio is not known but lies below about `sigma`, shape (n,).
        flat: whether the beam may have a flat top.
    """
    order = np.argsort(position)
    x, y = position[order], ratio[order]
    low, high = float(y.min()), float(y.max())
    rising = float(np.mean(y[-2:])) > float(np.mean(y[:2]))
    level = (y - low) / (high - low) if rising else (high - y) / (high - low)
    level = np.maximum.accumulate(level) + 1e-9 * np.arange(level.size)
    left, middle, right = np.interp((_START, 0.5, 1 - _START), level, x)
    width = max(float(right - left) / 1.2816, float(np.ptp(x)) / 100)
    sense = 1.0 if rising else -1.0

    def model(p: Array) -> Array:
        part = share(position, p[2], abs(p[3]), abs(p[4]) if flat else 0.0)
        return np.asarray(p[0] * (part if sense > 0 else 1.0 - part) + p[1], np.float64)

    start = [high - low, low, float(middle), width, *([0.7 * width] if flat else [])]
    scale = [abs(high - low), abs(high - low), width, width, *([width] if flat else [])]

    def off(p: Array) -> Array:
        left = (model(p) - ratio) / sigma
        return np.append(np.where(limit, np.maximum(left - 1.0, 0.0), left), p[1] / (_FLOOR * (high - low)))

    found = least_squares(off, start, x_scale=scale, method="lm")
    jacobian = np.asarray(found.jac, np.float64)
    covariance: Array = np.asarray(np.linalg.pinv(jacobian.T @ jacobian), np.float64)
    chi2 = float(2 * found.cost)
    spare = max(int((~limit).sum()) + 1 - len(start), 1)
    covariance = covariance * max(1.0, chi2 / spare)
    width_found, flat_found = abs(float(found.x[3])), abs(float(found.x[4])) if flat else 0.0
    return Edge(width_found, float(found.x[2]), covariance, flat_found, chi2, spare, model(found.x))
