"""Which model of levels the spectra prefer: dark state lowest, dark state above, no dark line, or a trion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Joint
from perovskite_meas.analyses.spectra.setup import FWHM
from perovskite_meas.analyses.spectra.shape import Shape
from perovskite_meas.analyses.spectra.stack import Stack, coadd, rescaled

from .flux import Flux, with_flux
from .levels import BRIGHT, Exciton, Trion, Triplet
from .search import Starts, lowest_of, search, search_again

DARK_LOWEST, DARK_ABOVE, NO_DARK, TRION = "dark lowest", "dark above", "no dark line", "trion"
OUTLIER = 6.0
"""Sigmas from which a pixel above the fitted model is a cosmic ray that was overlooked."""
AMPLITUDE = 2.0
"""Penalty of one free amplitude; the null adds 0.5 to twice the log-likelihood on average."""
LEAST_GAP = 0.02
"""meV by which the dark state must lie beneath the bright ones to be called lowest."""
SAME = 1.05
"""Ratio of the reduced chi2 up to which the trion says the same as an exciton without resolved exchange."""
NOT_BETTER = 20.0
HIDES = 0.8
"""Span of the levels over a line's width up to which exchange does not show."""
LOG_EVIDENCE = 700.0
AGAIN, SUSPICIOUS = 1.06, 0.025
"""Reduced chi2 and rms of what is left over that of the lines, from which other starts are tried."""


@dataclass(frozen=True)
class Contest:
    """The fits of all models on one cleaned stack."""

    joint: Joint
    fits: Mapping[str, Fit]
    criteria: Mapping[str, float]
    """Bayesian criterion of each model: lower is better."""
    masked: int
    """Pixels that were masked after the first fit."""
    refined: Flux
    """The best fit with the trapped flux of the magnet."""

    @property
    def best(self) -> str:
        """Return the name of the best model."""
        return min(self.criteria, key=lambda name: self.criteria[name])

    @property
    def exciton(self) -> Fit:
        """Return the better fit of the exciton with its dark state, with the trapped flux where it is the best."""
        if self.best in (DARK_LOWEST, DARK_ABOVE):
            return self.refined.fit
        known = [name for name in (DARK_LOWEST, DARK_ABOVE) if name in self.fits]
        return self.fits[min(known, key=lambda name: self.criteria[name])]

    def odds(self, name: str) -> float:
        """Return the probability of a model among all."""
        if name not in self.criteria:
            return 0.0
        lowest = min(self.criteria.values())
        weights = {n: math.exp(-0.5 * min(c - lowest, LOG_EVIDENCE)) for n, c in self.criteria.items()}
        return weights[name] / sum(weights.values())

    def table(self) -> dict[str, dict[str, float]]:
        """Return likelihood, criterion, chi2 and probability by model."""
        return {
            name: {
                "log_likelihood": fit.likelihood, "bic": self.criteria[name], "chi2_reduced": fit.reduced,
                "probability": self.odds(name),
            }
            for name, fit in self.fits.items()
        }  # fmt: skip


def contest(made: Stack, shape: Shape) -> Contest:
    """Return all models fitted to one stack, from more starts where the first ones led nowhere."""
    coarse = Joint(coadd(made, np.zeros(len(made.counts))), shape)
    start = search(coarse)
    found = _held(made, shape, start)
    best = found.fits[found.best]
    if best.reduced < AGAIN or misfit(best, found.joint.stack) < SUSPICIOUS:
        return found
    other = _held(made, shape, search_again(coarse, start))
    return min(found, other, key=lambda one: one.fits[one.best].reduced)


