"""Least squares of a law ln I(ln F) on groups of pulses, averaged over the recorded energies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from perovskite_meas.analyses.pulses.rows import Array, Mask
from perovskite_meas.core.errors import AnalysisRefused

from .groups import Groups

Law = Callable[[Array, Array], Array]
"""(unknowns (p,), ln fluence of any shape) -> ln emission of the same shape."""
Prior = tuple[float, float]
LAW_TRUST = 0.03
"""Relative misfit that any law is granted: keeps a few very precise groups from deciding alone."""
ROUNDS = 4
STEP = 1e-4
NONE = 1e-6
"""1-sigma of an unknown, a logarithm, that is none."""
FEW = 4


@dataclass(frozen=True)
class Noise:
    """What scatters the groups beyond shot and read noise."""

    relative: float
    """Rms of the emission of one recorded frame."""
    reading: float
    """Rms of one energy reading."""


@dataclass(frozen=True)
class Fit:
    """A law at its best, with the covariance of its unknowns."""

    law: Law
    theta: Array
    covariance: Array
    """By the groups' noise alone, (p, p)."""
    prior: Array
    """By what was known beforehand alone, (p, p)."""
    model: Array
    """Of each group, (n,)."""
    residual: Array
    """(mean - model)/sigma by noise alone, (n,)."""
    cost: float
    """Half the weighted squares, with the trust in the law."""
    response: Array
    """How the unknowns move with the groups' means, (p, n)."""
    left: Array
    """mean - model of each group, electrons, (n,)."""

    def moved(self, k: int, change: Array) -> float:
        """Return by how much one unknown moves, to first order, with a change of the groups' means, (n,)."""
        return float(self.response[k] @ change)

    def sigma(self, k: int) -> float:
        """Return the 1-sigma of one unknown by noise alone."""
        return math.sqrt(max(float(self.covariance[k, k]), 0.0))

    def jackknife(self, k: int) -> float:
        """Return the 1-sigma of one unknown by what the law leaves of each group: noise, and where it is not right."""
        return math.sqrt(float(((self.response[k] * self.left) ** 2).sum()))

    def misfit(self) -> float:
        """Return the relative rms of what the law leaves."""
        return math.sqrt(float(np.mean((self.left / np.maximum(self.model, 1e-12)) ** 2)))

    def failed(self, k: int) -> str | None:
        """Return why one unknown was not found, or None."""
        sigma = self.sigma(k)
        if not math.isfinite(float(self.theta[k])) or not math.isfinite(sigma):
            return "its fit found no finite value"
        if sigma <= NONE:
            return "its fit never left its start or ends at a bound: the sweep does not tell it"
        return None

    def open(self, k: int) -> float:
        """Return the 1-sigma of one unknown that the priors leave."""
        return math.sqrt(max(float(self.prior[k, k]), 0.0))


def averaged(law: Law, theta: Array, groups: Groups) -> Array:
    """Return the law averaged over the energies of each group, (n,)."""
    mean: Array = (np.exp(np.clip(law(theta, groups.log_fluence), -80, 80)) * groups.weight).sum(axis=1)
    return mean


def variance(law: Law, theta: Array, groups: Groups, noise: Noise) -> Array:
    """Return the variance of each group's mean about the law: light, its flicker, and the reading of the energies."""
    high, low = (np.clip(law(theta, groups.log_fluence + d), -80, 80) for d in (0.01, -0.01))
    each = np.exp(0.5 * (high + low))
    slope = (high - low) / 0.02
    read = ((slope * each * groups.weight) ** 2).sum(axis=1) * noise.reading**2
    mean = (each * groups.weight).sum(axis=1)
    total: Array = groups.noise + groups.relative * (noise.relative * mean) ** 2 + read
    return total


