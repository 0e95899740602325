"""The fluence at which the spectrum is halfway from its broad to its narrow width."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from perovskite_meas.analyses.pulses.light import Light, width
from perovskite_meas.analyses.pulses.rows import Array
from perovskite_meas.core.value import Value

from .groups import Groups, spectra
from .law import Fit

TRUST = 0.04
PLACES = 25
MIXED = 0.1
"""1-sigma of the midpoint over the rms ln emission that the energies within a group make, dim, whose summed spectrum
is not that of one pulse."""
LINE = 1.02
"""Emission over its spontaneous part from which there is a line."""
OTHER_TRUST = 0.1
LEAST = 0.25
"""Relative narrowing below which there is none to speak of."""


@dataclass(frozen=True)
class Narrowing:
    """Width against fluence, and its midpoint."""

    ln_threshold: float
    sigma: float
    """Of ln threshold, by noise."""
    below: Value
    """Width below threshold, meV."""
    above: Value
    """Width above, meV."""
    centre: Array
    """ln fluence of each group, that of one pulse with the same spectrum, (n,)."""
    widths: Array
    """meV, (n,)."""
    sigmas: Array
    """meV, (n,)."""
    theta: Array
    law: float
    """By how much ln threshold moves where narrow and broad groups are weighed otherwise."""
    mixing: float
    """By how much it moves with the energy that stands for a sum of unequal pulses."""
    refused: str | None


def curve(theta: Array, x: Array) -> Array:
    """Return the width in meV; unknowns: width above, the width below minus it, ln Fth, ln of the rounding."""
    above, more, middle, rounding = theta
    found: Array = above + more / (1.0 + np.exp(np.clip((x - middle) / math.exp(rounding), -60, 60)))
    return found


def _equivalent(groups: Groups, knee: Fit) -> Array:
    """Return the ln fluence of one pulse whose spectrum is that of each group's sum, (n,).

    A spectrum is a pedestal and a line; its width depends on the ratio of both alone, and for a sum that is the ratio
    of the sums by the softplus law. Where the law has no line yet, the mean energy weighted by emission.
    """
    every, dim = (np.exp(part) for part in (knee.law(knee.theta, groups.log_fluence), _pedestal(knee, groups)))
    share = groups.weight * every
    share /= share.sum(axis=1, keepdims=True)
    found: Array = (share * groups.log_fluence).sum(axis=1)
    target = (groups.weight * every).sum(axis=1) / (groups.weight * dim).sum(axis=1)
    for k in range(len(groups)):
        own = groups.log_fluence[k]
        x = np.linspace(float(own.min()), float(own.max()), PLACES)
        ratio = np.exp(knee.law(knee.theta, x) - knee.theta[0] - knee.theta[1] * x)
        if ratio[-1] > LINE and (np.diff(ratio) > 0).all():
            found[k] = np.interp(target[k], ratio, x)
    return found


def _pedestal(knee: Fit, groups: Groups) -> Array:
    dim: Array = knee.theta[0] + knee.theta[1] * groups.log_fluence
    return dim


def narrowing(groups: Groups, light: Light, knee: Fit, reading: float) -> Narrowing:
    """Return the midpoint of the narrowing; `knee` is the softplus law, which weighs the pulses of a group."""
    mean, pixel = spectra(groups, light)
    widths, sigmas = width(mean, pixel, light.step)
    share = groups.weight * np.exp(knee.law(knee.theta, groups.log_fluence))
    share /= share.sum(axis=1, keepdims=True)
    weighted = (share * groups.log_fluence).sum(axis=1)
    # The law's knee is sharper than any film's: the sum of unequal pulses lies between what it says and their mean.
    x = 0.5 * (_equivalent(groups, knee) + weighted)
    inaccurate = reading * np.sqrt((share**2).sum(axis=1))
    seen = sigmas < 0.3 * widths
    if seen.sum() < 6:
        seen = np.ones(widths.size, dtype=bool)
    low, high = np.quantile(widths[seen], [0.05, 0.9])
    start = np.array([low, max(high - low, 1.0), float(knee.theta[3]), -2.0])
    bounds = (np.array([0.2, 0.0, x.min(), -5.0]), np.array([400.0, 400.0, x.max(), 1.0]))
    theta = np.clip(start, bounds[0] + 1e-6, bounds[1] - 1e-6)
    noise = sigmas

    def fitted(theta: Array, spread: Array, x: Array = x) -> Array:
        def misfit(free: Array) -> Array:
            left: Array = (curve(free, x) - widths) / spread
            return left

        found = least_squares(misfit, theta, bounds=bounds, x_scale=np.array([10.0, 10.0, 0.1, 0.3]), loss="soft_l1",
                              f_scale=3.0)  # fmt: skip
        return np.asarray(found.x, np.float64)

    for _ in range(3):
        slope = (curve(theta, x + 0.01) - curve(theta, x - 0.01)) / 0.02
        expected = curve(theta, x)
        known = np.hypot(sigmas, slope * inaccurate)
        noise = known * _excess(x, widths - expected, known)
        spread = np.hypot(noise, TRUST * expected)
        theta = fitted(theta, spread)
    other = fitted(theta, np.hypot(noise, OTHER_TRUST * float(np.median(widths))))
    within = np.sqrt((groups.weight * (groups.log_fluence - groups.centre[:, None]) ** 2).sum(axis=1))
    mixing = math.hypot(
        float(fitted(theta, spread, weighted)[2] - theta[2]), MIXED * float(knee.theta[1] * np.median(within))
    )
    jacobian = np.stack(
        [(curve(theta + d, x) - curve(theta - d, x)) / (2e-4 * spread)
         for d in 1e-4 * np.eye(4)], axis=1,
    )  # fmt: skip
    response = np.linalg.pinv(jacobian) / spread
    # What the step leaves of a width is noise, or where it is no such step: either may come with other energies.
    left = np.maximum(np.abs(curve(theta, x) - widths), noise)
    covariance = (response * left**2) @ response.T
    above, more = float(theta[0]), float(theta[1])
    turned = np.array([1.0, 1.0, 0.0, 0.0])
    refused = None
    if more < LEAST * (above + more):
        refused = f"the spectrum narrows from {above + more:.3g} to {above:.3g} meV only: no threshold by its width"
    elif not x.min() + 0.02 < theta[2] < x.max() - 0.02:
        refused = "the middle of the narrowing lies at the end of the sweep"
    return Narrowing(
        float(theta[2]), math.sqrt(max(float(covariance[2, 2]), 0.0)),
        Value(above + more, math.sqrt(max(float(turned @ covariance @ turned), 0.0)), "meV"),
        Value(above, math.sqrt(max(float(covariance[0, 0]), 0.0)), "meV"), x,
        widths, sigmas, theta, abs(float(other[2] - theta[2])),
        mixing, refused,
    )  # fmt: skip


def _excess(x: Array, left: Array, known: Array) -> Array:
    """Return the factor by which neighbours scatter beyond the known noise, at least 1."""
    order = np.argsort(x)
    bend = left[order][1:-1] - 0.5 * (left[order][:-2] + left[order][2:])
    square = known[order] ** 2
    expected = np.sqrt(square[1:-1] + 0.25 * (square[:-2] + square[2:]))
    factor = float(np.median(np.abs(bend) / expected)) / 0.6745
    return np.full(left.size, max(1.0, factor))
