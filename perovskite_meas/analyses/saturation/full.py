"""The full fit of a run: priors, the biexciton ratio with or without one, and sigma inflation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from perovskite_meas.core.value import Value

from .fit import Fit, Prior, maximise, start_values
from .model import NAMES, Model
from .rows import Array

TWO_PHOTONS = {"exponent": 2.0, "leak": 0.0}
"""What is held unless a fit is to tell it."""
LEAK_FEARED = 0.01
"""1-sigma of the part of <N> that filters and a wrong zero of the head may make linear, at <N> = 1."""
BACKGROUND_FEARED = {"linear": 0.01, "square": 0.03}
"""1-sigma of a background that was not measured, in plateaus at <N> = 1."""
NO_LIGHT = {"ln_brightness": -30.0, "drift": 0.0, "bend": 0.0, **TWO_PHOTONS}
Q_WIDTH = 0.15
"""Width of the half-Gaussian prior for a q that is not stated: dots of this family have 0.02 to 0.3. A flat
prior on 0..1 would let unphysical biexciton ratios near 1 double the cross-section, for the data alone hardly tell."""
Q_GRID = np.array([0.0, 0.02, 0.05, 0.09, 0.14, 0.2, 0.28, 0.38, 0.5])
"""Nodes of the integral over q where it is not stated."""


@dataclass(frozen=True)
class Recipe:
    """Which priors hold for a run."""

    priors: Mapping[str, Prior]
    q_known: bool
    held: Mapping[str, float] = field(default_factory=lambda: dict(TWO_PHOTONS))
    """What every fit holds; without `leak` where a leak is seen."""

    @classmethod
    def of(cls, model: Model, jitter: float, q: Value | None, *, drift_seen: bool) -> Recipe:
        """Return the priors; `drift_seen` tells whether down or reference rows can show a drift.

        A background that was not measured beside the emitter is kept near 0 by a prior.
        """
        priors: dict[str, Prior] = {
            "leak": (0.0, LEAK_FEARED),
            "zero": (0.0, 1.0),
            "drift": (0.0, 1.0 if drift_seen else 0.1),
            "bend": (0.0, 0.02),
            "ln_blink": (float(np.log(0.02)), 1.0),
            "ln_jitter": (float(np.log(jitter)), 0.7),
            "linear": (0.0, 1e6),
            "square": (0.0, 1e6),
            "dark": (0.0, 1e6),
        }
        priors["q"] = (0.0, Q_WIDTH) if q is None else (q.nominal, q.sigma)
        recipe = cls(priors, q is not None)
        if not model.background_seen:
            ln_alpha, ln_brightness = recipe.start(model)[:2]
            plateau = float(np.exp(ln_brightness))
            priors["linear"] = (0.0, BACKGROUND_FEARED["linear"] * plateau * float(np.exp(ln_alpha / 2)))
            priors["square"] = (0.0, BACKGROUND_FEARED["square"] * plateau * float(np.exp(ln_alpha)))
        return recipe

    def with_leak(self) -> Recipe:
        """Return the recipe in which part of <N> may be linear in the power."""
        return replace(self, held={"exponent": 2.0})

    def start(self, model: Model) -> Array:
        """Return where a first fit starts."""
        q = self.priors["q"][0] if self.q_known else 0.1
        return start_values(model, float(np.exp(self.priors["ln_jitter"][0])), q)


def full_fit(model: Model, recipe: Recipe, start: Array | None = None, **fixed: float) -> Fit:
    """Return the fit with what the recipe holds, or as fixed; where q is not stated, the mean over it.

    The noise is fitted too, which makes sigmas too small by sqrt(1 - p/n): undone here.
    """
    return _fit(model, recipe, start, {**recipe.held, **fixed})


def slope_fit(model: Model, recipe: Recipe, start: Array) -> Fit:
    """Return the fit with a free exponent."""
    return _fit(model, recipe, start, {"leak": 0.0})


def light_seen(model: Model, recipe: Recipe, best: Fit) -> float:
    """Return 2 ln of the likelihood ratio of `best` against background and dark counts alone.

    Without rows beside the emitter any background linear and quadratic in the power is allowed.
    """
    wide = {**recipe.priors, "linear": (0.0, 1e9), "square": (0.0, 1e9)}
    fixed = {**NO_LIGHT, "ln_alpha": best.value("ln_alpha"), "q": best.value("q")}
    start = recipe.start(model)
    dark = maximise(model, start, wide if not model.background_seen else recipe.priors, fixed)
    return 2 * (dark.loss - best.loss)


def _fit(model: Model, recipe: Recipe, start: Array | None, held: Mapping[str, float]) -> Fit:
    if start is None:
        start = recipe.start(model)
    first = maximise(model, start, recipe.priors, held)
    if not recipe.q_known and "q" not in held:
        first = _average_over_q(model, recipe, first, held)
    shape = [name for name in first.free if name in ("ln_alpha", "ln_brightness", "q", "drift", "exponent")]
    n = int(model.emitter.sum())
    return replace(first, covariance=first.covariance * n / max(n - len(shape), 1))


def _average_over_q(model: Model, recipe: Recipe, first: Fit, held: Mapping[str, float]) -> Fit:
    nearest = int(np.argmin(np.abs(Q_GRID - first.value("q"))))
    order = [*range(nearest, Q_GRID.size), *range(nearest - 1, -1, -1)]
    at: dict[int, Fit] = {}
    for k in order:
        start = at[k + 1].theta if k < nearest else (at[k - 1].theta if k > nearest else first.theta)
        at[k] = maximise(model, start, recipe.priors, {**held, "q": float(Q_GRID[k])}, rounds=12)
    fits = [at[k] for k in range(Q_GRID.size)]
    spans = np.gradient(Q_GRID)
    free = [NAMES.index(name) for name in fits[0].free]
    volume = np.array([0.5 * np.linalg.slogdet(f.covariance[np.ix_(free, free)])[1] for f in fits])
    log_weight = volume - np.array([f.loss for f in fits]) + np.log(spans)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = sum((w * f.theta for w, f in zip(weight, fits, strict=True)), np.zeros(len(NAMES)))
    covariance = sum(
        (w * (f.covariance + np.outer(f.theta - mean, f.theta - mean)) for w, f in zip(weight, fits, strict=True)),
        np.zeros((len(NAMES), len(NAMES))),
    )
    return Fit(mean, covariance, min(f.loss for f in fits), (*fits[0].free, "q"))
