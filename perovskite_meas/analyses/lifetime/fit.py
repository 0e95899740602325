"""Poisson maximum likelihood by Fisher scoring, and the naive weighted least squares beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .deviance import deviance, expected_deviance
from .model import Model
from .rows import Array

CONVERGED = 1e-5
"""Gain in ln likelihood below which a fit stops: 0.005 sigma."""
TINY = 1e-3
"""Least expected counts in a bin: a response of finitely many photons never says that nothing can come."""
CURVATURE_STEP = 0.05
"""Step, in 1-sigma, with which the curvature of the likelihood is taken."""


@dataclass(frozen=True)
class Fit:
    """Unknowns at the maximum of the penalised likelihood."""

    model: Model
    theta: Array
    covariance: Array
    """From the information observed in the data; zero in rows and columns of what was held."""
    loss: float
    """-ln of the penalised likelihood, up to a constant of the data."""
    free: npt.NDArray[np.intp]
    """Which unknowns were fitted and not at a limit."""

    def value(self, name: str) -> float:
        """Return one unknown."""
        return float(self.theta[self.model.index(name)])

    def sigma(self, name: str) -> float:
        """Return the 1-sigma of one unknown."""
        place = self.model.index(name)
        return float(np.sqrt(max(self.covariance[place, place], 0.0)))

    def misfit(self) -> tuple[float, float]:
        """Return the deviance over what Poisson statistics expect of it, and the 1-sigma of that."""
        mean, n, used = _flat(self.model, self.model.expected(self.theta))
        average, variance = expected_deviance(mean[used])
        dof = max(float(average.sum()) - self.free.size, 1.0)
        return float(deviance(n[used], mean[used]).sum()) / dof, float(np.sqrt(variance.sum())) / dof

    def bic(self) -> float:
        """Return the Bayesian information criterion; its sample size is the number of photons."""
        photons = sum(float(trace.counts[trace.used].sum()) for trace in self.model.traces)
        return 2.0 * self.loss + self.free.size * float(np.log(max(photons, 2.0)))


def maximise(model: Model, start: Array, *, rounds: int = 80, neyman: bool = False) -> Fit:
    """Fit all unknowns of a model.

    Args:
        model: what is expected.
        start: first values of the unknowns.
        rounds: most steps.
        neyman: minimise SUM (n - mu)^2/max(n, 1) instead: the common least squares, biased at few counts.
    """
    low, high = model.limits()
    free = np.flatnonzero(~model.held())
    centre, weight = model.priors()
    if neyman:
        weight = np.zeros_like(weight)
    theta = np.clip(start, low, high)
    current, damping = _loss(model, theta, neyman), 1e-4
    for _ in range(rounds):
        gradient, information = _score(model, theta, neyman)
        gradient, information = gradient + weight * (theta - centre), information + np.diag(weight)
        stuck = ((theta <= low) & (gradient > 0)) | ((theta >= high) & (gradient < 0))
        move = free[~stuck[free]]
        gain = 0.0
        while damping < 1e8:
            reduced = information[np.ix_(move, move)]
            trial = theta.copy()
            trial[move] -= _solve(reduced + np.diag(damping * np.diag(reduced) + 1e-12), gradient[move])
            trial = np.clip(trial, low, high)
            proposed = _loss(model, trial, neyman)
            if np.isfinite(proposed) and proposed <= current:
                gain = current - proposed
                theta, current, damping = trial, proposed, max(damping / 10, 1e-10)
                break
            damping *= 8
        if gain < CONVERGED:
            break
        damping = min(damping, 1e4)
    gradient, information = _score(model, theta, neyman)
    information = information + np.diag(weight)
    at_limit = (theta <= low) | (theta >= high)
    inside = free[~at_limit[free]]
    covariance = _spread(information, inside)
    return Fit(model, theta, covariance, current, inside)


def observed(fit: Fit) -> Fit:
    """Return the fit with the covariance from the curvature of the likelihood itself, where that is positive."""
    model, inside = fit.model, fit.free
    _, weight = model.priors()
    low, high = model.limits()
    columns = []
    for place in inside:
        step = CURVATURE_STEP * max(float(np.sqrt(fit.covariance[place, place])), 1e-9)
        step = min(step, 0.5 * min(fit.theta[place] - low[place], high[place] - fit.theta[place]))
        up, down = fit.theta.copy(), fit.theta.copy()
        up[place] += step
        down[place] -= step
        slope = (_score(model, up, False)[0] - _score(model, down, False)[0]) / (2 * step)
        columns.append(slope[inside])
    curvature = np.array(columns)
    curvature = 0.5 * (curvature + curvature.T) + np.diag(weight[inside])
    scale = np.sqrt(np.diag(fit.covariance)[inside])
    scaled = curvature * np.outer(scale, scale)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] < 0.05:
        return fit
    covariance = np.zeros_like(fit.covariance)
    covariance[np.ix_(inside, inside)] = np.linalg.inv(scaled) * np.outer(scale, scale)
    return Fit(model, fit.theta, covariance, fit.loss, inside)


def influence(fit: Fit, vector: Array) -> Array:
    """Return how a combination `vector` of the unknowns moves per count added to each bin, shape (detectors, m)."""
    mean, slope = fit.model.jacobian(fit.theta)
    used = np.stack([trace.used for trace in fit.model.traces])
    out: Array = np.where(used, (slope @ (fit.covariance @ vector)) / np.clip(mean, TINY, None), 0.0)
    return out


def _flat(model: Model, mean: Array) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    counts = np.stack([trace.counts for trace in model.traces])
    used = np.stack([trace.used for trace in model.traces])
    return np.clip(mean, TINY, None).ravel(), counts.ravel(), used.ravel()


def _loss(model: Model, theta: Array, neyman: bool) -> float:
    raw = model.expected(theta)
    mean, n, used = _flat(model, raw)
    if not np.isfinite(raw).all():
        return np.inf
    if neyman:
        return 0.5 * float(((n - mean) ** 2 / np.maximum(n, 1.0))[used].sum())
    centre, weight = model.priors()
    return 0.5 * float(deviance(n[used], mean[used]).sum()) + 0.5 * float((weight * (theta - centre) ** 2).sum())


def _score(model: Model, theta: Array, neyman: bool) -> tuple[Array, Array]:
    raw, slope = model.jacobian(theta)
    mean, n, used = _flat(model, raw)
    flat = slope.reshape(mean.size, -1)[used]
    spread = np.maximum(n, 1.0)[used] if neyman else mean[used]
    weighted = flat / spread[:, None]
    return weighted.T @ (mean[used] - n[used]), weighted.T @ flat


def _solve(matrix: Array, vector: Array) -> Array:
    scale = 1 / np.sqrt(np.clip(np.diag(matrix), 1e-300, None))
    out: Array = scale * np.linalg.lstsq(matrix * np.outer(scale, scale), scale * vector, rcond=1e-13)[0]
    return out


def _spread(information: Array, inside: npt.NDArray[np.intp]) -> Array:
    covariance = np.zeros_like(information)
    reduced = information[np.ix_(inside, inside)]
    scale = 1 / np.sqrt(np.clip(np.diag(reduced), 1e-300, None))
    inverse = np.linalg.pinv(reduced * np.outer(scale, scale), hermitian=True, rcond=1e-13)
    covariance[np.ix_(inside, inside)] = inverse * np.outer(scale, scale)
    return covariance
