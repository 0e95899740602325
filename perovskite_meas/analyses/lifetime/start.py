"""Where fits start: decay times from a grid, amplitudes solved linearly."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .background import convolved
from .kernel import exponential
from .model import FAST, Model
from .rows import Array

GRID = 36
"""Decay times tried for each component."""


def start_values(model: Model) -> Array:
    """Return first values of all unknowns: the best set of decay times of a logarithmic grid."""
    brightest = max(model.traces, key=lambda trace: float(trace.counts.sum()))
    detector = next(d for d, trace in enumerate(model.traces) if trace is brightest)
    m = brightest.counts.size
    theta = np.zeros(len(model.names))
    if model.fitted_response:
        for d, (shift, ln_width) in enumerate(model.held_response or ((0.0, math.log(2.0)),) * len(model.traces)):
            theta[model.index(f"shift_{d}")], theta[model.index(f"ln_width_{d}")] = shift, ln_width
    if model.stretch:
        theta[model.index("beta")] = 0.8
    response = model.response(theta, detector)
    shortest = 0.5 * model.bin_width if model.components > 1 else model.bin_width
    taus = np.geomspace(shortest, 4 * model.period, GRID)
    lag: Array = np.arange(-m, m + 1, dtype=np.float64) * model.bin_width
    decays = convolved(response, np.stack([exponential(lag, model.bin_width, float(t), model.period) for t in taus]))
    fast = convolved(response, exponential(lag, model.bin_width, FAST, model.period))
    extra = [np.ones(m), *([fast] if model.prompt else [])]
    design = np.vstack([decays, *extra]) * brightest.live
    counts = brightest.counts - brightest.live * brightest.background
    weight = brightest.used / np.maximum(np.convolve(brightest.counts, np.ones(7) / 7, "same"), 0.5)
    gram, target = (design * weight) @ design.T, (design * weight) @ counts
    # A known flat part may move by its sigma only.
    if math.isfinite(brightest.flat_sigma):
        gram[GRID, GRID] += 1 / brightest.flat_sigma**2
    best, amplitudes = _best(gram, target, model.components, len(extra))
    _fill(model, theta, taus[list(best)], amplitudes)
    return theta


def _best(gram: Array, target: Array, k: int, extra: int) -> tuple[tuple[int, ...], Array]:
    tail = list(range(GRID, GRID + extra))
    step = 1 if k < 3 else 2
    sets = [s for s in itertools.combinations(range(0, GRID, step), k) if min(np.diff(s), default=9) >= 2]
    index = np.array([[*s, *tail] for s in sets])
    matrices = gram[index[:, :, None], index[:, None, :]]
    vectors = target[index]
    scale = np.sqrt(np.einsum("nii->ni", matrices)) + 1e-30
    scaled = matrices / (scale[:, :, None] * scale[:, None, :]) + 1e-9 * np.eye(k + extra)
    found = np.linalg.solve(scaled, (vectors / scale)[:, :, None])[:, :, 0] / scale
    gain = np.einsum("ni,ni->n", found, vectors)
    gain[(found[:, :k] <= 0).any(axis=1)] = -np.inf
    winner = int(np.argmax(gain))
    return sets[winner], np.clip(found[winner], 1e-3, None)


def _fill(model: Model, theta: Array, taus: Array, amplitudes: Array) -> None:
    k = model.components
    order = np.argsort(-taus)
    taus, share = taus[order], amplitudes[:k][order]
    theta[:k] = np.log(taus)
    theta[k : 2 * k - 1] = np.log(share[1:] / share[0])
    photons = float(share.sum())
    if model.prompt:
        theta[model.index("prompt")] = min(float(amplitudes[k + 1]) / photons, 1.0)
    brightest = max(float(trace.counts.sum()) for trace in model.traces)
    for d, trace in enumerate(model.traces):
        part = float(trace.counts.sum()) / brightest
        theta[model.index(f"ln_counts_{d}")] = math.log(max(photons * part, 1.0))
        flat = float(amplitudes[k]) * part
        theta[model.index(f"flat_{d}")] = flat if math.isinf(trace.flat_sigma) else 0.0
        theta[model.index(f"scale_{d}")] = 1.0
