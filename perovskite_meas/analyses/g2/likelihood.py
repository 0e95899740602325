"""Poisson fit of a histogram to shapes with free amplitudes, Gaussian knowledge of some of them included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Shapes = Callable[[Array], Array]
"""Nonlinear parameters -> shapes, (amplitude, bin)."""

STEPS = 60
TINY = 1e-9
NUDGE = 1e-4
ENOUGH = 1e-5
"""Gain of the deviance by a step below which the maximum is reached."""


@dataclass(frozen=True)
class PoissonFit:
    """Maximum of a Poisson likelihood."""

    names: tuple[str, ...]
    """Nonlinear parameters first, then amplitudes."""
    theta: Array
    """Estimates."""
    cov: Array
    """Covariance, prior knowledge included."""
    information: Array
    """Fisher information of the data alone."""
    jacobian: Array
    """d(expected counts)/d(theta), (parameter, bin)."""
    expected: Array
    """Expected counts per bin."""
    deviance: float
    """2 ln of the likelihood ratio to the saturated model."""
    freedom: int
    """Bins used minus parameters."""
    converged: bool
    """Whether the last step was small."""

    def __getitem__(self, name: str) -> float:
        return float(self.theta[self.names.index(name)])

    def sigma(self, name: str) -> float:
        """Return the standard uncertainty of a parameter."""
        k = self.names.index(name)
        return float(np.sqrt(max(self.cov[k, k], 0.0)))

    def gradient(self, **parts: float) -> Array:
        """Return a vector over parameters with the named entries."""
        vector = np.zeros(len(self.names))
        for name, part in parts.items():
            vector[self.names.index(name)] = part
        return vector

    def variance(self, gradient: Array, *, known: Sequence[str] = ()) -> float:
        """Return the variance of a function with this gradient; parameters in `known` held fixed."""
        if not known:
            return max(float(gradient @ self.cov @ gradient), 0.0)
        free = [k for k, name in enumerate(self.names) if name not in known]
        precision = np.linalg.pinv(self.cov, hermitian=True)[np.ix_(free, free)]
        return max(float(gradient[free] @ np.linalg.solve(precision, gradient[free])), 0.0)


def deviance(counts: Array, expected: Array) -> float:
    """Return 2 sum [n ln(n/m) - (n - m)] over bins."""
    with np.errstate(divide="ignore", invalid="ignore"):
        term = np.where(counts > 0, counts * np.log(counts / expected), 0.0)
    return 2.0 * float((term - counts + expected).sum())


def poisson_fit(
    counts: Array,
    shapes: Shapes,
    start: Mapping[str, float],
    nonlinear: Sequence[str],
    priors: Mapping[str, tuple[float, float]],
    *,
    fixed: Sequence[str] = (),
    positive: Sequence[str] = (),
) -> PoissonFit:
    """Fit sum of amplitude x shape(nonlinear) to counts by Fisher scoring.

    Args:
        counts: per bin.
        shapes: as `Shapes`.
        start: every parameter's start, nonlinear ones first, amplitudes in the order of the shapes.
        nonlinear: names of the nonlinear ones (of order 1; differentiated by steps of 1e-4).
        priors: Gaussian knowledge (mean, sigma) of parameters.
        fixed: parameters held at their start.
        positive: amplitudes that may not fall below zero.
    """
    names = tuple(start)
    bends = len(nonlinear)
    theta = np.array([start[name] for name in names], dtype=np.float64)
    free = np.array([name not in fixed for name in names])
    bounded = np.array([name in positive for name in names])
    centre, weight = np.zeros(theta.size), np.zeros(theta.size)
    for name, (mean, sigma) in priors.items():
        k = names.index(name)
        centre[k], weight[k] = mean, sigma**-2

    def expect(point: Array) -> Array:
        return np.asarray(point[bends:] @ shapes(point[:bends]))

    def cost(expected: Array, point: Array) -> float:
        if expected.min() <= 0:
            return np.inf
        return deviance(counts, expected) + float(np.sum(weight * (point - centre) ** 2))

    least = max(TINY, 1e-6 * float(counts.mean()))
    expected = expect(theta)
    if expected.min() <= least and names[-1] not in fixed:
        theta = _lifted(theta, shapes(theta[:bends]), bends, least)
        expected = expect(theta)
    current, converged = cost(expected, theta), False
    for _ in range(STEPS):
        jacobian = _jacobian(theta, shapes, bends)
        information = (jacobian / np.maximum(expected, least)) @ jacobian.T
        slope = jacobian @ (counts / np.maximum(expected, least) - 1.0) - weight * (theta - centre)
        moving = free & ~(bounded & (theta <= 0) & (slope <= 0))
        matrix = (information + np.diag(weight))[np.ix_(moving, moving)]
        step, scale = np.zeros(theta.size), _scale(matrix)
        step[moving] = np.linalg.lstsq(_scaled(matrix), slope[moving] / scale, rcond=1e-13)[0] / scale
        step[:bends] = np.clip(step[:bends], -0.7, 0.7)
        fraction, better = 1.0, False
        while fraction > 1e-6:
            trial = theta + fraction * step
            trial[bounded] = np.maximum(trial[bounded], 0.0)
            there = expect(trial)
            value = cost(there, trial)
            if value < current + 1e-9:
                better = True
                break
            fraction *= 0.4
        if not better:
            converged = True
            break
        gained, theta, expected, current = current - value, trial, there, value
        if gained < ENOUGH:
            converged = True
            break
    jacobian = _jacobian(theta, shapes, bends)
    information = (jacobian / np.maximum(expected, least)) @ jacobian.T
    cov = np.zeros((theta.size, theta.size))
    matrix = (information + np.diag(weight))[np.ix_(free, free)]
    scale = _scale(matrix)
    cov[np.ix_(free, free)] = np.linalg.pinv(_scaled(matrix), hermitian=True) / np.outer(scale, scale)
    return PoissonFit(
        names, theta, cov, information, jacobian, expected, deviance(counts, expected),
        int(counts.size - free.sum()), converged,
    )  # fmt: skip


def _scale(matrix: Array) -> Array:
    return np.sqrt(np.maximum(np.diag(matrix), 1e-300))


def _scaled(matrix: Array) -> Array:
    scale = _scale(matrix)
    return np.asarray(matrix / np.outer(scale, scale))


def _lifted(theta: Array, own: Array, bends: int, least: float) -> Array:
    """Raise negative or zero amplitudes until every bin expects something."""
    lifted = theta.copy()
    for k in range(own.shape[0]):
        top = float(own[k].max())
        if top > 0 and own[k].min() >= 0:
            lifted[bends + k] = max(lifted[bends + k], 2 * least / top)
    return lifted


def _jacobian(theta: Array, shapes: Shapes, bends: int) -> Array:
    own = shapes(theta[:bends])
    rows = []
    for k in range(bends):
        ahead, behind = theta[:bends].copy(), theta[:bends].copy()
        ahead[k] += NUDGE
        behind[k] -= NUDGE
        rows.append(theta[bends:] @ (shapes(ahead) - shapes(behind)) / (2 * NUDGE))
    return np.vstack([*rows, own]) if rows else own
