"""Starts of the joint fit: the bright triplet first, then where a fourth line helps most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Joint
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.shape import START

from .levels import BRIGHT, Exciton, Triplet

SPLITS = ((0.5, 0.5), (0.75, 0.25), (0.25, 0.75), (1.0, 0.1), (0.2, 0.1))
"""First and second splitting over the span of the emission at zero field."""
MIXED = ((2.0, 0.5), (2.8, 1.0))
"""g_sum and angle of the starts."""
SCAN = np.concatenate([np.arange(-3.0, 3.0, 0.08), np.arange(3.0, 8.0, 0.1)])
"""meV; bright minus dark."""
DIFFS = (1.3, 0.5, 2.8)
KEPT = 3
VALLEYS = 4


@dataclass(frozen=True)
class Starts:
    """Where the full fits begin."""

    triplet: Array
    below: Fit
    """With the dark state lowest."""
    above: Fit
    """With the dark state within or above the bright ones."""


def search(joint: Joint) -> Starts:
    """Return the best starts by coarse fits of one spectrum per field."""
    span = zero_span(joint)
    fits: list[Fit] = []
    for first, second in SPLITS:
        for g_sum, angle in MIXED:
            values = np.array([first * span, second * span, g_sum, angle, *START])
            fits.append(joint.fit(Triplet(), values, steps=4, moving=True, precision=1.0))
    fits.sort(key=lambda one: one.chi2)
    best = min(
        (joint.fit(Triplet(), one.values, shifts=one.shifts, steps=12, precision=0.5) for one in fits[:KEPT]),
        key=lambda one: one.chi2,
    )
    first, second = best.values[:2]
    lowest = -BRIGHT[0] @ np.array([first, second])
    chi = np.array([_scan(joint, best, splitting) for splitting in SCAN])
    below = _descend(joint, best, SCAN[SCAN > lowest], chi[SCAN > lowest])
    above = _descend(joint, best, SCAN[SCAN <= lowest], chi[SCAN <= lowest])
    return Starts(best.values, below, above)


def zero_span(joint: Joint) -> float:
    """Return the span of the emission at the lowest field beyond one line's width, in meV."""
    made = joint.stack
    k = int(np.abs(made.field).argmin())
    counts = np.convolve(made.counts[k], np.ones(3) / 3, "same")
    base = float(np.percentile(counts, 30))
    high = made.energy[k][counts - base > 0.2 * (counts.max() - base)]
    near = high[np.abs(high - made.energy[k][counts.argmax()]) < 2.0]
    return float(np.clip(np.ptp(near) - 0.2, 0.06, 2.5)) if near.size else 0.3


def _with_dark(best: Fit, splitting: float, g_diff: float) -> Array:
    first, second, g_sum, angle = best.values[:4]
    return np.array([splitting, first, second, g_sum, g_diff, angle, *best.values[4:]])


def _scan(joint: Joint, best: Fit, splitting: float) -> float:
    return joint.chi2(Exciton(), _with_dark(best, splitting, DIFFS[0]), best.shifts)


def _descend(joint: Joint, best: Fit, splittings: Array, chi: Array) -> Fit:
    """Return the best fit from the deepest places of a scan."""
    inner = np.concatenate([[np.inf], chi, [np.inf]])
    valley = np.flatnonzero((inner[1:-1] <= inner[:-2]) & (inner[1:-1] <= inner[2:]))
    deepest = valley[np.argsort(chi[valley])[:VALLEYS]]
    found: list[Fit] = []
    for k in deepest:
        starts = [_with_dark(best, float(splittings[k]), g) for g in DIFFS]
        costs = [joint.chi2(Exciton(), one, best.shifts) for one in starts]
        start = starts[int(np.argmin(costs))]
        found.append(joint.fit(Exciton(), start, shifts=best.shifts, steps=8, precision=0.5))
    return min(found, key=lambda one: one.chi2)