def _held(made: Stack, shape: Shape, start: Starts) -> Contest:
    first = _first(Joint(made, shape), start)
    made, masked = polish(made, first)
    joint = Joint(made, shape)
    fits: dict[str, Fit] = {}
    for begun in sorted((start.below, start.above), key=lambda one: one.chi2):
        same = (begun.values[0] > lowest_of(begun.values)) == (first.values[0] > lowest_of(first.values))
        values, shifts = (first.values, first.shifts) if same else (begun.values, first.shifts)
        bar = min((fit.chi2 for fit in fits.values()), default=np.inf)
        one = joint.fit(Exciton(), values, shifts=shifts, bar=bar)
        name = DARK_LOWEST if one.values[0] > lowest_of(one.values) + LEAST_GAP else DARK_ABOVE
        if name not in fits or one.chi2 < fits[name].chi2:
            fits[name] = one
    bar = min(fit.chi2 for fit in fits.values())
    shifts = first.shifts
    fits[NO_DARK] = joint.fit(Triplet(), start.triplet, shifts=shifts, bar=bar)
    fits[TRION] = min(
        (joint.fit(Trion(), values, shifts=shifts, bar=bar) for values in start.trions),
        key=lambda one: one.chi2,
    )
    if fits[TRION].chi2 < bar:  # the exciton without exchange is the trion: give it that chance
        fits |= _from_trion(joint, fits[TRION], fits)
    excess = max(1.0, min(fit.reduced for fit in fits.values()))
    criteria = {name: criterion(fit, excess) for name, fit in fits.items()}
    for name in (DARK_LOWEST, DARK_ABOVE):
        if name in fits and no_exchange(fits[name], shape) and fits[TRION].reduced < SAME * fits[name].reduced:
            criteria[name] = max(criteria[name], criteria[TRION] + NOT_BETTER)
    best = fits[min(criteria, key=lambda name: criteria[name])]
    return Contest(joint, fits, criteria, masked, with_flux(joint, best))


def misfit(fit: Fit, made: Stack) -> float:
    """Return the rms of what the model leaves beyond noise over that of the lines, 0 where noise is all."""
    base = made.width * (fit.amplitude[made.group, -2, None] + fit.amplitude[made.group, -1, None] * made.energy * 0.2)
    beyond = (fit.reduced - 1.0) * float((made.good * (np.maximum(fit.model, 0.0) + made.floor)).sum())
    return math.sqrt(max(beyond, 0.0) / max(float((made.good * (fit.model - base) ** 2).sum()), 1e-9))


def no_exchange(fit: Fit, shape: Shape) -> bool:
    """Return whether all zero-field splittings hide in the width of a line: such an exciton has the trion's lines."""
    level = np.concatenate([[-fit.values[0]], BRIGHT @ fit.values[1:3]])
    return float(np.ptp(level)) < HIDES * (fit.value("linewidth") + FWHM * shape.psf)


def _from_trion(joint: Joint, trion: Fit, fits: Mapping[str, Fit]) -> dict[str, Fit]:
    """Return the exciton's fits from the trion's place where they are better than what is known."""
    better: dict[str, Fit] = {}
    for splitting in (0.08, -0.08):
        values = np.array([splitting, 0.02, 0.02, *np.abs(trion.values[:2]), 0.8, 0.2, *trion.values[2:]])
        one = joint.fit(Exciton(), values, shifts=trion.shifts)
        name = DARK_LOWEST if one.values[0] > lowest_of(one.values) + LEAST_GAP else DARK_ABOVE
        known = better.get(name, fits.get(name))
        if known is None or one.chi2 < known.chi2:
            better[name] = one
    return better


def criterion(fit: Fit, excess: float) -> float:
    """Return the Bayesian criterion; amplitudes are nuisances and cost less than parameters of the levels."""
    levels = len(fit.levels.parameters)
    lines = fit.amplitude.shape[1] - 2
    groups = fit.amplitude.shape[0]
    return float(-2 * fit.likelihood / excess + levels * math.log(fit.pixels) + AMPLITUDE * lines * groups)


def polish(made: Stack, fit: Fit) -> tuple[Stack, int]:
    """Return the stack with brightness by the model and without overlooked cosmic rays, and how many these were."""
    group = made.group
    background = fit.amplitude[group, -2:, None]
    base = made.width * (background[:, 0] + background[:, 1] * made.energy * 0.2)
    line = fit.model - base
    weight = made.good / (np.maximum(fit.model, 0.0) + made.floor)
    light = (weight * line * (made.counts - base)).sum(axis=1) / np.maximum((weight * line**2).sum(axis=1), 1e-12)
    light = np.clip(light, 0.2, 5.0) * made.scale
    variance = np.maximum(fit.model, 0.0) * max(1.0, fit.reduced) + made.floor
    high = (made.counts - fit.model) > OUTLIER * np.sqrt(variance) * math.sqrt(max(1.0, fit.reduced))
    high &= made.good > 0
    crowded = high.sum(axis=1) > 12  # a misfit, not a hit
    high[crowded] = False
    good = np.where(high, 0.0, made.good)
    return rescaled(replace(made, good=good), np.maximum(light, 1e-6)), int(high.sum())


def _first(joint: Joint, start: Starts) -> Fit:
    better = min((start.below, start.above), key=lambda one: one.chi2)
    return joint.fit(Exciton(), better.values, steps=10, precision=1.0)
