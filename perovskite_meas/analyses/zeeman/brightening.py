"""How much of the light comes from the dark state, field by field, and by what law it grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.rows import Array, Indices
from perovskite_meas.analyses.spectra.stack import Stack
from perovskite_meas.core.value import Value

from .levels import Exciton

FEWEST = 4
STEEP, FLAT = 5.0, 0.2


@dataclass(frozen=True)
class Brightening:
    """Share of the dark line in the light."""

    field: Array
    """|B| in T, (k,)."""
    share: Array
    sigma: Array
    law: Array
    """The fitted law at these fields, (k,)."""
    exponent: Value | None
    """m of a growth with B^m that saturates; None where nothing grows."""
    rise: float
    """chi2 of a constant share minus that of a growth with B^2, over the scatter: what a replica cannot explain."""
    clear: float
    """Sigmas of the line summed over the upper half of the fields."""

    @property
    def contrast(self) -> float:
        """Share at the lowest field over that at the highest ones; 1 for a replica."""
        top = float(np.average(self.share[-2:]))
        return float(self.share[0] / top) if top > 0 else 1.0

    @property
    def contrast_sigma(self) -> float:
        """1-sigma of the contrast."""
        top = float(np.average(self.share[-2:]))
        return float(self.sigma[0] / top) if top > 0 else 1.0


def brightening(fit: Fit, made: Stack, angle: Array) -> Brightening:
    """Return the share of the level that is mostly the dark state; `angle` of the analyser by group in deg, (G,).

    The dark line is polarised: shares at the angles of one field are combined by what each angle sees of it, so that
    a missing frame changes the error of a share and not the share.
    """
    shares = Exciton().dark_share(fit.values[:6], np.abs(made.field))
    first = made.starts[:-1]
    level, error, lines = shares.argmax(axis=1)[first], fit.error, fit.amplitude[:, :4]
    rows = np.arange(made.groups)
    own, noise = lines[rows, level], error[rows, level]
    noise = np.where(noise > 0, noise, np.where(own > 0, 0.0, error[:, :4].max(axis=1)))
    total = np.maximum(lines.sum(axis=1), 1e-9)
    part = own / total
    blur = np.maximum(noise / total, 1e-5 + 0.002 * part)
    _, which = np.unique(np.round(np.abs(made.field[first]), 1), return_inverse=True)
    share, sigma = _combined(part, blur, which, angle)
    field = np.bincount(which, np.abs(made.field[first])) / np.bincount(which)
    upper = field >= 0.5 * field.max()
    clear = float(share[upper].sum() / np.sqrt((sigma[upper] ** 2).sum()))
    law, exponent, rise = _laws(field, share, sigma)
    return Brightening(field, share, sigma, law, exponent, rise, clear)


def _combined(part: Array, blur: Array, which: Indices, angle: Array) -> tuple[Array, Array]:
    """Return share and 1-sigma by field for part = share(field) seen(angle), by alternating least squares."""
    angles, turned = np.unique(np.round(angle), return_inverse=True)
    seen, weight = np.ones(angles.size), blur**-2
    count = np.array([np.unique(which[turned == a]).size for a in range(angles.size)])
    free = count > 1
    share, scale = np.zeros(which.max() + 1), np.ones(which.max() + 1)
    for _ in range(40):
        scale = np.maximum(np.bincount(which, weight * seen[turned] ** 2), 1e-9)
        share = np.bincount(which, weight * part * seen[turned]) / scale
        total = np.maximum(np.bincount(turned, weight * share[which] ** 2), 1e-12)
        fresh = np.bincount(turned, weight * part * share[which]) / total
        seen = np.where(free & (fresh > 0), fresh, np.where(free, 0.0, 1.0))
        mean = float(seen[free].mean()) if free.any() else 1.0
        seen = np.where(free, seen / mean, 1.0) if mean > 0 else np.ones(angles.size)
    left = part - share[which] * seen[turned]
    excess = max(1.0, float((weight * left**2).sum()) / max(1, part.size - share.size - int(free.sum()) + 1))
    return share, np.sqrt(excess / scale)


def _laws(field: Array, share: Array, sigma: Array) -> tuple[Array, Value | None, float]:
    weight = sigma**-2
    mean = float((weight * share).sum() / weight.sum())
    constant = float((weight * (share - mean) ** 2).sum())
    if field.size < FEWEST or not share.max() > 0:
        return np.full(field.size, mean), None, 0.0
    top = float(field.max())

    def law(values: Array) -> Array:
        floor, height, knee, power = values
        x = (field / top) ** power
        grown: Array = floor + height * x * (1 + np.exp(knee)) / (1 + np.exp(knee) * x)
        return grown

    def left(values: Array) -> Array:
        gone: Array = (law(values) - share) / sigma
        return gone

    def square(values: Array) -> Array:
        return left(np.array([*values, 2.0]))

    low, high = np.array([0.0, 0.0, -12.0, FLAT]), np.array([1.0, 1.0, 8.0, STEEP])
    starts = [np.array([0.01, max(mean, 0.01), knee, 2.0]) for knee in (-3.0, 2.0)]
    found = min((least_squares(left, one, bounds=(low, high)) for one in starts), key=_cost)
    plain = min((least_squares(square, one[:3], bounds=(low[:3], high[:3])) for one in starts), key=_cost)
    jacobian: Array = np.asarray(found.jac, np.float64)
    scatter = max(1.0, 2 * _cost(plain) / max(1, field.size - 3))
    excess = max(1.0, 2 * _cost(found) / max(1, field.size - 4))
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * excess
    exponent = Value(float(found.x[3]), float(np.sqrt(max(covariance[3, 3], 0.0))), "1")
    return law(found.x), exponent, (constant - 2 * _cost(plain)) / scatter


def _cost(found: OptimizeResult) -> float:
    return float(found.cost)
