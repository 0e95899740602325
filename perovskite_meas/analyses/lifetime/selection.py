"""How many decays the data support: one more only where it pays by far and can be told from the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .background import convolved
from .fit import TINY, Fit, maximise
from .kernel import exponential
from .model import FAST, Model
from .rows import Array
from .start import start_values

SEPARATION = 1.5
"""Least ratio of neighbouring decay times: closer ones cannot be told apart."""
SURE = 0.33
"""Largest relative sigma of the photons of a decay: it must be seen by 3 sigma."""
HINT = 0.25
"""Part of the required gain that a first-order test must promise before another decay is fitted."""
SLOW = 5.0
"""A decay this much slower than response and biexcitons leaves room for photons at once."""


@dataclass(frozen=True)
class Choice:
    """The fits that were tried, by name ('mono', 'bi', 'tri'), and which one stands."""

    best: Fit
    name: str
    tried: dict[str, Fit]
    why: str
    """Why there is no further decay."""


def choose(model: Model, width: float) -> Choice:
    """Return the fit with the number of decays that the data support.

    Another decay must lower the Bayesian information criterion, be separated from the others by a factor, and hold
    photons by 3 sigma. Photons at once (biexcitons, scattered light) are part of every model whose decays are
    slow enough for it, so that no decision about them biases the lifetime.

    Args:
        model: with one component.
        width: rms of the response, in bins.
    """
    fit = maximise(model, start_values(model))
    seen = not model.held_response  # else the bins that would show them are left out
    if seen and math.exp(fit.value("ln_tau_0")) > SLOW * max(width * model.bin_width, FAST):
        model = replace(model, prompt=True)
        start = np.insert(fit.theta, 1, 0.0)
        fit = maximise(model, start)
    tried = {"mono": fit}
    name, why = "mono", ""
    for k, label in ((2, "bi"), (3, "tri")):
        needed = fit.bic() - fit.loss * 2.0
        needed = 2.0 * needed / max(fit.free.size, 1)
        if promise(fit) < HINT * needed:
            why = "no further decay is hinted at"
            break
        wider = replace(model, components=k)
        more = maximise(wider, start_values(wider), rounds=40)
        more = sorted_by_lifetime(more)
        tried[label] = more
        why = _objection(more, fit)
        if why:
            break
        fit, name = more, label
    return Choice(fit, name, tried, why)


def promise(fit: Fit) -> float:
    """Return by how much twice ln likelihood would rise, to first order, with another decay of the best lifetime."""
    model = fit.model
    mean, slope = model.jacobian(fit.theta)
    taus = np.geomspace(0.5 * model.bin_width, 4 * model.period, 24)
    columns = []
    for d, trace in enumerate(model.traces):
        m, shift = trace.counts.size, float(fit.theta[model.index(f"shift_{d}")])
        lag: Array = (np.arange(-m, m + 1, dtype=np.float64) - shift) * model.bin_width
        kernels = np.stack([exponential(lag, model.bin_width, float(tau), model.period) for tau in taus])
        photons = math.exp(fit.theta[model.index(f"ln_counts_{d}")])
        columns.append(photons * trace.live * convolved(model.response(fit.theta, d), kernels))
    extra = np.concatenate(columns, axis=1)
    used = np.concatenate([trace.used for trace in model.traces])
    counts = np.concatenate([trace.counts for trace in model.traces])[used]
    mu = np.clip(mean.ravel(), TINY, None)[used]
    flat, extra = slope.reshape(mean.size, -1)[used][:, fit.free], extra[:, used]
    _, weight = model.priors()
    info = (flat / mu[:, None]).T @ flat + np.diag(weight[fit.free])
    scale = 1 / np.sqrt(np.clip(np.diag(info), 1e-300, None))
    cross = (extra / mu) @ flat * scale
    inverse = np.linalg.pinv(info * np.outer(scale, scale), hermitian=True, rcond=1e-11)
    own = (extra**2 / mu).sum(axis=1) - np.einsum("ij,jk,ik->i", cross, inverse, cross)
    score = extra @ (counts / mu - 1.0)
    gain = np.where(own > 1e-9 * (extra**2 / mu).sum(axis=1), score**2 / np.clip(own, 1e-300, None), 0.0)
    return float(gain.max())


def sorted_by_lifetime(fit: Fit) -> Fit:
    """Return the fit with the slowest decay first."""
    k = fit.model.components
    order = np.argsort(-fit.theta[:k], kind="stable")
    if np.array_equal(order, np.arange(k)):
        return fit
    theta = fit.theta.copy()
    ratio = np.concatenate([[0.0], fit.theta[k : 2 * k - 1]])[order]
    theta[:k], theta[k : 2 * k - 1] = fit.theta[:k][order], ratio[1:] - ratio[0]
    return maximise(fit.model, theta, rounds=10)


def _objection(more: Fit, fewer: Fit) -> str:
    k = more.model.components
    ln_tau: Array = more.theta[:k]
    gain = fewer.bic() - more.bic()
    if not gain > 0:
        return f"{k} decays do not pay: the information criterion rises by {-gain:.0f}"
    if np.diff(ln_tau).max() > -math.log(SEPARATION):
        return f"{k} decays would lie closer than a factor {SEPARATION:g}: they cannot be told apart"
    places = [i for i in range(2 * k - 1) if i not in more.free]
    if places:
        return f"{k} decays run into the limits of what can be told from these bins and this period"
    share = more.model.fractions(more.theta)
    for i in range(k):
        part = _fraction_sigma(more, i) / share[i]
        if part > SURE:
            return f"one of {k} decays would hold {share[i]:.2g} of the photons within {100 * part:.0f} % only"
    return ""


def _fraction_sigma(fit: Fit, which: int) -> float:
    k = fit.model.components
    share = fit.model.fractions(fit.theta)
    gradient = np.zeros(fit.theta.size)
    for j in range(1, k):
        gradient[k + j - 1] = share[which] * ((1.0 if j == which else 0.0) - share[j])
    return math.sqrt(max(float(gradient @ fit.covariance @ gradient), 0.0))
