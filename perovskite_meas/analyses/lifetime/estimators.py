"""The same lifetime by other estimators: each detector alone, naive ones, and a stretched exponential."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from perovskite_meas.core.value import Value

from .averages import fast, intensity_average
from .fit import Fit, maximise
from .kernel import stretched_mean
from .rows import Array
from .selection import Choice
from .setup import Setup

PS = 1e-3
"""ns per ps."""


def mean_lifetime(fit: Fit, width: float) -> Value:
    """Return the lifetime of a fit in ns, with its statistical sigma."""
    found = intensity_average(fit, fast(fit, width))
    sigma = found.sigma(fit) * PS
    return Value(found.nominal * PS, sigma, "ns", sigma, 0.0)


def each_detector(best: Fit, setup: Setup) -> dict[str, Value]:
    """Return the lifetime from each detector alone, with the model of the joint fit."""
    if len(setup.names) < 2:
        return {name: mean_lifetime(best, setup.width) for name in setup.names}
    out = {}
    for d, name in enumerate(setup.names):
        keep = [i for i, word in enumerate(best.model.names) if not _owner(word) or _owner(word) == f"_{d}"]
        held = best.model.held_response[d : d + 1]
        alone = replace(best.model, traces=best.model.traces[d : d + 1], held_response=held)
        out[name] = mean_lifetime(maximise(alone, best.theta[keep], rounds=30), setup.width)
    return out


def _owner(name: str) -> str:
    own = ("ln_counts", "shift", "flat", "scale", "ln_width")
    word, _, last = name.rpartition("_")
    return f"_{last}" if word in own else ""


def naive(choice: Choice, setup: Setup) -> dict[str, Value]:
    """Return what common short cuts give on the same counts."""
    best = choice.best
    out = {"poisson": mean_lifetime(best, setup.width)}
    out["neyman"] = mean_lifetime(maximise(best.model, best.theta, rounds=40, neyman=True), setup.width)
    open_eyes = tuple(replace(trace, live=np.ones_like(trace.live)) for trace in best.model.traces)
    blindly = maximise(replace(best.model, traces=open_eyes), best.theta, rounds=30)
    out["no_pile_up_correction"] = mean_lifetime(blindly, setup.width)
    if choice.name != "mono":
        out["mono"] = mean_lifetime(choice.tried["mono"], setup.width)
    return out


def alternatives(choice: Choice) -> dict[str, dict[str, float]]:
    """Return how the other models compare with the chosen one; a stretched exponential only against several decays."""
    out = {}
    own = choice.best.bic()
    for name, fit in choice.tried.items():
        out[name] = {"bic": fit.bic() - own, "chi2": fit.misfit()[0]}
    if choice.name != "mono":
        mono = choice.tried["mono"]
        model = replace(mono.model, prompt=False, stretch=True)
        kept = mono.theta if not mono.model.prompt else np.delete(mono.theta, mono.model.index("prompt"))
        fit = maximise(model, _with_beta(kept), rounds=12)
        tau, beta = math.exp(fit.theta[0]) * PS, fit.value("beta")
        mean = stretched_mean(tau, beta)
        out["stretched"] = {
            "bic": fit.bic() - own, "chi2": fit.misfit()[0], "tau": tau, "beta": beta, "amplitude_average": mean,
        }  # fmt: skip
    return out


def _with_beta(theta: Array) -> Array:
    start: Array = np.insert(theta, 1, 0.75)
    start[0] -= 0.3
    return start
