"""Light that one detector sends to the other when it breaks down: satellites a few ns from lag zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .response import Response
from .rows import Group, Rows

Array = npt.NDArray[np.float64]

NEAREST, FARTHEST = 1.5, 11.0
"""ns from lag zero where satellites are looked for; a flash travels 2 to 10 ns."""
SEEN = 3.0
"""Sigmas above which satellites are taken to be there."""
POOLED = 12.0
"""Satellite pairs under reference light that make a box of their own."""
BETWEEN = 0.3
"""Periods from a peak of reference light beyond which little of it is left, where flashes reach the next peak."""
TAIL_DOUBT = 0.3
"""Relative 1-sigma of the tails of the reference peak where they are continued as exponentials."""


@dataclass(frozen=True)
class Crosstalk:
    """Satellites as seen under reference light, scaled to the singles of other rows."""

    boxes: tuple[tuple[float, float], ...]
    """Lag intervals relative to lag zero, in ns."""
    pairs: Array
    """Excess pairs in each, for the rows asked for."""
    sigmas: Array
    """1-sigma of each."""
    probability: Value | None
    """Satellite pairs per registered photon, both directions; None without reference light."""
    afterpulsing: Value | None
    """Pairs of reference light with an afterpulse, per pair; None where it cannot be seen."""
    notes: tuple[str, ...]
    """What must be known."""

    @property
    def seen(self) -> bool:
        """Whether reference light shows it."""
        return self.probability is not None and self.probability.nominal > SEEN * self.probability.sigma

    def shapes(self, lags: Array, zero: float) -> Array:
        """Return one shape of sum 1 per box, (box, bin)."""
        return np.array([box_shape(lags - zero, low, high) for low, high in self.boxes]).reshape(-1, lags.size)


def box_shape(places: Array, low: float, high: float) -> Array:
    """Return the bins whose centres lie in [low, high), scaled to sum 1."""
    inside = ((places >= low) & (places < high)).astype(np.float64)
    return inside / max(float(inside.sum()), 1.0)


def read_crosstalk(rows: Rows, on: Group, response: Response, reach: float, dark: tuple[Value, Value]) -> Crosstalk:
    """Return the satellites to expect in the chunks `on`.

    Args:
        rows: all rows.
        on: chunks that the pairs are scaled to.
        response: of the pair, for lag zero.
        reach: ns from lag zero that the histogram covers on both sides.
        dark: dark counts of both detectors.
    """
    laser = rows.laser
    if laser is None or response.zero is None or response.source != "reference light":
        note = "no reference light: crosstalk of the detectors (satellites 2 to 10 ns from lag zero) is not controlled"
        return Crosstalk((), np.empty(0), np.empty(0), None, None, (note,))
    counts, places = laser.counts(), rows.lags - response.zero.nominal
    period = laser.period
    level, covered, between, quiet, tails = _level(counts, places, period)
    far = min(FARTHEST, reach)
    scales = {
        1: float(on.singles_a.sum()) / max(float(laser.singles_a.sum()), 1.0),
        -1: float(on.singles_b.sum()) / max(float(laser.singles_b.sum()), 1.0),
    }
    excess, spread = {}, {}
    for sign in (1, -1):
        inside = (sign * places >= NEAREST) & (sign * places < far)
        excess[sign] = float((counts - level)[inside].sum())
        noise = math.sqrt(max(float((counts + level / max(covered, 1.0))[inside].sum()), 1.0))
        spread[sign] = math.hypot(noise, TAIL_DOUBT * float(tails[inside].sum()))
    singles = float(laser.singles_a.sum() + laser.singles_b.sum())
    total = Value((excess[1] + excess[-1]) / singles, math.hypot(spread[1], spread[-1]) / singles, "1")
    fine = total.nominal > SEEN * total.sigma
    each = max(0.5 * (excess[1] + excess[-1]) / POOLED, 1.0)  # boxes per side that hold enough to have a sigma
    step = max(0.5, 2 * rows.bin, (far - NEAREST) / each) if fine else far - NEAREST
    edges = np.linspace(NEAREST, far, max(1, round((far - NEAREST) / step)) + 1)
    boxes, pairs, sigmas = [], [], []
    for sign in (1, -1):
        for low, high in pairwise(edges):
            inside = (sign * places >= low) & (sign * places < high)
            if not inside.any():
                continue
            boxes.append((float(low), float(high)) if sign > 0 else (-float(high), -float(low)))
            pairs.append(float((counts - level)[inside].sum()) * scales[sign])
            noise = float((counts + level / max(covered, 1.0))[inside].sum()) + 1.0  # none seen may be one missed
            sigmas.append(math.hypot(math.sqrt(noise), TAIL_DOUBT * float(tails[inside].sum())) * scales[sign])
    notes: tuple[str, ...] = ()
    if fine:
        notes = (
            f"crosstalk of the detectors: {total.nominal:.1e} pairs per photon 1.5 to 11 ns from lag zero under "
            f"reference light ({total.nominal / total.sigma:.0f} sigma); taken out, scaled by the singles",
        )
    after = _afterpulsing(laser, response, between, quiet, rows.bin, dark)
    if after is not None and after.nominal > SEEN * after.sigma:
        notes = (*notes, f"afterpulses make {after.nominal:.1%} of the pairs: to first order a flat floor, taken out")
    return Crosstalk(tuple(boxes), np.array(pairs), np.array(sigmas), total, after, notes)


def _level(counts: Array, places: Array, period: float) -> tuple[Array, float, float, int, Array]:
    """Return what is expected without crosstalk, on how many peaks that rests, and the tails of the central peak.

    In the middle: pairs per bin between the peaks, and how many bins tell them.
    """
    quiet = np.abs(places) > FARTHEST
    if period:
        reduced = (places + period / 2) % period - period / 2
        quiet &= np.abs(reduced) > min(FARTHEST, BETWEEN * period)
        others = [k for k in range(int(places[0] / period), int(places[-1] / period) + 1) if k != 0]
        others = [k for k in others if places[0] < k * period - FARTHEST and k * period + FARTHEST < places[-1]]
        others = [k for k in others if abs(k) * period > 2 * FARTHEST] or others  # flashes of lag zero reach no farther
        if others:
            level = np.zeros(counts.size)
            near = np.abs(places) <= FARTHEST
            for k in others:
                level[near] += np.interp(places[near] + k * period, places, counts)
            level[near] /= len(others)
            between = float(counts[quiet].mean()) if quiet.any() else 0.0
            level[~near] = between
            return level, float(len(others)), between, int(quiet.sum()), np.zeros(counts.size)
    between = float(counts[quiet].mean()) if quiet.any() else 0.0
    tails = _tails(counts - between, places)
    return between + tails, float(max(quiet.sum(), 1)), between, int(quiet.sum()), tails


def _tails(counts: Array, places: Array) -> Array:
    """Return the tails of the single peak of reference light beyond NEAREST, continued as exponentials."""
    level, depth = np.zeros(counts.size), NEAREST / 3
    for sign in (1, -1):
        inner, outer = (
            float(counts[(sign * places >= k * depth) & (sign * places < (k + 1) * depth)].sum()) for k in (1, 2)
        )
        if not (inner > outer > 0):
            continue
        rate = math.log(inner / outer) / depth
        beyond = (sign * places >= NEAREST) & (sign * places < FARTHEST)
        width = float(places[1] - places[0])
        scale = outer / (math.exp(-rate * 2 * depth) - math.exp(-rate * NEAREST)) * (1 - math.exp(-rate * width))
        level[beyond] = scale * np.exp(-rate * (np.abs(places[beyond]) - width / 2))
    return level


def _afterpulsing(
    laser: Group, response: Response, between: float, quiet: int, width: float, dark: tuple[Value, Value]
) -> Value | None:
    """Return the pairs between the peaks of reference light beyond those with darks, per pair of light.

    The period cancels: light without a sync tells them as well, averaged over the window.
    """
    ra, rb = laser.rates()
    da, db = dark[0].nominal, dark[1].nominal
    accidental = laser.seconds * (ra * db + da * rb - da * db) * width * 1e-9
    prompt = response.pairs if response.pairs > 0 else math.inf
    per_pair = laser.seconds * (ra - da) * (rb - db) * width * 1e-9
    if not (per_pair > 0 and math.isfinite(prompt) and quiet):
        return None
    sigma = math.sqrt(max(between, 1.0 / quiet) / quiet) / per_pair
    return Value((between - accidental) / per_pair, sigma, "1")
