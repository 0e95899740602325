"""What refuses the claim, what is only flagged, and the verdict in one line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.core.units import show
from perovskite_meas.core.value import Value

from .carrier import Carrier
from .laser import Laser
from .light import Light
from .rows import Array, Mask
from .visibility import Visibilities

PHOTONS = 4.0
"""N V^2 from which a visibility counts as seen."""
CLEAR = 3.0
"""Sigmas from which a visibility counts as seen."""
CLEAR_NEEDED = 4
WORST_SIGMA = 0.25
"""Relative statistical sigma above which no T2 is claimed."""
SHORTEST_WINDOW = 0.7
"""Span of the delays over T2 below which the law of the decay is a guess."""
WANTED_WINDOW = 3.0
"""Longest delay over T2 that is advised."""
LARGEST_AREA = 0.2
"""pi."""
POINTS_WANTED = 8.0
FRINGES_WANTED = 2.0
KNEE_PART = 0.2
"""Part of the phase's knee that a sweep may take."""
INSTRUMENT = 0.02
"""Relative 1-sigma to which the instrument visibility shall be known."""
TREND = 3.0
"""Sigmas of a trend that is called out."""
SLOW_POINT = 0.02
"""s of a stepped point from which blinking fills the fringes."""


@dataclass(frozen=True)
class Trend:
    """How the check rows change over the run, relative."""

    visibility: Value | None
    brightness: Value | None


def clear(seen: Visibilities) -> Mask:
    """Return which bursts have photons >= 4/V^2, (n,)."""
    enough: Mask = (seen.visibility >= CLEAR * seen.sigma) & (seen.photons * seen.visibility**2 >= PHOTONS)
    return enough


def refusal(tau: Array, enough: Mask, t2: float, relative: float, model: str) -> str | None:
    """Return why no T2 is claimed, or None."""
    delays = np.unique(np.round(tau[enough], 2)).size
    if delays < CLEAR_NEEDED:
        return (
            f"only {delays} delays show a visibility above its noise (3 sigma, photons >= 4/V^2), at least "
            f"{CLEAR_NEEDED} are needed: count longer, or take shorter delays{_up_to(tau[enough])}"
        )
    if model == "gaussian":
        return (
            "the decay is Gaussian as far as these photons tell: the line seems broadened inhomogeneously and its "
            "homogeneous T2 does not show; count longer, or, if it stays so, a method that is faster than the line's "
            "wander (PCFS, photon echo) is needed"
        )
    span = float(np.ptp(tau))
    if span < SHORTEST_WINDOW * t2:
        return (
            f"the delays span {span:.3g} ps, {span / t2:.2g} of the T2 that they suggest ({t2:.3g} ps), at least "
            f"{SHORTEST_WINDOW} are needed: the law of the decay does not show; take longer delays, to about "
            f"{WANTED_WINDOW * t2:.2g} ps"
        )
    if not relative <= WORST_SIGMA:
        return f"the statistical sigma of T2 is {relative:.0%}: these rows do not determine it; count longer"
    return None


def _up_to(clear: Array) -> str:
    """Return the advice up to which delay fringes may be expected."""
    return f": a dozen below about {1.5 * float(clear.max()):.2g} ps" if clear.size else ""


def trend(seen: Visibilities) -> Trend:
    """Return the relative change over the run that the check rows show."""
    own = seen.of("check")
    time = seen.bursts.other("time")[own]
    if own.sum() < 3 or not np.isfinite(time).all() or not np.ptp(time) > 0:
        return Trend(None, None)
    x = (time - time.mean()) / np.ptp(time)
    v, s = seen.visibility[own], seen.sigma[own]
    level = seen.level[own]
    noise = np.maximum(level / np.sqrt(np.maximum(seen.photons[own], 1.0)), 1e-9)
    return Trend(_slope(x, v, s), _slope(x, level, np.hypot(noise, 0.003 * level)))


def _slope(x: Array, y: Array, sigma: Array) -> Value | None:
    weight = sigma**-2
    centre, mean = float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())
    if not mean > 0:
        return None  # no fringes at all: nothing that could change
    spread = float((weight * (x - centre) ** 2).sum())
    slope = float((weight * (x - centre) * (y - mean)).sum()) / spread
    left = y - mean - slope * (x - centre)
    excess = max(1.0, float((weight * left**2).sum()) / max(1, x.size - 2))
    return Value(slope / mean, math.sqrt(excess / spread) / abs(mean), "1")


def knee(seen: Visibilities) -> float:
    """Return the time in s within which drift and walk spread the phase by one radian."""
    walk, drift = seen.motion.common, abs(seen.motion.drift)
    if walk <= 0 and drift <= 0:
        return math.inf
    if drift < 1e-9:
        return 1 / walk
    return float((-walk + math.sqrt(walk**2 + 4 * drift**2)) / (2 * drift**2))


