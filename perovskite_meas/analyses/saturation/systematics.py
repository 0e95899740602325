"""Systematic parts of the cross-section, each named."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

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


def systematics(model: Model, recipe: Recipe, best: Fit, slope: Fit, setup: Setup) -> Systematics:
    """Refit with each assumption changed and return how far alpha moves; `slope` has a free exponent."""
    q = best.value("q")
    central = full_fit(model, recipe, best.theta, q=q).value("ln_alpha")

    def moved(changed: Model) -> float:
        # q is held: these effects are small and do not depend on it.
        return full_fit(changed, recipe, best.theta, q=q).value("ln_alpha") - central

    parts = {"meter_zero": abs(best.cov("ln_alpha", "zero"))}
    parts["dead_time"] = abs(moved(replace(model, dead_time=model.dead_time + _dead_time_sigma(setup))))
    more = setup.energy_spread * (1 + ENERGY_SPREAD_TRUST) or ENERGY_SPREAD_UNKNOWN
    parts["pulse_energy"] = abs(moved(replace(model, energy_spread=more)))
    ladder, favoured, preference = _ladder(model, recipe, best)
    parts["ladder_law"] = ladder
    if setup.lifetime is not None and setup.survival > 1e-6:
        spread = setup.lifetime.sigma or LIFETIME_TRUST * setup.lifetime.nominal
        longer = math.exp(-setup.period / (setup.lifetime.nominal + spread))
        parts["lifetime"] = abs(moved(replace(model, survival=longer)))
    parts |= _one_photon(best, slope)
    return Systematics(calibration_parts(setup), parts, favoured, preference)


def _ladder(model: Model, recipe: Recipe, best: Fit) -> tuple[float, str, float]:
    """Return the rms move of ln alpha over the laws, each weighted by its likelihood; the best law; its gain."""
    fits = {law: best if law == "central" else full_fit(replace(model, law=law), recipe, best.theta) for law in LAWS}
    lowest = min(fit.loss for fit in fits.values())
    weight = np.array([math.exp(lowest - fit.loss) for fit in fits.values()])
    move = np.array([fit.value("ln_alpha") - best.value("ln_alpha") for fit in fits.values()])
    favoured = min(fits, key=lambda law: fits[law].loss)
    rms = math.sqrt(float((weight * move**2).sum() / weight.sum()))
    return rms, favoured, 2 * (best.loss - lowest)


def _one_photon(best: Fit, slope: Fit) -> dict[str, float]:
    """Return how far alpha at <N> = 1 moves with the exponent, where that is 3 sigma from 2: a small leak."""
    m = slope.value("exponent")
    if abs(m - 2) <= 3 * slope.sigma("exponent"):
        return {}
    return {"one_photon": abs(slope.value("ln_alpha") * 2 / m - best.value("ln_alpha"))}


def _dead_time_sigma(setup: Setup) -> float:
    if setup.dead_time is None:
        return DEAD_TIME_UNKNOWN
    return (setup.dead_time.sigma or DEAD_TIME_TRUST * setup.dead_time.nominal) * 1e-9
