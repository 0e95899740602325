"""Systematic parts of the cross-section, each named."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from perovskite_meas.core.value import Value

from .fit import Fit
from .full import Recipe, full_fit
from .ladder import LAWS
from .model import Model
from .setup import Setup

DEAD_TIME_UNKNOWN = 50e-9
"""s; booked in full as systematic where the bench does not state a dead time."""
DEAD_TIME_TRUST = 0.1
"""Relative 1-sigma of a dead time that was stated without one."""
LIFETIME_TRUST = 0.1
"""Relative 1-sigma of a lifetime that was stated without one."""
ENERGY_SPREAD_UNKNOWN = 0.03
"""Pulse-energy spread booked where none is stated; <F^2> = F^2 (1 + s^2)."""
ENERGY_SPREAD_TRUST = 0.25
"""Relative 1-sigma of a stated pulse-energy spread."""
LAW_WEIGHT = {"slow": 1.0, "central": 3.0, "fast": 0.5, "two_steps": 0.5}
"""How likely each ladder law is held to be beforehand: slower and faster than the central one alike."""
LEAK_TRUST = 0.5
"""Relative 1-sigma of the correction for a leak: a wrong zero of the head looks alike, three photons do not."""


@dataclass(frozen=True)
class Systematics:
    """Relative 1-sigma of alpha by cause, and what the refits told."""

    calibration: dict[str, float]
    """From the stated sigmas: power, spot, pulse_duration, centring."""
    model: dict[str, float]
    """From the fit: meter_zero, dead_time, pulse_energy, ladder_law, lifetime, one_photon."""
    favoured: str
    """The ladder law that the data like best."""
    preference: float
    """Chi-squared by which it beats the central law."""
    shift: float
    """Move of ln alpha from the central ladder law to the mean over the laws."""
    leak: Value
    """Part of <N> that is linear in the power, at <N> = 1."""

    @property
    def all(self) -> dict[str, float]:
        """Every cause."""
        return {**self.calibration, **self.model}

    @property
    def total(self) -> float:
        """All causes in quadrature."""
        return math.sqrt(sum(part**2 for part in self.all.values()))


def calibration_parts(setup: Setup) -> dict[str, float]:
    """Return the relative sigmas that the bench's calibrations leave: sigma2 ~ tau w^4/P^2.

    Source: (d sigma2/sigma2)^2 = (d tau/tau)^2 + 4 (dP/P)^2 + 16 (dw/w)^2 for a Gaussian focus.
    """
    mean, rms = setup.centring_factor()
    return {
        "power": 2 * setup.ratio.relative,
        "spot": 4 * setup.waist.relative,
        "pulse_duration": setup.duration.relative,
        "centring": rms / mean,
    }


def systematics(model: Model, recipe: Recipe, best: Fit, quadratic: Fit, setup: Setup) -> Systematics:
    """Refit with each assumption changed and return how far alpha moves; `quadratic` is the fit without a leak."""
    q = best.value("q")
    held = full_fit(model, recipe, best.theta, q=q)
    central = held.value("ln_alpha")

    def moved(changed: Model) -> float:
        # q is held: these effects are small and do not depend on it.
        return full_fit(changed, recipe, best.theta, q=q).value("ln_alpha") - central

    parts = {"meter_zero": abs(best.cov("ln_alpha", "zero"))}
    parts["dead_time"] = abs(moved(replace(model, dead_time=model.dead_time + _dead_time_sigma(setup))))
    more = setup.energy_spread * (1 + ENERGY_SPREAD_TRUST) or ENERGY_SPREAD_UNKNOWN
    parts["pulse_energy"] = abs(moved(replace(model, energy_spread=more)))
    shift, parts["ladder_law"], favoured, preference = _ladder(model, recipe, best)
    if setup.lifetime is not None and setup.survival > 1e-6:
        spread = setup.lifetime.sigma or LIFETIME_TRUST * setup.lifetime.nominal
        longer = math.exp(-setup.period / (setup.lifetime.nominal + spread))
        parts["lifetime"] = abs(moved(replace(model, survival=longer)))
    if "leak" in best.free:
        parts["one_photon"] = LEAK_TRUST * abs(best.value("ln_alpha") - quadratic.value("ln_alpha"))
        leak = Value(best.value("leak"), best.sigma("leak"), "1")
    else:
        leaky = full_fit(model, recipe.with_leak(), held.theta, q=q)
        hidden = leaky.sigma("ln_alpha") ** 2 - held.sigma("ln_alpha") ** 2
        parts["one_photon"] = max(abs(leaky.value("ln_alpha") - central), math.sqrt(max(hidden, 0.0)))
        leak = Value(leaky.value("leak"), leaky.sigma("leak"), "1")
    return Systematics(
        calibration_parts(setup),
        parts,
        favoured,
        preference,
        shift,
        leak,
    )


def _ladder(model: Model, recipe: Recipe, best: Fit) -> tuple[float, float, str, float]:
    """Return mean and rms of the move of ln alpha over the laws, weighted by likelihood; the best law; its gain."""
    fits = {law: best if law == "central" else full_fit(replace(model, law=law), recipe, best.theta) for law in LAWS}
    lowest = min(fit.loss for fit in fits.values())
    prior = np.array([LAW_WEIGHT[law] for law in fits])
    weight = prior * np.array([math.exp(lowest - fit.loss) for fit in fits.values()])
    weight /= weight.sum()
    move = np.array([fit.value("ln_alpha") - best.value("ln_alpha") for fit in fits.values()])
    favoured = min(fits, key=lambda law: fits[law].loss)
    mean = float(weight @ move)
    return mean, math.sqrt(float(weight @ (move - mean) ** 2)), favoured, 2 * (best.loss - lowest)


def _dead_time_sigma(setup: Setup) -> float:
    if setup.dead_time is None:
        return DEAD_TIME_UNKNOWN
    return (setup.dead_time.sigma or DEAD_TIME_TRUST * setup.dead_time.nominal) * 1e-9
