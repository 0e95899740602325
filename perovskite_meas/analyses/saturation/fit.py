"""Penalised maximum likelihood by Fisher scoring, with start values from a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .ladder import photons
from .model import NAMES, STEPS, Model
from .rows import Array

Prior = tuple[float, float]
BOUNDS = {
    "q": (0.0, 1.0),
    "exponent": (0.3, 5.0),
    "leak": (-0.3, 3.0),
    "ln_blink": (-9.0, 0.5),
    "ln_jitter": (-9.0, 0.0),
}
CONVERGED = 3e-5
"""Gain in ln likelihood below which a fit stops: 0.008 sigma."""
START_EXCITATIONS = np.geomspace(0.02, 60.0, 60)
"""Trial values of the highest <N>."""


@dataclass(frozen=True)
class Fit:
    """Unknowns at the maximum of the penalised likelihood, with their covariance."""

    theta: Array
    covariance: Array
    """Zero in rows and columns of what was held."""
    loss: float
    """-ln of the penalised likelihood."""
    free: tuple[str, ...]
    """Names of what was fitted."""

    def value(self, name: str) -> float:
        """Return one unknown."""
        return float(self.theta[NAMES.index(name)])

    def sigma(self, name: str) -> float:
        """Return the 1-sigma of one unknown."""
        return float(np.sqrt(self.covariance[NAMES.index(name), NAMES.index(name)]))

    def cov(self, one: str, other: str) -> float:
        """Return the covariance of two unknowns."""
        return float(self.covariance[NAMES.index(one), NAMES.index(other)])


def maximise(
    model: Model, start: Array, priors: Mapping[str, Prior], fixed: Mapping[str, float], rounds: int = 60
) -> Fit:
    """Fit all unknowns but the fixed ones.

    The likelihood of each row is a Gaussian whose variance follows the model (its ln counts), which is
    unbiased to first order even at few counts; steps use the expected information, damped as needed.
    """
    theta = start.copy()
    for name, value in fixed.items():
        theta[NAMES.index(name)] = value
    free = np.array([i for i, name in enumerate(NAMES) if name not in fixed])
    lower, upper = (np.array([BOUNDS.get(n, (-np.inf, np.inf))[k] for n in NAMES]) for k in (0, 1))
    centre = np.array([priors.get(name, (0.0, np.inf))[0] for name in NAMES])
    weight = np.array([priors[name][1] ** -2 if name in priors else 0.0 for name in NAMES])

    def loss(point: Array) -> float:
        mean, variance = model.moments(point)
        fit = 0.5 * float(((model.counts - mean) ** 2 / variance + np.log(variance)).sum())
        return fit + 0.5 * float((weight * (point - centre) ** 2).sum())

    current, damping = loss(theta), 1e-5
    for _ in range(rounds):
        gradient, information = _score(model, theta, free)
        gradient += (weight * (theta - centre))[free]
        information += np.diag(weight[free])
        held = ((theta <= lower)[free] & (gradient > 0)) | ((theta >= upper)[free] & (gradient < 0))
        move = ~held
        gain = 0.0
        while damping < 1e8:
            reduced = information[np.ix_(move, move)]
            scale = np.diag(reduced) + 1e-9
            trial = theta.copy()
            trial[free[move]] -= np.linalg.solve(reduced + np.diag(damping * scale), gradient[move])
            trial = np.clip(trial, lower, upper)
            proposed = loss(trial)
            if np.isfinite(proposed) and proposed <= current:
                gain = current - proposed
                theta, current, damping = trial, proposed, max(damping / 10, 1e-9)
                break
            damping *= 10
        if gain < CONVERGED:
            break
        damping = min(damping, 1e4)
    _, information = _score(model, theta, free)
    information += np.diag(weight[free] + 1e-9)
    covariance = np.zeros((len(NAMES), len(NAMES)))
    covariance[np.ix_(free, free)] = np.linalg.pinv(information, hermitian=True)
    return Fit(theta, covariance, current, tuple(NAMES[i] for i in free))


def information_of(model: Model, theta: Array, free: tuple[str, ...]) -> Array:
    """Return the expected Fisher information of the named unknowns."""
    return _score(model, theta, np.array([NAMES.index(name) for name in free]))[1]


def _score(model: Model, theta: Array, free: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> tuple[Array, Array]:
    offsets = np.zeros((2 * free.size + 1, theta.size))
    offsets[np.arange(free.size), free] = STEPS[free]
    offsets[free.size + np.arange(free.size), free] = -STEPS[free]
    mean, variance = model.moments(theta + offsets)
    half = 2 * STEPS[free][:, None]
    d_mean = (mean[: free.size] - mean[free.size : -1]) / half
    d_variance = (variance[: free.size] - variance[free.size : -1]) / half
    mean, variance = mean[-1], variance[-1]
    residual = model.counts - mean
    gradient = -d_mean @ (residual / variance) + 0.5 * d_variance @ (1 / variance - residual**2 / variance**2)
    information = (d_mean / variance) @ d_mean.T + 0.5 * (d_variance / variance**2) @ d_variance.T
    return gradient, information


def start_values(model: Model, jitter: float, q: float) -> Array:
    """Return where to start: the best alpha of a grid, with brightness and background solved linearly."""
    rate = model.counts / model.live_time
    rate = rate / np.clip(1 - rate * model.dead_time, 0.05, None)
    blank = ~model.emitter
    p = np.where(model.lit, model.power, 0.0)
    design = np.column_stack([p, p**2, np.ones(p.size)])
    weight = np.sqrt(model.live_time / np.clip(rate, 1.0, None))
    background = np.linalg.lstsq(design[blank] * weight[blank, None], rate[blank] * weight[blank], rcond=None)[0]
    on = model.emitter
    net = (rate - design @ background)[on]
    variance = np.clip(rate[on], 1.0, None) / model.live_time[on] + (0.03 * net) ** 2
    alphas = START_EXCITATIONS / model.power[on].max() ** 2
    shape = photons(alphas[:, None] * model.power[on] ** 2, q, model.survival, model.law)
    plateau = np.clip((shape * net / variance).sum(axis=1) / (shape**2 / variance).sum(axis=1), 1e-3, None)
    loss = ((net - plateau[:, None] * shape) ** 2 / variance).sum(axis=1)
    best = int(np.argmin(loss))
    start = np.zeros(len(NAMES))
    start[:3] = np.log(alphas[best]), np.log(plateau[best]), q
    start[4:7] = background[0], background[1], max(float(background[2]), 0.1)
    start[9:12] = np.log(0.02), np.log(jitter), 2.0
    return start
