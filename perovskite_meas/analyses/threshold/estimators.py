"""The named estimators of the threshold, each with its statistical sigma and the systematic ones by cause."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from perovskite_meas.analyses.pulses.light import Light
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .film import THRESHOLD
from .filters import Filters
from .gain import GainModel, fit_gain_model
from .groups import Groups
from .knee import KNEE, TRUST, fit_segmented, knee_sigma
from .law import Fit, Noise, fit_law
from .linear import half_width, linear_intercept, moved_by, window
from .narrowing import Narrowing, narrowing

NAMES = ("soft_knee", "segmented", "linear_intercept", "narrowing", "gain_model")
LAW_FLOOR = 0.01
"""Relative 1-sigma of a knee by an empirical law: how fluences and their jitter happen to sample a law that no film
obeys moves it by about so much."""
PIECES_FLOOR = 0.015
"""The same where the law has corners."""
NARROWING_FLOOR = 0.003
"""The same of the middle of the narrowing, which rests on no law of the emission."""
ILL = 0.05
"""Relative own sigma from which an estimator is ill-conditioned."""
OTHER_TRUST = 0.03
"""Misfit granted to a law where its choice of weights is tried out."""
LEAST_BEND = 0.4
"""Slope above a knee over that below it, less one, from which it is one."""
FEWEST = 12
AT_END = "the knee lies at the end of the sweep: measure further to either side"


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

    def value(self, name: str, unit: float, scale: dict[str, float]) -> Value:
        """Return one threshold in J/cm^2, with the scale's sigmas."""
        nominal = unit * math.exp(self.ln[name])
        systematic = math.hypot(*self.systematic[name].values(), *scale.values())
        return Value.combine(nominal, nominal * self.statistical[name], nominal * systematic, "J/cm^2")

    def without(self, name: str, reason: str) -> Estimates:
        """Return the same with one estimator refused."""
        left = [{key: part for key, part in table.items() if key != name} for table in (self.ln, self.statistical)]
        systematic = {key: part for key, part in self.systematic.items() if key != name}
        gain = None if name == "gain_model" else self.gain
        refused = self.refused | {name: reason}
        return replace(self, ln=left[0], statistical=left[1], systematic=systematic, refused=refused, gain=gain)


def estimate(
    groups: Groups, light: Light, knee: Fit, noise: Noise, setup: Setup, filters: Filters, no_gain: str | None
) -> Estimates:
    """Return every estimator that the data and the bench allow; `no_gain`: why there can be no gain model."""
    ln, statistical, systematic, refused = {}, {}, {}, {}
    pieces = fit_segmented(groups, noise, knee)
    for name, fit in (("soft_knee", knee), ("segmented", pieces)):
        ln[name], statistical[name] = float(fit.theta[KNEE]), knee_sigma(groups, fit, noise)
        floor = LAW_FLOOR if fit is knee else PIECES_FLOOR
        systematic[name] = {"law": _law(fit, groups, noise, floor), "filters": filters.moved(fit, groups, KNEE)}
        if not _inside(ln[name], groups):
            refused[name] = AT_END
        elif failed := fit.failed(KNEE):
            refused[name] = failed
    bend = float(pieces.theta[2] - pieces.theta[1])
    if bend < LEAST_BEND * setup.photons and "segmented" not in refused:
        refused["segmented"] = f"the slope grows by {bend:.2g} only: no knee of three straight pieces"
    ends = _ends(knee, pieces, "segmented" in refused, groups)
    draws = linear_intercept(groups, knee, noise, *ends)
    if draws is None:
        refused["linear_intercept"] = "too few points below or above the knee for two straight lines"
    else:
        at = float(draws[0])
        ln["linear_intercept"], statistical["linear_intercept"] = at, half_width(draws)
        systematic["linear_intercept"] = {
            "window": window(groups, knee, noise, ends, at),
            "filters": moved_by(filters, groups, knee, noise, ends, at),
        }
        if not math.isfinite(statistical["linear_intercept"]) or not at > float(groups.centre.min()):
            refused["linear_intercept"] = "the two straight lines do not meet within the sweep"
    narrow = narrowing(groups, light, knee, noise.reading)
    if narrow.refused:
        refused["narrowing"] = narrow.refused
    else:
        ln["narrowing"], statistical["narrowing"] = narrow.ln_threshold, narrow.sigma
        systematic["narrowing"] = {"law": math.hypot(narrow.law, NARROWING_FLOOR), "mixing": narrow.mixing}
    gain = None
    try:
        gain, below = _gain(groups, noise, setup, knee, ends[1], no_gain or refused.get("soft_knee"))
        ln["gain_model"], statistical["gain_model"] = gain.ln_threshold, gain.statistical
        systematic["gain_model"] = {**gain.parts, "filters": filters.moved(gain.best, below, THRESHOLD)}
    except AnalysisRefused as reason:
        refused["gain_model"] = str(reason)
    for name in [one for one in ln if one in refused]:
        del ln[name], statistical[name], systematic[name]
    return Estimates(ln, statistical, systematic, refused, knee, pieces, narrow, gain)


def _gain(
    groups: Groups, noise: Noise, setup: Setup, knee: Fit, second: float, refused: str | None
) -> tuple[GainModel, Groups]:
    """Return the gain model and the groups that it was fitted to.

    Raises:
        AnalysisRefused: there is no knee, or no film's law about it.
    """
    if refused is not None:
        raise AnalysisRefused(refused)
    below = groups.only(groups.centre < second)
    if len(below) < FEWEST:
        below = groups
    return fit_gain_model(below, noise, setup, knee.theta), below


def _ends(knee: Fit, pieces: Fit, refused: bool, groups: Groups) -> tuple[float, float]:
    """Return ln fluence of both knees, by the pieces unless there are none about the soft knee."""
    first = float(pieces.theta[KNEE])
    second = first + math.exp(float(pieces.theta[5]))
    soft = float(knee.theta[KNEE])
    if refused or second <= soft:
        return soft, float(groups.centre.max()) + 1e-6
    return first, second


def _inside(ln: float, groups: Groups) -> bool:
    centre = groups.centre
    return float(np.quantile(centre, 0.04)) < ln < float(np.quantile(centre, 0.96))


def _law(fit: Fit, groups: Groups, noise: Noise, floor: float) -> float:
    """Return how far the knee moves where bright and dim groups are weighed otherwise: the law is never quite right."""
    other = fit_law(fit.law, groups, fit.theta, noise, trust=OTHER_TRUST, rounds=2, precision=1e-4, even=True)
    parts = [abs(float(other.theta[KNEE] - fit.theta[KNEE]))]
    middle = float(fit.theta[KNEE])
    reach = 0.75 * min(middle - float(groups.centre.min()), float(groups.centre.max()) - middle)
    near = groups.only(np.abs(groups.centre - middle) < max(reach, 0.4 * float(np.ptp(groups.centre))))
    if len(near) > 4 * fit.theta.size:
        closer = fit_law(fit.law, near, fit.theta, noise, trust=TRUST, rounds=2, precision=1e-4, even=True)
        parts.append(abs(float(closer.theta[KNEE] - fit.theta[KNEE])))
    return math.hypot(float(np.mean(parts)), floor)