def fit_law(
    law: Law,
    groups: Groups,
    start: Array,
    noise: Noise,
    *,
    priors: Mapping[int, Prior] | None = None,
    bounds: tuple[Array, Array] | None = None,
    trust: float = LAW_TRUST,
    rounds: int = ROUNDS,
    precision: float = 1e-6,
    even: bool = False,
) -> Fit:
    """Return the law fitted to the groups; the variance follows the law, so that dim groups do not bias it.

    Args:
        law: what to fit.
        groups: the data.
        start: of the unknowns, (p,).
        noise: beyond shot and read noise.
        priors: mean and sigma by number of the unknown.
        bounds: lowest and highest unknowns.
        trust: relative misfit granted to the law.
        rounds: how often the weights are renewed.
        precision: relative gain of the cost at which a round ends.
        even: groups weigh by the part of the ln fluence axis that is theirs.

    Raises:
        AnalysisRefused: the law has no finite value where it starts.
    """
    if not len(groups) or not np.isfinite(start).all() or not np.isfinite(averaged(law, start, groups)).all():
        raise AnalysisRefused(f"no start was found for the fit of a law to {len(groups)} group(s) of pulses")
    held = priors or {}
    theta = start.copy()
    limits = bounds if bounds is not None else (np.full(start.size, -np.inf), np.full(start.size, np.inf))
    inside = np.maximum(1e-6, 1e-6 * np.abs(start))
    cost = 0.0
    share = np.sqrt(np.clip(groups.cells, 0.1, 10.0)) if even else 1.0
    for _ in range(rounds):
        spread = np.sqrt(variance(law, theta, groups, noise) + (trust * averaged(law, theta, groups)) ** 2) / share

        def misfit(free: Array, spread: Array = spread) -> Array:
            own = (averaged(law, free, groups) - groups.mean) / spread
            extra = [(free[k] - mean) / sigma for k, (mean, sigma) in held.items()]
            return np.concatenate([own, extra])

        theta = np.clip(theta, limits[0] + inside, limits[1] - inside)
        before = theta
        found = least_squares(
            misfit, theta, bounds=limits, x_scale=np.maximum(np.abs(theta) * 0.1, 0.1), ftol=precision, xtol=1e-5,
            max_nfev=40,
        )  # fmt: skip
        theta, cost = np.asarray(found.x, np.float64), float(found.cost)
        if np.abs(theta - before).max() < 1e-3:
            break
    model, own = averaged(law, theta, groups), variance(law, theta, groups, noise)
    free = (theta > limits[0] + 10 * inside) & (theta < limits[1] - 10 * inside)
    covariance, prior, response = _sandwich(law, theta, groups, own, spread, held, free)
    return Fit(
        law, theta, covariance, prior, model, (groups.mean - model) / np.sqrt(own), cost, response,
        groups.mean - model,
    )  # fmt: skip


def slopes(law: Law, theta: Array, groups: Groups) -> Array:
    """Return the derivatives of the groups' means by the unknowns, (n, p)."""
    columns = []
    for k in range(theta.size):
        step = np.zeros(theta.size)
        step[k] = STEP * max(1.0, abs(theta[k]))
        columns.append((averaged(law, theta + step, groups) - averaged(law, theta - step, groups)) / (2 * step[k]))
    return np.stack(columns, axis=1)


def _sandwich(
    law: Law, theta: Array, groups: Groups, own: Array, spread: Array, held: Mapping[int, Prior], free: Mask
) -> tuple[Array, Array, Array]:
    """Return both covariances and the response of an estimate with weights 1/spread^2 and noise of variance `own`.

    Unknowns that are not `free`, at a bound, do not move.
    """
    jacobian = np.where(free, slopes(law, theta, groups) / spread[:, None], 0.0)
    prior = np.zeros(theta.size)
    for k, (_, sigma) in held.items():
        prior[k] = sigma**-2
    information = jacobian.T @ jacobian + np.diag(np.where(free, prior, 1.0))
    scale = 1.0 / np.sqrt(np.maximum(np.diag(information), 1e-12))
    inverse = scale[:, None] * np.linalg.pinv(information * scale[:, None] * scale, rcond=1e-10) * scale
    response = inverse @ jacobian.T / spread
    return (response * own) @ response.T, inverse @ np.diag(prior) @ inverse, response


def excess_near(groups: Groups, fit: Fit, noise: Noise, place: float, reach: float) -> float:
    """Return the factor, at least 1, by which neighbours within `reach` of ln fluence `place` scatter beyond noise.

    Where a law that is not quite right is steep, the chance energies of the pulses scatter the groups about it.
    """
    order = np.argsort(groups.centre)
    centre = groups.centre[order]
    ratio = (groups.mean / fit.model)[order]
    own = (variance(fit.law, fit.theta, groups, noise) / fit.model**2)[order]
    bend = ratio[1:-1] - 0.5 * (ratio[:-2] + ratio[2:])
    expected = own[1:-1] + 0.25 * (own[:-2] + own[2:])
    near = np.abs(centre[1:-1] - place) < reach
    if near.sum() < FEW:
        return 1.0
    return max(1.0, math.sqrt(float(np.mean(bend[near] ** 2 / expected[near]))))


def rough_noise(groups: Groups, fit: Fit, reading: float) -> Noise:
    """Return the flicker of the emission, by how much each group differs from its neighbours about the law.

    Differences of three neighbours do not see a law that is smoothly wrong.
    """
    order = np.argsort(groups.centre)
    ratio, known = (groups.mean / fit.model)[order], variance(fit.law, fit.theta, groups, Noise(0.0, reading))[order]
    known = known / fit.model[order] ** 2
    relative = groups.relative[order]
    bend = ratio[1:-1] - 0.5 * (ratio[:-2] + ratio[2:])
    expected = known[1:-1] + 0.25 * (known[:-2] + known[2:])
    per = relative[1:-1] + 0.25 * (relative[:-2] + relative[2:])
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        typical = float(np.median(np.abs(bend) / np.sqrt(expected + middle**2 * per)))
        low, high = (middle, high) if typical > 0.6745 else (low, middle)
    return Noise(0.5 * (low + high), reading)
