"""Everything that speaks against naming the ground state."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.core.value import Value

from .brightening import Brightening
from .contest import DARK_ABOVE, DARK_LOWEST, NO_DARK, TRION, Contest
from .decays import Decays
from .estimates import Estimates

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
VAGUE = 0.5
"""1-sigma of the exponent that is forgiven at most."""
MISFIT = 1.3
"""Reduced chi2 beyond which no model of levels is believed; sessions that fit have 0.95 to 1.08."""
RESOLVED = 0.5
"""Distance of the dark level from the lowest bright one over a line's width that is needed."""
PROVEN = 3.0
"""Sigmas of a difference of g factors, and of the disagreement of two of them."""
TRUST = 0.1
"""Relative 1-sigma of a difference of g factors from decays by what their law leaves out (feeding, afterpulses)."""
RIVAL = 16.0
"""chi2 by which the exciton must beat a neighbour where no decays prove the mixing."""
ASTRAY = 0.15
"""Rms distance of the dark line's share from the law of its mixing, over the largest share."""
CROSSED = 0.6
"""Light of the dark line across the field over that along it, which a dark state in Voigt geometry stays beneath."""
VOIGT = 60.0
"""deg between field and view from which the geometry is Voigt."""


@dataclass(frozen=True)
class Case:
    """What the verdict has to weigh."""

    found: Contest
    fit: Fit
    """Of the exciton."""
    values: Estimates
    grown: Brightening
    width: float
    """Of a line, in meV."""
    fields: int
    """Different |B|."""
    angle: Value | None
    """Between field and view, in deg."""
    decays: Decays | None
    ahead: float | None
    """chi2 by which the exciton beats a neighbour; None where it was not asked."""

    @property
    def proven(self) -> bool:
        """Whether the decay rate of the slow part grows with the field as a mixing with the bright states makes it."""
        g = None if self.decays is None else self.decays.g_diff
        return g is not None and g.nominal > PROVEN * (g.statistical or g.sigma)

    @property
    def unpolarised(self) -> bool:
        """Whether the dark line lacks the polarisation along the field that it has in Voigt geometry."""
        across = self.grown.across
        voigt = self.angle is None or self.angle.nominal > VOIGT
        return voigt and across is not None and across.nominal > CROSSED + PROVEN * across.sigma


def doubts(case: Case) -> list[str]:
    """Return every reason not to claim an order of the states, the gravest first."""
    best = case.found.best
    if best == NO_DARK:
        return [
            "no line of a dark state stands apart from the bright ones: it is too faint (more light, higher fields or "
            "a Voigt geometry would show it), or lies within a line's width of them"
        ]
    if best == TRION:
        return [
            "one line at zero field that splits linearly into a quartet or doublet: a trion, or an exciton without "
            "resolvable exchange"
        ]
    found = [*_models(case), *_growth(case)]
    return [*found, *_mixing(case)] if best == DARK_LOWEST else found


def _models(case: Case) -> list[str]:
    found, gap, best = case.found, case.values.lowest_gap, case.found.best
    against = []
    if case.fit.reduced > MISFIT:
        against.append(f"no model of levels describes the spectra (reduced chi2 {case.fit.reduced:.2f})")
    odds = {name: found.odds(name) for name in (DARK_LOWEST, DARK_ABOVE, NO_DARK, TRION)}
    if odds[best] < SURE:
        second = max((name for name in odds if name != best), key=lambda name: odds[name])
        against.append(f"{second} describes the spectra nearly as well (probability {odds[second]:.2g})")
    if case.grown.clear < CLEAR:
        against.append(f"the dark line is only {case.grown.clear:.1f} sigma clear")
    if abs(gap.nominal) < max(CLEAR * gap.sigma, RESOLVED * case.width):
        against.append(
            f"the dark level lies {gap} beneath the lowest bright one: too close for lines of {case.width:.2g} meV"
        )
    elif best == DARK_ABOVE and (case.values.splitting.nominal > 0 or gap.nominal > 0):
        against.append(f"the dark level lies {case.values.splitting} beneath the mean of the bright ones, among them")
    return against


def _growth(case: Case) -> list[str]:
    grown, against = case.grown, []
    if grown.rise < RISE or grown.contrast > SHALLOW + 3 * grown.contrast_sigma:
        against.append(
            f"the line does not brighten with the field (share at the lowest field {grown.contrast:.0%} of that at the "
            "highest): a phonon replica or leaked light would look so"
        )
    elif case.found.best == DARK_LOWEST and grown.exponent is not None:
        low, high = EXPONENT
        blur = 2 * min(grown.exponent.sigma, VAGUE)
        if not low - blur < grown.exponent.nominal < high + blur:
            against.append(f"the line brightens with B^{grown.exponent}, not with B^2")
        elif grown.astray > ASTRAY:
            against.append(
                f"the line's share is {grown.astray:.0%} off what the mixing of these levels makes of it, f/(f + a)"
            )
    if case.fields < 4:
        against.append(f"{case.fields} different fields are too few to tell brightening from a replica")
    return against


def _mixing(case: Case) -> list[str]:
    """Return what denies that the line is mixed with the bright ones: a neighbour in the spot is not."""
    against = []
    own = case.values.g_diff
    other = None if case.decays is None else case.decays.g_diff
    seen = own.nominal > PROVEN * (own.statistical or own.sigma)
    if not seen and not case.proven:
        against.append(
            f"the levels do not repel each other measurably (|g_e - g_h| = {own.nominal:.2g} +- {own.sigma:.2g}): "
            "without mixing a dark state stays dark, so the line may be another emitter's"
        )
    if other is not None and not case.proven:
        against.append("the decay of the slow light does not speed up with the field as mixing would have it")
    elif other is not None:
        allowed = math.hypot(own.sigma, other.sigma, TRUST * max(own.nominal, other.nominal))
        if abs(own.nominal - other.nominal) > PROVEN * allowed:
            against.append(f"|g_e - g_h| is {own} by the energies and {other} by the decays")
    if case.ahead is not None and case.ahead < (0.0 if case.proven else RIVAL):
        against.append(
            "an emitter beside this one, whose lines come into sight with the field, describes the spectra "
            + ("better" if case.ahead < 0 else "nearly as well")
            + f" (chi2 {abs(case.ahead):.0f} {'lower' if case.ahead < 0 else 'higher'})"
        )
    if case.unpolarised and not case.proven:
        against.append(f"the line is not polarised along the field: {case.grown.across} of its light lies across")
    return against
