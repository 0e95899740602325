"""Which state is lowest: only what the evidence carries, else not decidable, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.core.value import Value

from .brightening import Brightening
from .contest import DARK_ABOVE, DARK_LOWEST, NO_DARK, TRION, Contest
from .decays import Decays
from .doubts import MISFIT, RISE, Case, doubts
from .estimates import Estimates
from .rivals import ahead

LOWEST, BRIGHT_LOWEST, OPEN = "dark lowest", "bright lowest", "not decidable"
LEAST = 1e-9
"""Probability to which models of one family can be told at best."""
HALF = 0.5


@dataclass(frozen=True)
class Verdict:
    """The ground state."""

    state: str
    probability: float
    """That the dark state is lowest."""
    reason: str
    """Why nothing is decided; empty where it is."""
    evidence: tuple[str, ...]
    levels: bool = True
    """Whether the fitted levels are worth printing: False where no model describes the spectra."""
    notes: tuple[str, ...] = ()
    """What contradicts the bench without speaking against the verdict."""


def judge(
    found: Contest, fit: Fit, values: Estimates, grown: Brightening, width: float, fields: int, *,
    angle: Value | None = None, decays: Decays | None = None,
) -> Verdict:  # fmt: skip
    """Return the verdict.

    Args:
        found: all models.
        fit: of the exciton.
        values: its numbers.
        grown: share of the dark line.
        width: of a line, in meV.
        fields: different |B|.
        angle: between field and view, in deg.
        decays: with their law fitted, where the dark state is the lowest by the spectra.
    """
    case = Case(found, fit, values, grown, width, fields, angle, decays, None)
    against = doubts(case)
    if found.best == DARK_LOWEST and not against:  # the costly question last
        case = Case(found, fit, values, grown, width, fields, angle, decays, ahead(found, fit))
        against = doubts(case)
    evidence = _evidence(case)
    probability = _probability(found, grown, against)
    levels = found.best not in (DARK_LOWEST, DARK_ABOVE) or fit.reduced <= MISFIT
    if against:
        return Verdict(OPEN, probability, "; ".join(against), evidence, levels, _noted(case))
    state = LOWEST if found.best == DARK_LOWEST else BRIGHT_LOWEST
    return Verdict(state, probability, "", evidence, levels, _noted(case))


def _evidence(case: Case) -> tuple[str, ...]:
    """Return what was weighed, one sentence each."""
    found, grown, best = case.found, case.grown, case.found.best
    others = [value for name, value in found.criteria.items() if name != best]
    said = [
        f"of the models {', '.join(found.criteria)}, {best} is preferred by {min(others) - found.criteria[best]:.0f} "
        f"in the Bayesian criterion (probability {found.odds(best):.3g}; chi2 {found.fits[best].reduced:.2f})"
    ]
    if best in (NO_DARK, TRION):
        return tuple(said)
    exponent = grown.told
    said += [
        f"lowest bright level minus dark level: {case.values.lowest_gap}",
        f"the dark line stands {grown.clear:.1f} sigma above the noise in the upper half of the fields, with "
        f"{grown.share[-1]:.1%} of the light at {grown.field[-1]:.2g} T and {grown.share[0]:.2%} at "
        f"{grown.field[0]:.2f} T",
        "a share that does not change with field, as of a phonon replica or of leaked light, is worse by "
        f"{grown.rise:.0f} in chi2 than one that grows with B^2"
        + ("" if exponent is None else f"; its growth follows B^{exponent} before it saturates"),
    ]  # fmt: skip
    if grown.across is not None:
        said.append(f"light of the dark line across the field over that along it: {grown.across}")
    if case.decays is not None and case.decays.g_diff is not None:
        said.append(
            f"|g_e - g_h| from the repulsion of the levels {case.values.g_diff}, from the decays {case.decays.g_diff}"
        )
    if case.ahead is not None:
        said.append(f"an emitter beside this one with lines of its own is worse by {case.ahead:.0f} in chi2")
    return tuple(said)


def _noted(case: Case) -> tuple[str, ...]:
    """Return where what is seen contradicts the stated geometry."""
    if case.found.best != DARK_LOWEST or not case.unpolarised:
        return ()
    stated = "unknown" if case.angle is None else f"{case.angle}"
    return (
        f"the dark line is not polarised along the field ({case.grown.across} of its light lies across): the angle "
        f"between field and view is not what the bench says ({stated}), or the zero of the analyser is not the field",
    )


def _probability(found: Contest, grown: Brightening, against: list[str]) -> float:
    """Return the probability that the dark state is lowest: odds of the model times that of the brightening.

    Where anything speaks against all models of the contest their odds are no probabilities: it stays near one half.
    """
    believed = 1.0 / (1.0 + float(np.exp(-0.5 * np.clip(grown.rise - RISE / 2, -50, 50))))
    probability = found.odds(DARK_LOWEST) * believed
    if found.best in (NO_DARK, TRION):
        return HALF
    if against:
        return HALF + (probability - HALF) / (1 + len(against))
    return float(np.clip(probability, LEAST, 1 - LEAST))
