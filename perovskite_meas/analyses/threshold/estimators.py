"""The named estimators of the threshold, each with its statistical sigma and the systematic ones by cause."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.core.value import Value

from .film import THRESHOLD
from .filters import Filters
from .gain import GainModel, fit_gain_model, refusal
from .groups import Groups
from .knee import KNEE, TRUST, fit_segmented, knee_sigma
from .law import Fit, Noise, fit_law
from .light import Light
from .linear import OTHER_PARTS, half_width, linear_intercept
from .narrowing import Narrowing, narrowing
from .setup import Setup

NAMES = ("soft_knee", "segmented", "linear_intercept", "narrowing", "gain_model")
LAW_FLOOR = 0.01
"""Relative 1-sigma of a knee by an empirical law: how fluences and their jitter happen to sample a law that no film
obeys moves it by about so much."""
ILL = 0.05
"""Relative own sigma from which an estimator is ill-conditioned."""
OTHER_TRUST = 0.03
"""Misfit granted to a law where its choice of weights is tried out."""


@dataclass(frozen=True)
class Estimates:
    """ln of every threshold over the groups' unit, with what it rests on."""

    ln: dict[str, float]
    statistical: dict[str, float]
    """Relative, by estimator."""
    systematic: dict[str, dict[str, float]]
    """Relative, by estimator and cause; without the scale of the fluences."""
    refused: dict[str, str]
    knee: Fit
    pieces: Fit
    narrowing: Narrowing
    gain: GainModel | None

    def own(self, name: str) -> float:
        """Return the relative sigma of an estimator without that of the fluences' scale."""
        return math.hypot(self.statistical[name], *self.systematic[name].values())

    def values(self, unit: float, scale: dict[str, float]) -> dict[str, Value]:
        """Return all thresholds in J/cm^2, with the scale's sigmas."""
        found = {}
        for name in self.ln:
            nominal = unit * math.exp(self.ln[name])
            systematic = math.hypot(*self.systematic[name].values(), *scale.values())
            found[name] = Value.combine(nominal, nominal * self.statistical[name], nominal * systematic, "J/cm^2")
        return found


def estimate(groups: Groups, light: Light, knee: Fit, noise: Noise, setup: Setup, filters: Filters) -> Estimates:
    """Return every estimator that the data and the bench allow."""
    ln, statistical, systematic, refused = {}, {}, {}, {}
    pieces = fit_segmented(groups, noise)
    for name, fit in (("soft_knee", knee), ("segmented", pieces)):
        ln[name], statistical[name] = float(fit.theta[KNEE]), knee_sigma(groups, fit, noise)
        systematic[name] = {"law": _law(fit, groups, noise), "filters": filters.moved(fit, groups, KNEE)}
        if not _inside(ln[name], groups):
            refused[name] = "the knee lies at the end of the sweep: measure further to either side"
    second = float(pieces.theta[KNEE] + math.exp(pieces.theta[5]))
    draws = linear_intercept(groups, knee, noise, float(pieces.theta[KNEE]), second)
    if draws is None:
        refused["linear_intercept"] = "too few points below or above the knee for two straight lines"
    else:
        ln["linear_intercept"], statistical["linear_intercept"] = float(draws[0]), half_width(draws)
        systematic["linear_intercept"] = {
            "window": _window(groups, knee, noise, pieces, float(draws[0])),
            "filters": _shifted(groups, knee, noise, pieces, filters, float(draws[0])),
        }
    narrow = narrowing(groups, light, knee, noise.reading)
    if narrow.refused:
        refused["narrowing"] = narrow.refused
    else:
        ln["narrowing"], statistical["narrowing"] = narrow.ln_threshold, narrow.sigma
        systematic["narrowing"] = {"law": math.hypot(narrow.law, LAW_FLOOR), "mixing": narrow.mixing}
    gain = None
    if reason := refusal(setup):
        refused["gain_model"] = reason
    else:
        below = groups.only(groups.centre < second)
        if len(below) < 12 or second <= pieces.theta[KNEE]:
            below = groups
        gain = fit_gain_model(below, noise, setup, knee.theta)
        ln["gain_model"], statistical["gain_model"] = gain.ln_threshold, gain.statistical
        systematic["gain_model"] = {**gain.parts, "filters": filters.moved(gain.best, below, THRESHOLD)}
    for name in [one for one in ln if one in refused]:
        del ln[name], statistical[name], systematic[name]
    return Estimates(ln, statistical, systematic, refused, knee, pieces, narrow, gain)


def _inside(ln: float, groups: Groups) -> bool:
    centre = groups.centre
    return float(np.quantile(centre, 0.04)) < ln < float(np.quantile(centre, 0.96))


def _law(fit: Fit, groups: Groups, noise: Noise) -> float:
    """Return how far the knee moves where bright and dim groups are weighed otherwise: the law is never quite right."""
    other = fit_law(fit.law, groups, fit.theta, noise, trust=OTHER_TRUST, rounds=2, precision=1e-4)
    parts = [abs(float(other.theta[KNEE] - fit.theta[KNEE]))]
    middle = float(fit.theta[KNEE])
    reach = 0.75 * min(middle - float(groups.centre.min()), float(groups.centre.max()) - middle)
    near = groups.only(np.abs(groups.centre - middle) < max(reach, 0.4 * float(np.ptp(groups.centre))))
    if len(near) > 4 * fit.theta.size:
        closer = fit_law(fit.law, near, fit.theta, noise, trust=TRUST, rounds=2, precision=1e-4)
        parts.append(abs(float(closer.theta[KNEE] - fit.theta[KNEE])))
    return math.hypot(float(np.mean(parts)), LAW_FLOOR)


def _window(groups: Groups, knee: Fit, noise: Noise, pieces: Fit, ln: float) -> float:
    """Return how far the linear intercept moves with where its upper line begins: rms over the other choices."""
    second = float(pieces.theta[KNEE] + math.exp(pieces.theta[5]))
    moves = []
    for part in OTHER_PARTS:
        draws = linear_intercept(groups, knee, noise, float(pieces.theta[KNEE]), second, part)
        if draws is not None:
            moves.append(float(draws[0]) - ln)
    return float(np.sqrt(np.mean(np.square(moves)))) if moves else math.inf


def _shifted(groups: Groups, knee: Fit, noise: Noise, pieces: Fit, filters: Filters, ln: float) -> float:
    """Return how far the linear intercept moves with the filters' sigmas."""
    total = 0.0
    second = float(pieces.theta[KNEE] + math.exp(pieces.theta[5]))
    for place, sigma in zip(filters.steps, filters.sigma, strict=True):
        moved = groups.scaled(np.where(groups.step == place, 1.0 + sigma, 1.0))
        draws = linear_intercept(moved, knee, noise, float(pieces.theta[KNEE]), second)
        if draws is not None:
            total += (float(draws[0]) - ln) ** 2
    return math.sqrt(total)
