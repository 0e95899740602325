"""How much of the light comes from the dark state, field by field, and by what law it grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.rows import Array, Indices, Mask
from perovskite_meas.analyses.spectra.stack import Stack
from perovskite_meas.core.value import Value

from .levels import SIZE, Exciton

FEWEST = 4
STEEP, FLAT = 5.0, 0.2
VAGUEST = 1.0
"""1-sigma from which an exponent is not told."""
ALONG = 20.0
"""deg from 0 or 90 within which an angle of the analyser counts as along or across the field."""
TURNING = 4.0
"""Reduced chi2 of share(field) x seen(angle) from which the polarisation is taken to turn with the field."""
UNEVEN = 0.1
"""Relative 1-sigma of a frame's light by blinking."""


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
    astray: float = 0.0
    """Rms distance of the share from the law s f/(f + a) of its own mixing f, over the largest share."""
    across: Value | None = None
    """Light of the line across the field over that along it; None without analyser angles at 0 and 90 deg."""

    @property
    def told(self) -> Value | None:
        """Return the exponent; None where it is not determined."""
        return None if self.exponent is None or self.exponent.sigma > VAGUEST else self.exponent

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
    shares = Exciton().dark_share(fit.values[:SIZE], np.abs(made.field))
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
    mixed = 1.0 - Exciton().dark_share(fit.values[:SIZE], field).max(axis=1)
    across = _across(own, noise, field[which] >= 0.5 * field.max(), angle, which)
    return Brightening(field, share, sigma, law, exponent, rise, clear, _astray(mixed, share, sigma), across)


def _astray(mixed: Array, share: Array, sigma: Array) -> float:
    """Return how far the share is from s f/(f + a), with s and a free: a is the rate without field over the bright."""
    top = float(share.max())
    if not top > 0 or not mixed.max() > 0:
        return 1.0
    blur = np.hypot(sigma, 0.03 * top)
    x = mixed / mixed.max()

    def left(values: Array) -> Array:
        gone: Array = (values[0] * x * (1 + np.exp(values[1])) / (x + np.exp(values[1])) - share) / blur
        return gone

    starts = (np.array([min(top, 1.0), knee]) for knee in (-2.0, 2.0))  # of little light the share may exceed 1
    found = min((least_squares(left, one, bounds=([0.0, -9.0], [1.0, 9.0])) for one in starts), key=_cost)
    excess = (left(found.x) * blur) ** 2 - sigma**2
    return float(np.sqrt(max(0.0, float(excess.mean())))) / top


def _across(own: Array, noise: Array, upper: Mask, angle: Array, which: Indices) -> Value | None:
    """Return the light of the line across the field over that along it, at the fields that have both."""
    turned = angle % 180.0
    along = upper & (angle >= 0) & ((turned < ALONG) | (turned > 180.0 - ALONG))
    beside = upper & (angle >= 0) & (np.abs(turned - 90.0) < ALONG)
    both = np.intersect1d(which[along], which[beside])
    sums = []
    for keep in (along & np.isin(which, both), beside & np.isin(which, both)):
        if not keep.any():
            return None
        blur = np.hypot(noise[keep], UNEVEN * own[keep])
        sums.append((float(own[keep].mean()), float(np.sqrt((blur**2).sum())) / int(keep.sum())))
    (light, error), (other, error_2) = sums
    if not light > 3 * error:
        return None
    ratio = other / light
    return Value(ratio, float(np.hypot(error_2, ratio * error)) / light, "1")


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
    if excess < TURNING:
        return share, np.sqrt(excess / scale)
    return _by_angle(part, blur, which, turned)


def _by_angle(part: Array, blur: Array, which: Indices, turned: Indices) -> tuple[Array, Array]:
    """Return share and 1-sigma by field with all angles alike, where the line's polarisation turns with the field."""
    fields, angles = int(which.max()) + 1, int(turned.max()) + 1
    cell = which * angles + turned
    weight = np.bincount(cell, blur**-2, fields * angles).reshape(fields, angles)
    mean = np.bincount(cell, part * blur**-2, fields * angles).reshape(fields, angles) / np.maximum(weight, 1e-12)
    usual = (weight > 0).mean(axis=0) > 0.5
    known = (weight > 0) & (usual if usual.any() else np.ones(angles, dtype=bool))
    known |= (weight > 0) & ~known.any(axis=1, keepdims=True)
    number = known.sum(axis=1)
    share: Array = np.where(known, mean, 0.0).sum(axis=1) / number
    sigma = np.sqrt(np.where(known, 1.0 / np.maximum(weight, 1e-12), 0.0).sum(axis=1)) / number
    lacking = number < number.max()  # a field without one of the angles says less of the mean of all
    return share, np.where(lacking, np.hypot(sigma, np.ptp(share) / 3), sigma)


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
    starts = [np.array([0.01, min(max(mean, 0.01), 1.0), knee, 2.0]) for knee in (-3.0, 2.0)]
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
