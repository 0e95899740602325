"""What a Michelson scan refuses before any light, and in which order it goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perovskite_meas.core.delay_scale import LIGHT
from perovskite_meas.core.errors import ParameterError
from perovskite_meas.core.roles import DelayLine, PhotonCounter, WiredTagger
from perovskite_meas.core.units import show

SLOWEST = 0.02
"""s: below this per point software cannot step and count."""
FEWEST_POINTS = 4
"""Per fringe. Nyquist wants more than 2; averaging over a point takes 10 % of the visibility at 4, 2.6 % at 8."""


def shape_problems(mode: str, points: int, fringes: float, dwell: float, bursts: int, precision: float | None) -> str:
    """Say what is wrong with parameters that must fit each other; '' where nothing is."""
    problems = []
    if points < FEWEST_POINTS * fringes:
        problems.append(
            f"points = {points} over fringes = {fringes:g} are {points / fringes:.3g} points per fringe: Nyquist wants "
            f"more than 2, and averaging over a point takes visibility; at least {FEWEST_POINTS} are needed and 8 or "
            f"more are good, so set points to {int(np.ceil(8 * fringes))} or more"
        )
    if mode == "stepped" and dwell < SLOWEST:
        problems.append(
            f"dwell = {show(dwell, 's')} with mode = stepped: software sets and counts no faster than "
            f"{show(SLOWEST, 's')} per point, and a dot that blinks more slowly than that makes visibilities that "
            f"mean nothing; set dwell to {show(SLOWEST, 's')} or more, or use mode = streamed"
        )
    if precision is not None and bursts == 1:
        problems.append(
            f"precision = {precision:g} has no effect with bursts = 1: set bursts to the most that one delay may take"
        )
    return "; ".join(problems)


def travel_of(delay: DelayLine, fringes: float, wavelength: float) -> float:
    """Return the mirror travel in um for so many fringes of light of this wavelength in nm."""
    return abs(delay.scale().travel(fringes * wavelength * 1e-3 / LIGHT))


def refuse(
    mode: str,
    delay: DelayLine,
    tagger: WiredTagger | None,
    counter: PhotonCounter | None,
    travel: float,
    delays: Sequence[float],
) -> None:
    """Refuse what this table cannot do, all at once.

    Raises:
        ParameterError: no recorder for the mode, or delays or fringes beyond the axes.
    """
    problems = []
    inputs = {} if tagger is None else tagger.inputs()
    if mode == "streamed" and "trigger" not in inputs:
        lacking = "this bench has no tagger" if tagger is None else "the tagger has no input named 'trigger'"
        problems.append(
            f"mode = streamed: {lacking}, so nothing tells when a ramp begins; plug the trigger of the fine axis's "
            "controller into the tagger and state it at the role, or use mode = stepped, which blinking disturbs"
        )
    if tagger is not None and "signal" not in inputs:
        problems.append("the tagger has no input named 'signal'; state it at the role")
    if mode == "stepped" and tagger is None and counter is None:
        problems.append("mode = stepped: this bench has neither a tagger nor a counter")
    if travel > delay.fine_span():
        problems.append(
            f"the fringes take {travel:.4g} um of mirror travel, but the fine axis has {delay.fine_span():.4g} um: "
            "scan fewer fringes"
        )
    problems += span_problems(delay, delays, 0.0)
    if problems:
        raise ParameterError("MichelsonScan cannot run here:", problems)


def span_problems(delay: DelayLine, delays: Sequence[float], zero: float) -> list[str]:
    """Return what is wrong with delays from `zero`, both in ps, on this axis; empty where nothing is."""
    low, high = delay.span()
    beyond = sorted({round(tau, 6) for tau in delays if not low <= tau + zero <= high})
    if not beyond:
        return []
    listed = ", ".join(f"{tau:.4g}" for tau in beyond[:5]) + (" ..." if len(beyond) > 5 else "")
    return [
        f"delays of {listed} ps lie beyond the coarse axis, which reaches from {low - zero:.4g} to {high - zero:.4g} ps"
        + (f" about the zero delay found at {zero:.4g} ps" if zero else "")
    ]


def spread(delays: Sequence[float], number: int) -> list[float]:
    """Return so many delays evenly over the range of these.

    Examples:
        >>> spread([3, 39, 21], 3)
        [3.0, 21.0, 39.0]
    """
    low, high = min(delays), max(delays)
    middle = [(low + high) / 2] if number == 1 else np.linspace(low, high, number).tolist()
    return [float(delay) for delay in (middle if number else [])]


def why_power(watt: float, power: float, factors: Sequence[float]) -> str:
    """Say that a power in W is one of `area_powers` and what to do; '' where it is the power itself."""
    factor = max(factors)
    if factor <= 1 or not abs(watt / (factor * power) - 1) < 1e-6:
        return ""
    return (
        f"area_powers asks for {factor:g} x power = {factor:g} x {show(power, 'W')} at the sample (choose smaller "
        "area_powers, a single one leaves the check of the pulse area out, or less power)"
    )
