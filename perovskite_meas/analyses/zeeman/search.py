"""Starts of the joint fit, from one spectrum per field: the lines without field first, then the levels in it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Joint
from perovskite_meas.analyses.spectra.lines import GAPS, Fixed
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.shape import START
from perovskite_meas.analyses.spectra.stack import Stack

from .levels import BRIGHT, Exciton, Trion, Triplet

SPLITS = ((0.5, 0.5), (0.75, 0.25), (0.25, 0.75), (1.0, 0.1), (0.2, 0.1))
"""First and second splitting over the span of the emission at zero field."""
MIXED = ((2.0, 0.5), (2.8, 1.0))
"""g_sum and angle of the starts."""
SCAN = np.concatenate([np.arange(-3.0, 3.0, 0.08), np.arange(3.0, 8.0, 0.1)])
"""meV; bright minus dark."""
DIFFS = (1.3, 0.5, 2.8)
KEPT = 3
VALLEYS = 4
NEAR = np.arange(-1.3, 0.75, 0.15)
"""meV; bright minus dark where a dark level crosses the bright ones in the field."""
NEAR_SUMS, NEAR_DIFFS, NEAR_ANGLES = (1.8, 2.5, 3.3), (0.5, 1.2, 2.1), (0.5, 1.05)
ACROSS = 0.15
CLOSE = 1.0
"""meV beneath the lowest bright level down to which the dark one is not taken for granted."""
PREFERRED = 1.05
"""chi2 over that of a fit whose dark level may shine without field, up to which one where it must not is taken."""
DESCENTS = 5
LEAST_DIFF = 0.3
DRAWN = 500
BOUNDS = ((-1.6, 1.2), (1.2, 4.0), (0.1, 3.0), (0.1, 1.47), (0.0, 0.8))
"""Of random starts: splitting (meV), g_sum, g_diff, angle (rad) and across."""
TWIN = 0.1
"""meV by which the starts of descents differ."""
GOOD = 1.25
"""Reduced chi2 of the fit of one spectrum per field from which other assignments are not looked for."""
WORTH = 30.0
"""chi2 by which one more line at zero field must be better."""
TRION_SUMS, TRION_RATIOS = np.arange(0.8, 5.01, 0.15), np.arange(0.0, 1.01, 0.1)


@dataclass(frozen=True)
class Starts:
    """Where the full fits begin."""

    triplet: Array
    below: Fit
    """With the dark state lowest."""
    above: Fit
    """With the dark state within or above the bright ones."""
    trions: tuple[Array, ...]


def search(joint: Joint) -> Starts:
    """Return the best starts by coarse fits of one spectrum per field."""
    known = zero_lines(joint)
    span = zero_span(joint)
    gaps = [*known, *((first * span, second * span) for first, second in SPLITS)]
    starts = [np.array([*gap, *mixed, *START]) for gap in gaps for mixed in MIXED]
    costs = [joint.chi2(Triplet(), one, np.zeros(len(joint.stack.counts))) for one in starts]
    fits = [
        joint.fit(Triplet(), starts[k], steps=4, precision=1.0) for k in np.argsort(costs)[: 2 * KEPT]
    ]  # fmt: skip
    fits.sort(key=lambda one: one.chi2)
    best = min(
        (joint.fit(Triplet(), one.values, shifts=one.shifts, steps=12, precision=0.5) for one in fits[:KEPT]),
        key=lambda one: one.chi2,
    )
    lowest = -BRIGHT[0] @ best.values[:2]
    chi = np.array([_scan(joint, best, splitting) for splitting in SCAN])
    below = _descend(joint, best, SCAN[SCAN > lowest], chi[SCAN > lowest], VALLEYS)
    doubtful = below.reduced > GOOD or below.values[0] - lowest_of(below.values) < CLOSE
    above = _descend(joint, best, SCAN[SCAN <= lowest], chi[SCAN <= lowest], 2 if doubtful else 1)
    if doubtful:
        for one in _near(joint, best, known or [(float(best.values[0]), float(best.values[1]))]):
            if one.values[0] > lowest_of(one.values):
                below = min(below, one, key=lambda fit: fit.chi2)
            elif one.chi2 < PREFERRED * above.chi2:
                above = one
    return Starts(best.values, _nudged(below), _nudged(above), _trions(joint, best))


def _nudged(fit: Fit) -> Fit:
    """Return a start off g_diff = 0, where chi2 has no slope in it."""
    values = fit.values.copy()
    values[4] = max(abs(values[4]), LEAST_DIFF)
    return replace(fit, values=values)


def lowest_of(values: Array) -> float:
    """Return how far the lowest bright level lies beneath the mean of the bright ones, in meV."""
    return float(-BRIGHT[0] @ values[1:3])


def zero_lines(joint: Joint) -> list[tuple[float, float]]:
    """Return what the two splittings may be by the lines at the lowest field, likeliest first."""
    made = joint.stack
    k = int(np.abs(made.field).argmin())
    one = Joint(_only(made, k), joint.shape)
    fits: list[Fit] = []
    for n in (1, 2, 3):
        starts = [np.array([*gaps, *START]) for gaps in (GAPS[n - 1] or ((),))]
        fits.append(min((one.fit(Fixed(n), values, steps=10, precision=0.5) for values in starts),
                        key=lambda fit: fit.chi2))  # fmt: skip
    single, double, triple = (fit.chi2 for fit in fits)
    found: list[tuple[float, float]] = []
    if double - triple > WORTH:
        found.append((float(fits[2].values[0]), float(fits[2].values[1])))
    if single - double > WORTH and not found:
        gap = float(fits[1].values[0])
        found += [(gap, 0.03), (0.03, gap)]
    return found or [(0.04, 0.04)]


def _only(made: Stack, k: int) -> Stack:
    rows = slice(k, k + 1)
    return replace(
        made, energy=made.energy[rows], width=made.width[rows], counts=made.counts[rows], good=made.good[rows],
        floor=made.floor[rows], scale=made.scale[rows], starts=np.array([0, 1]), field=made.field[rows],
        way=made.way[rows], order=made.order[rows],
    )  # fmt: skip


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
    levels = np.array([splitting, first, second, g_sum, g_diff, angle, ACROSS])
    return np.concatenate([Exciton().bounded(levels), best.values[4:]])


def _scan(joint: Joint, best: Fit, splitting: float) -> float:
    return joint.chi2(Exciton(), _with_dark(best, splitting, DIFFS[0]), best.shifts)


def _descend(joint: Joint, best: Fit, splittings: Array, chi: Array, number: int) -> Fit:
    """Return the best fit from the deepest places of a scan."""
    inner = np.concatenate([[np.inf], chi, [np.inf]])
    valley = np.flatnonzero((inner[1:-1] <= inner[:-2]) & (inner[1:-1] <= inner[2:]))
    deepest = valley[np.argsort(chi[valley])[:number]]
    found: list[Fit] = []
    for k in deepest:
        starts = [_with_dark(best, float(splittings[k]), g) for g in DIFFS]
        costs = [joint.chi2(Exciton(), one, best.shifts) for one in starts]
        start = starts[int(np.argmin(costs))]
        found.append(joint.fit(Exciton(), start, shifts=best.shifts, steps=8, precision=0.5))
    return min(found, key=lambda one: one.chi2)


def search_again(joint: Joint, start: Starts) -> Starts:
    """Return better starts by many drawn at random, for where the first ones misled."""
    rng = np.random.default_rng(1)
    gaps = [*zero_lines(joint), (float(start.triplet[0]), float(start.triplet[1]))]
    drawn = []
    for k in range(DRAWN):
        low, high = np.array(BOUNDS).T
        splitting, *rest = rng.uniform(low, high)
        drawn.append(np.concatenate([Exciton().bounded(np.array([splitting, *gaps[k % len(gaps)], *rest])),
                                     start.above.values[-4:]]))  # fmt: skip
    below, above = start.below, start.above
    for one in _descents(joint, drawn, start.above.shifts, 2 * DESCENTS):
        if one.values[0] > lowest_of(one.values):
            below = min(below, one, key=lambda fit: fit.chi2)
        elif one.chi2 < PREFERRED * above.chi2:
            above = one
    return replace(start, below=_nudged(below), above=_nudged(above))


def _near(joint: Joint, best: Fit, known: Sequence[tuple[float, float]]) -> list[Fit]:
    """Return fits with the dark level among the bright ones, where the bright levels alone mislead."""
    starts = [
        np.concatenate([
            Exciton().bounded(np.array([splitting, *gaps, g_sum, g_diff, angle, ACROSS])), best.values[4:],
        ])
        for gaps, splitting, g_sum, g_diff, angle in itertools.product(
            known, NEAR, NEAR_SUMS, NEAR_DIFFS, NEAR_ANGLES
        )
    ]  # fmt: skip
    return _descents(joint, starts, best.shifts, DESCENTS)


def _descents(joint: Joint, starts: Sequence[Array], shifts: Array, number: int) -> list[Fit]:
    """Return the two best fits from the best of many starts, the best last."""
    # without field the dark state is dark: else it trades places with the highest bright one
    costs = np.array([joint.chi2(Exciton(dim=True), one, shifts) for one in starts])
    taken: list[Array] = []
    for k in np.argsort(costs):
        if all(abs(starts[k][0] - one[0]) > TWIN or abs(starts[k][3] - one[3]) > 0.5 for one in taken):
            taken.append(starts[k])
        if len(taken) == number:
            break
    fits = [joint.fit(Exciton(dim=True), one, shifts=shifts, steps=10, precision=1.0) for one in taken]
    fits.sort(key=lambda one: one.chi2)
    fits = [joint.fit(Exciton(dim=True), one.values, shifts=one.shifts, steps=15, precision=0.3) for one in fits[:2]]
    return sorted(fits, key=lambda one: -one.chi2)


def _trions(joint: Joint, best: Fit) -> tuple[Array, ...]:
    """Return the best starts of the trion's two sums of g factors, larger one first."""
    pairs = [(g, ratio * g) for g in TRION_SUMS for ratio in TRION_RATIOS]
    starts = [np.array([*pair, *best.values[4:]]) for pair in pairs]
    zero = np.zeros(len(joint.stack.counts))
    costs = [joint.chi2(Trion(), one, zero) for one in starts]
    order = np.argsort(costs)
    taken = [starts[int(order[0])]]
    for k in order:
        if len(taken) < 3 and all(np.abs(starts[k][:2] - one[:2]).max() > 0.35 for one in taken):
            taken.append(starts[k])
    fits = [joint.fit(Trion(), one, steps=10, precision=0.5) for one in taken]
    fits.sort(key=lambda one: one.chi2)
    return tuple(one.values for one in fits)
