"""Single, not single or undecided, and why."""

from __future__ import annotations

from dataclasses import dataclass

from .gated import Gated
from .interval import Posterior

LIMIT = 0.5
"""g2(0) of two equal emitters."""
PAIR_ODDS = 1e-4
"""Probability above LIMIT that a verdict 'single' may leave.

The 95 % bound alone would call one pair in twenty at exactly 0.5 single; with this, one in about 10 000.
"""


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on."""

    posterior: Posterior
    """Of the corrected g2(0)."""
    gated: Gated
    """Time-gated g2(0)."""
    overlap: str
    """Why pulses follow too closely to tell; empty where they do not."""
    background_seen: bool
    """Whether background was measured."""
    doubts: tuple[str, ...] = ()
    """Reasons for which low values may not be believed."""


def verdict(evidence: Evidence) -> tuple[str, str]:
    """Return 'single', 'not single' or 'undecided', and the reason."""
    lower, upper = evidence.posterior.bounds()
    said = f"g2(0) is between {lower:.3f} and {upper:.3f} (one-sided 95 % bounds)"
    if evidence.overlap:
        return "undecided", f"{evidence.overlap}; {said}"
    odds = evidence.posterior.above(LIMIT)
    if upper < LIMIT:
        if evidence.doubts:
            return "undecided", f"{said}, but {'; '.join(evidence.doubts)}"
        if odds < PAIR_ODDS:
            return "single", f"{said}: below {LIMIT}, with odds of {_odds(odds)} for more"
        return (
            "undecided",
            f"{said}: below {LIMIT}, but with odds of {odds:.0e} for more (at most {PAIR_ODDS:.0e}, so that a pair of "
            "equal dots is not taken for one); count longer",
        )
    if lower > LIMIT:
        return _above(evidence, said)
    return "undecided", f"{said}: {LIMIT} lies between them; count longer"


def _odds(odds: float) -> str:
    return f"{odds:.0e}" if odds > 1e-12 else "less than 1e-12"


def _above(evidence: Evidence, said: str) -> tuple[str, str]:
    if not evidence.background_seen:
        return "undecided", f"{said}, but the background was not measured and may fill the dip"
    gated = evidence.gated
    if gated.posterior is None:
        return "undecided", f"{said}, but a bright biexciton of one dot is not excluded: {gated.reason}"
    low, high = gated.posterior.bounds()
    late = f"for photons later than {gated.gate:.3g} ns it is between {low:.3f} and {high:.3f}"
    if low > LIMIT:
        return "not single", f"{said}, and {late}: several emitters"
    if high < LIMIT:
        return "undecided", f"{said}, but {late}: one dot with a bright biexciton, or one dot and background"
    return "undecided", f"{said}, but {late}: a pair of dots or a bright biexciton"
