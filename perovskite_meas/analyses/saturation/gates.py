"""What refuses the claim, what is only flagged, and the verdict in one line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perovskite_meas.core.units import show
from perovskite_meas.core.value import Value

from .full import BACKGROUND_FEARED
from .setup import Setup
from .systematics import Systematics

LIFETIMES_NEEDED = 5.0
"""Periods shorter than this many lifetimes need the finite-period form."""
USUAL_LIFETIME = 20.0
"""ns; what an unstated lifetime is feared to be."""
SLOPE_TOLERANCE = 0.1
PER_PULSE = 0.05
DEAD_TIME_SMALL = 0.03
LOWEST_EXCITATION = 0.3
HIGHEST_EXCITATION = 1.0
LIGHT_NEEDED = 25.0
"""2 ln of the likelihood ratio (5 sigma squared) by which the emitter must stand out of the background."""
WORST_SIGMA = 0.5
"""Statistical relative sigma above which no number is claimed."""
Q_STRAIN = 2.0


@dataclass(frozen=True)
class Facts:
    """What the gates look at."""

    slope: Value
    reversibility: Value
    return_ratio: Value | None
    mean_excitations: tuple[float, float]
    dead_time_correction: float
    counts_per_pulse: float
    blink: Value
    drift: Value
    relative: float
    """Statistical relative sigma of the cross-section."""
    worst: tuple[float, int]
    """Largest |residual| in sigma, and its row."""
    misfit: float
    """Largest |mean residual| in sigma over neighbouring powers."""
    background_seen: bool
    """Whether there are rows beside the emitter."""
    q_strain: float
    """Biexciton ratio as fitted minus as stated, in sigmas of the stated one; 0 where none is stated."""


def period_refusal(setup: Setup, *, finite_period: bool) -> str | None:
    """Return why pulses follow too closely for this lifetime, or None."""
    if setup.lifetime is None:
        if setup.period >= LIFETIMES_NEEDED * USUAL_LIFETIME:
            return None
        return (
            f"the lifetime is not stated and pulses come every {setup.period:.3g} ns, less than {LIFETIMES_NEEDED:g} "
            f"times a usual {USUAL_LIFETIME:g} ns: excitons may outlive the period; "
            "state sample.expect.lifetime in the bench or lower the repetition rate"
        )
    if finite_period or setup.period >= LIFETIMES_NEEDED * setup.lifetime.nominal:
        return None
    return (
        f"pulses come every {setup.period:.3g} ns, {setup.period / setup.lifetime.nominal:.2g} lifetimes "
        f"(at least {LIFETIMES_NEEDED:g} are needed for isolated pulses), and the finite-period form is switched off"
    )


def slope_refusal(slope: Value) -> str | None:
    """Return why the excitation is not that of two photons, or None."""
    allowed = max(SLOPE_TOLERANCE, 3 * slope.sigma)
    if abs(slope.nominal - 2) <= allowed:
        return None
    return (
        f"<N> grows as P^m with m = {slope}, not 2 within {allowed:.2g}: one-photon leak, three-photon absorption, "
        "second harmonic, or a wrong zero of the power head; check the filters and the head before quoting sigma2"
    )


def darkness_refusal(likelihood_ratio: float) -> str | None:
    """Return why no emitter is seen, from 2 ln of the likelihood ratio against no light from it; or None."""
    if likelihood_ratio >= LIGHT_NEEDED:
        return None
    return (
        "no light from the emitter is seen above background and dark counts "
        f"(2 ln of the likelihood ratio is {likelihood_ratio:.3g}, at least {LIGHT_NEEDED:g} is asked for): "
        "look for the emitter, or count longer"
    )


def sigma_refusal(relative: float) -> str | None:
    """Return why the number says nothing, or None."""
    if relative <= WORST_SIGMA:
        return None
    return (
        f"the statistical sigma of sigma2 is {relative:.0%}: these rows do not determine it; "
        "count longer, or reach saturation"
    )


def leak_is_seen(slope: Value) -> bool:
    """Tell whether the exponent lies more than 3 sigma below 2."""
    return slope.nominal < 2 - 3 * slope.sigma


def flags(facts: Facts, setup: Setup, found: Systematics) -> list[str]:
    """Return the warnings that belong beside the number."""
    low, high = facts.mean_excitations
    notes = []
    if facts.counts_per_pulse > PER_PULSE:
        notes.append(
            f"{facts.counts_per_pulse:.1%} counts per pulse at most (above {PER_PULSE:.0%}): the counter sees at most "
            "one photon of a pulse, and its dead time is not that of steady light; attenuate the emission"
        )
    if facts.dead_time_correction > DEAD_TIME_SMALL:
        notes.append(f"dead-time correction up to {facts.dead_time_correction:.1%} (above {DEAD_TIME_SMALL:.0%})")
    if low > LOWEST_EXCITATION:
        notes.append(f"the lowest <N> is {low:.2g} (above {LOWEST_EXCITATION}): the quadratic range was not reached")
    if high < HIGHEST_EXCITATION:
        notes.append(f"badly determined: <N> reached only {high:.2g}, no saturation is seen; go to higher power")
    if not math.isfinite(facts.reversibility.nominal):
        notes.append("no power was visited both up and down: bleaching is seen in the reference rows at best")
    if facts.blink.nominal > 0.05:
        notes.append(
            f"noise of a 1 s point beyond photon statistics is {facts.blink.nominal:.1%}: strong blinking or a misfit"
        )
    if leak_is_seen(facts.slope) and slope_refusal(facts.slope) is None:
        notes.append(
            f"the exponent is {facts.slope}, more than 3 sigma below 2: a small one-photon leak or a wrong zero of "
            f"the power head; sigma2 is corrected for a linear part of <N> of {found.leak} at <N> = 1, and half of "
            "the correction booked as one_photon"
        )
    elif facts.slope.nominal > 2 + 3 * facts.slope.sigma:
        notes.append(f"the exponent is {facts.slope}, more than 3 sigma above 2: the curve or the zero of the head")
    if facts.worst[0] > 5:
        notes.append(f"row {facts.worst[1]} lies {facts.worst[0]:.1f} sigma from the model; look at it")
    if facts.misfit > 4:
        notes.append(f"neighbouring powers lie {facts.misfit:.1f} sigma from the model: the curve does not fit")
    if found.preference > 9:
        notes.append(
            f"the data prefer the ladder law {found.favoured!r} (chi-squared lower by {found.preference:.0f}) "
            "to the central one; see the systematic ladder_law"
        )
    if setup.biexciton_ratio is None:
        notes.append(
            "the biexciton ratio is not stated: averaged over 0 to about 0.3; a pulsed g2(0) would sharpen sigma2"
        )
    if abs(facts.q_strain) > Q_STRAIN:
        notes.append(
            f"the data pull the biexciton ratio {facts.q_strain:+.1f} sigma from the stated {setup.biexciton_ratio}: "
            "that, or the ladder law, is wrong"
        )
    if not facts.background_seen:
        notes.append(
            "nothing was counted beside the emitter: the background is fitted from the emitter's own rows, "
            f"held to about {BACKGROUND_FEARED['square']:.0%} of the plateau at <N> = 1, the part linear in the power "
            f"to {BACKGROUND_FEARED['linear']:.0%}; a leak of the filters is hardly told from one-photon absorption"
        )
    if setup.lifetime is None:
        notes.append(
            f"the lifetime is not stated: pulses taken as isolated, right if it is below {setup.period / 5:.3g} ns"
        )
    if setup.dead_time is None:
        notes.append("the counter's dead time is not stated: no correction, 50 ns booked as systematic")
    return notes


def verdict(facts: Facts, refused: str | None, cross_section: Value | None) -> str:
    """Return the line that says how far the number may be trusted."""
    if refused is not None:
        return f"refused: {refused}"
    parts = [_reversible(facts.reversibility), f"quadratic (m = {facts.slope})"]
    if facts.mean_excitations[1] < HIGHEST_EXCITATION:
        parts.append(f"badly determined (<N> up to {show(facts.mean_excitations[1], '1', 2)})")
    elif cross_section is not None and facts.relative > 0.25:
        parts.append(f"badly determined (statistical sigma {facts.relative:.0%})")
    return ", ".join(parts)


def _reversible(ratio: Value) -> str:
    if not math.isfinite(ratio.nominal):
        return "reversibility unknown"
    change = ratio.nominal - 1
    if abs(change) <= max(3 * ratio.sigma, 0.01):
        return "reversible"
    return f"{'brightened' if change > 0 else 'bleached'} by {abs(change):.1%} (down over up {ratio})"
