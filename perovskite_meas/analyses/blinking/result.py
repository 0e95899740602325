"""What the blinking analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class BlinkingResult:
    """How one emitter blinks, and how far to trust it; every field that is None has its reason in `reasons`."""

    verdict: str
    """'blinking' (two separate levels), 'steady' (one level), or 'undecided'."""
    on_fraction: Value | None
    """Fraction of the time of *this record* above the threshold; its sigma is that of telling on from off."""
    on_fraction_ensemble: Value | None
    """The same fraction as an estimate of its expectation: sigma from the finite number of on-off cycles."""
    exponent_on: Value | None
    """Exponent a of P(t) ~ t^-a exp(-t/cutoff) of the on dwells."""
    exponent_off: Value | None
    """The same of the off dwells."""
    cutoff_on: Value | None
    """Cut-off of the on dwells, in s."""
    cutoff_off: Value | None
    """Cut-off of the off dwells, in s."""
    on_rate: Value | None
    """Registered rate of all detectors while on, background included, in cps."""
    off_rate: Value | None
    """The same while off (a grey state stands above the background)."""
    background: Value | None
    """Rate off the emitter, or in the dark where no such rows exist, in cps; None without either."""
    grey_ratio: Value | None
    """(off - background)/(on - background): above 0 where the off state still emits."""
    bin_width: float
    """s, of the trace that the numbers above come from."""
    threshold: Value | None
    """In cps, in the valley between the two levels."""
    states: Mapping[str, Any] | None
    """Intensity states of the change-point route: number, levels and sigmas (cps), occupancy (1)."""
    change_points: int | None
    """Steps found in the arrival times; None where only a trace was given."""
    scan: tuple[Mapping[str, Any], ...]
    """By bin width (s): on_counts per bin, threshold (cps), on_fraction, exponent_on, exponent_off (discrete maximum
    likelihood), excess (relative scatter beyond photon statistics); None where there is no valley."""
    estimators: Mapping[str, Mapping[str, Value]]
    """on_fraction, exponent_on and exponent_off by other named ways: 'change_points' (no bins) and the naive
    'log_log_least_squares'; statistical sigma only."""
    reasons: Mapping[str, str]
    """Why a field is None, by field."""
    curves: Mapping[str, Any]
    """What the figure shows: trace, histogram, dwells, flid (each empty where there is none)."""
    notes: tuple[str, ...]
    """Everything a reader must know before quoting the numbers."""
