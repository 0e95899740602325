"""What forbids a T2 although a decay was fitted: wander and blinking that no law of the decay holds."""

from __future__ import annotations

from .contest import Contest
from .visibility import Visibilities

LARGEST_EXTRA = 0.05
"""Relative scatter beyond the sigmas from which the visibilities follow something else than a decay."""
LARGEST_STEPPED = 0.12
"""The same of single slow sweeps."""
FLICKER = 0.08
"""Part of the time between on and off from which the blinking that was found is none."""
SLOW_WANDER = "take faster sweeps (shorter dwell, fewer points), shorter delays, or a method faster than the wander"


def doubt(seen: Visibilities, found: Contest) -> str | None:
    """Return why the law of the decay cannot be trusted, or None."""
    model = found.best.model
    wanders = bool(seen.motion.own or seen.motion.jitter)
    # phases that walk within one slow sweep scatter the visibilities without bending the decay
    if found.extra >= (LARGEST_STEPPED if seen.bursts.stepped else LARGEST_EXTRA):
        cause = f"the line wanders on the time of a sweep: {SLOW_WANDER}" if wanders else (
            "drift, blinking within the sweeps, a line that wanders, or beats that no model here holds: "
            "look at the residuals and the check rows"
        )  # fmt: skip
        return f"the visibilities scatter by {found.extra:.0%} about every decay, far beyond their sigmas; {cause}"
    if wanders and seen.blinks and float(seen.fit.chain.stationary[1]) > FLICKER:
        return (
            "the line wanders so fast and is so bright that its wander was taken for flicker of the emitter, which "
            f"makes every visibility too small; {SLOW_WANDER}"
        )
    if model == "doublet" and wanders:
        return (
            "the decay looks like a doublet, but the line wanders within the bursts, and that makes such beats too: "
            f"{SLOW_WANDER}"
        )
    if seen.bursts.stepped and seen.blinks and model != "exponential":
        return (
            f"one slow sweep of a blinking emitter, and a decay that is not exponential but {model}: blinking within "
            "a sweep bends the decay just so; use fast repeated sweeps (mode: streamed)"
        )
    return None