def flags(seen: Visibilities, carrier: Carrier, laser: Laser, light: Light, checked: Trend, extra: float) -> list[str]:
    """Return the warnings that belong beside the number."""
    bursts, notes = seen.bursts, []
    points = bursts.fine.shape[1]
    fringes = 2 * carrier.reach / carrier.period.nominal
    exposure = float(bursts.exposure.mean())
    if points / fringes < POINTS_WANTED:
        notes.append(f"{points / fringes:.2g} points per fringe (fewer than {POINTS_WANTED:g})")
    if fringes < FRINGES_WANTED:
        notes.append(f"the fine axis spans {fringes:.2g} fringes (fewer than {FRINGES_WANTED:g})")
    if bursts.stepped and exposure * points > 0.5:
        slow = f"one slow sweep of {exposure * points:.2g} s per delay: blinking and drift within it look like fringes"
        notes.append(f"{slow}; their noise is only estimated from the misfit; fast repeated sweeps average it out")
    elif exposure >= SLOW_POINT:
        notes.append(f"{exposure:.2g} s per point: blinking within a sweep is not averaged; use faster sweeps")
    time = knee(seen)
    if exposure * points > KNEE_PART * time:
        notes.append(
            f"a sweep takes {exposure * points:.2g} s, more than {KNEE_PART} of the {time:.2g} s within which the "
            "phase spreads by a radian: fringes are washed out within a sweep"
        )
    if not laser.zero_measured:
        notes.append(f"zero delay was not measured with the laser itself; taken at {laser.zero}")
    if laser.duration is None:
        notes.append("the pulse duration is neither measured nor stated: no convolution, short delays may mislead")
    elif not laser.duration_measured:
        notes.append(f"the pulse duration {laser.duration} is the stated one")
    if not laser.slope_measured:
        notes.append("the instrument visibility was not measured against delay: 1 % per cm of travel is booked")
    if laser.visibility is not None and laser.visibility.relative > INSTRUMENT:
        notes.append(f"the instrument visibility {laser.visibility} is known to {laser.visibility.relative:.1%} only")
    if light.floor.dark is None and light.floor.beside is None:
        notes.append("neither dark nor off_emitter rows: the background is taken as 0, visibilities may be too low")
    elif light.floor.beside is None:
        notes.append("no off_emitter rows: leaked laser light and background of the sample are not subtracted")
    elif light.floor.leak > 0.1 * float(np.mean(seen.level)):
        notes.append(f"light beside the emitter is {light.floor.leak / float(np.mean(seen.level)):.0%} of the emission")
    if light.balance is None:
        notes.append("the arms were not taken one by one: their balance is not known")
    if light.area is None:
        notes.append(f"the pulse area is not known ({light.area_source}): strong pulses would make T2 too short")
    elif light.area.nominal > LARGEST_AREA:
        notes.append(
            f"pulse area {light.area} pi is above {LARGEST_AREA} pi: the populations saturate and T2 comes out short "
            f"(by 5 to 13 % at 0.5 pi); lower the power"
        )
    for name, value in (("visibility", checked.visibility), ("brightness", checked.brightness)):
        if value is not None and abs(value.nominal) > max(TREND * value.sigma, 0.01):
            notes.append(
                f"the {name} of the check rows changed by {value.nominal:+.1%} over the run: drift or bleaching"
            )
    if extra > 0:
        notes.append(f"visibilities scatter by {extra:.1%} beyond their sigmas; added to every sigma")
    if seen.motion.own:
        notes.append(
            f"the line wanders: its phase at 20 ps walks by {math.sqrt(seen.motion.own):.2g} rad/sqrt(s), followed "
            "from sweep to sweep and not part of T2"
        )
    elif seen.motion.jitter:
        notes.append(
            f"the line wanders: its phase at 20 ps scatters by {math.sqrt(seen.motion.jitter):.2g} rad from sweep to "
            "sweep, which is integrated out; what it does within a sweep shows as a Gaussian width"
        )
    return notes


def verdict(refused: str | None, model: str, t2: Value | None, area: Value | None, fraction: float) -> str:
    """Return the line that says how far the number may be trusted."""
    if refused is not None or t2 is None:
        return f"refused: {refused}"
    parts = [f"{model} decay", f"T2 = {t2}"]
    if t2.relative > 0.1:
        parts.append(f"badly determined ({t2.relative:.0%})")
    if area is not None and area.nominal > LARGEST_AREA:
        parts.append(f"pulses too strong ({show(area.nominal, '1', 2)} pi): T2 is a lower bound")
    if fraction < 0.97:
        parts.append(f"emitter on for {fraction:.0%} of the time")
    return ", ".join(parts)
