"""Which state is lowest: only what the evidence carries, else not decidable, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit

from .brightening import Brightening
from .contest import DARK_ABOVE, DARK_LOWEST, NO_DARK, TRION, Contest
from .estimates import Estimates

LOWEST, BRIGHT_LOWEST, OPEN = "dark lowest", "bright lowest", "not decidable"
SURE = 0.99
"""Probability among the models that a claim needs."""
CLEAR = 5.0
"""Sigmas of the dark line, and of its distance from the bright ones."""
RISE = 16.0
"""chi2 by which a growth with B^2 beats a constant share."""
SHALLOW = 0.5
"""Share of the dark line at the lowest field over that at the highest that a replica could have."""
EXPONENT = (1.2, 3.2)
"""Of the growth with field, beyond its sigmas."""
MISFIT = 2.5
"""Reduced chi2 beyond which no model of levels is believed."""
LEAST = 1e-9
"""Probability to which models of one family can be told at best."""
RESOLVED = 0.5
"""Distance of the dark level from the lowest bright one over a line's width that is needed."""


@dataclass(frozen=True)
class Verdict:
    """The ground state."""

    state: str
    probability: float
    """That the dark state is lowest."""
    reason: str
    """Why nothing is decided; empty where it is."""
    evidence: tuple[str, ...]


def judge(found: Contest, fit: Fit, values: Estimates, grown: Brightening, width: float, fields: int) -> Verdict:
    """Return the verdict; `width` of a line in meV, `fields` different |B|."""
    best = found.best
    odds = {name: found.odds(name) for name in (DARK_LOWEST, DARK_ABOVE, NO_DARK, TRION)}
    others = [value for name, value in found.criteria.items() if name != best]
    gap, steep = values.lowest_gap, grown.exponent
    evidence = [
        f"of the models {', '.join(found.criteria)}, {best} is preferred by {min(others) - found.criteria[best]:.0f} "
        f"in the Bayesian criterion (probability {odds[best]:.3g}; chi2 {found.fits[best].reduced:.2f})",
        f"lowest bright level minus dark level: {gap}",
        f"the dark line stands {grown.clear:.1f} sigma above the noise in the upper half of the fields, with "
        f"{grown.share[-1]:.1%} of the light at {grown.field[-1]:.2g} T and {grown.share[0]:.2%} at "
        f"{grown.field[0]:.2f} T",
        "a share that does not change with field, as of a phonon replica or of leaked light, is worse by "
        f"{grown.rise:.0f} in chi2 than one that grows with B^2"
        + ("" if steep is None else f"; its growth follows B^{steep} before it saturates"),
    ]  # fmt: skip
    against = _doubts(found, fit, best, odds, values, grown, width, fields)
    probability = _probability(odds, grown, against)
    if against:
        return Verdict(OPEN, probability, "; ".join(against), tuple(evidence))
    state = LOWEST if best == DARK_LOWEST else BRIGHT_LOWEST
    return Verdict(state, probability, "", tuple(evidence))


def _doubts(
    found: Contest, fit: Fit, best: str, odds: dict[str, float], values: Estimates, grown: Brightening, width: float,
    fields: int,
) -> list[str]:  # fmt: skip
    """Return everything that speaks against a claim."""
    gap = values.lowest_gap
    if best == NO_DARK:
        return ["no line that brightens with the field is seen: take more light, higher fields or a Voigt geometry"]
    if best == TRION:
        return [
            "one line at zero field that splits linearly into a quartet or doublet: a trion, or an exciton without "
            "resolvable exchange"
        ]
    against = []
    if fit.reduced > MISFIT:
        against.append(f"no model of levels describes the spectra (reduced chi2 {fit.reduced:.2f})")
    if odds[best] < SURE:
        second = max((name for name in odds if name != best), key=lambda name: odds[name])
        against.append(f"{second} describes the spectra nearly as well (probability {odds[second]:.2g})")
    if grown.clear < CLEAR:
        against.append(f"the dark line is only {grown.clear:.1f} sigma clear")
    if abs(gap.nominal) < max(CLEAR * gap.sigma, RESOLVED * width):
        against.append(
            f"the dark level lies {gap} beneath the lowest bright one: too close for lines of {width:.2g} meV"
        )
    if grown.rise < RISE or grown.contrast > SHALLOW + 3 * grown.contrast_sigma:
        against.append(
            f"the line does not brighten with the field (share at the lowest field {grown.contrast:.0%} of that at the "
            "highest): a phonon replica or leaked light would look so"
        )
    elif best == DARK_LOWEST and grown.exponent is not None:
        low, high = EXPONENT
        if not low - 2 * grown.exponent.sigma < grown.exponent.nominal < high + 2 * grown.exponent.sigma:
            against.append(f"the line brightens with B^{grown.exponent}, not with B^2")
    if fields < 4:
        against.append(f"{fields} different fields are too few to tell brightening from a replica")
    return against


def _probability(odds: dict[str, float], grown: Brightening, against: Sequence[str]) -> float:
    """Return the probability that the dark state is lowest: odds of the model times that of the brightening."""
    believed = 1.0 / (1.0 + float(np.exp(-0.5 * np.clip(grown.rise - RISE / 2, -50, 50))))
    probability = odds[DARK_LOWEST] * believed
    return float(np.clip(min(probability, 0.9) if against else probability, LEAST, 1 - LEAST))
