"""Afterpulses: where reference light puts them, and what they do to peaks that are missing a neighbour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.signal import fftconvolve

from .response import Response
from .rows import Rows

Array = npt.NDArray[np.float64]

TIMES = (15.0, 25.0, 40.0, 60.0, 90.0, 140.0)
"""ns; decay times tried for the fast part."""
QUIET = 12.0
"""ns about each peak that crosstalk may reach."""
REACH = 5.0
"""Decay times after which no afterpulse is looked for."""
SEEN = 3.0
"""Sigmas above which the fast part is taken to be there."""
FEARED = 0.005
"""1-sigma of g2_zero booked for afterpulses where no reference light shows them: a quarter of 2 % of the pairs."""


@dataclass(frozen=True)
class Afterpulses:
    """The part of the afterpulses that comes within a few hundred ns; the rest is a flat floor."""

    share: float
    """Fast afterpulse pairs per pair, both detectors; 0 where none are seen."""
    sigma: float
    """1-sigma of it."""
    time: float
    """Decay time, in ns."""
    begin: float
    """Dead time before the first, in ns."""

    def added(self, pairs: Array, width: float, period: float) -> Array:
        """Return the afterpulse pairs of a binned shape: the later photon of either detector once more, later yet."""
        if not self.share:
            return np.zeros(pairs.size)
        half = math.ceil((self.begin + REACH * self.time) / width)
        lags = np.arange(1, half + 1) * width
        late = np.where(lags >= self.begin, np.exp(-(lags - self.begin) / self.time), 0.0)
        kernel = np.concatenate([late[::-1], [0.0], late])
        kernel *= self.share / kernel.sum()
        step = max(1, round(period / width))
        turns = math.ceil(half / step)
        before = np.tile(pairs[:step], turns)[-half:]
        after = np.tile(pairs[-step:], turns)[:half]
        return np.asarray(fftconvolve(np.concatenate([before, pairs, after]), kernel, mode="valid"))


NONE = Afterpulses(0.0, 0.0, 50.0, 0.0)


def read_afterpulses(rows: Rows, response: Response, dead_time: float | None) -> Afterpulses:
    """Return the fast afterpulses that the reference light shows between its peaks; none where it cannot.

    Args:
        rows: all rows.
        response: of the pair, for lag zero.
        dead_time: ns; None where not stated.
    """
    laser = rows.laser
    if laser is None or dead_time is None or response.zero is None or response.source != "reference light":
        return NONE
    period, counts, places = laser.period, laser.counts(), rows.lags - response.zero.nominal
    if not period > 2 * (dead_time + QUIET) or rows.edges[-1] - rows.edges[0] < 1.5 * period:
        return NONE
    phase = places % period
    quiet = (phase > QUIET) & (phase < period - QUIET)
    number = max(int((period - 2 * QUIET) / max(2.0, rows.bin)), 8)
    which = np.minimum(((phase[quiet] - QUIET) / (period - 2 * QUIET) * number).astype(int), number - 1)
    seen, bins = np.bincount(which, counts[quiet], number), np.bincount(which, minlength=number)
    centres = QUIET + (np.arange(number) + 0.5) * (period - 2 * QUIET) / number
    level = seen / np.maximum(bins, 1)
    sigma = np.sqrt(np.maximum(seen, 1.0)) / np.maximum(bins, 1)
    best: tuple[float, Afterpulses] = (math.inf, NONE)
    for time in TIMES:
        shape = _folded(centres, dead_time, time, period) * rows.bin
        design = np.column_stack([np.ones(number), shape]) / sigma[:, None]
        found, misfit = nnls(design, level / sigma)
        cov = np.linalg.pinv(design.T @ design)
        per_peak = _per_peak(counts, places, period)
        if misfit < best[0] and per_peak > 0:
            share = float(found[1]) / per_peak
            best = (float(misfit), Afterpulses(share, math.sqrt(cov[1, 1]) / per_peak, time, dead_time))
    after = best[1]
    return after if after.share > SEEN * after.sigma else NONE


def _folded(lags: Array, begin: float, time: float, period: float) -> Array:
    """Return the density per ns at lags in (0, period) of one afterpulse share, half of it before lag zero."""
    total = np.zeros(lags.size)
    for k in range(math.ceil((begin + REACH * time) / period) + 1):
        for place in (lags + k * period, (k + 1) * period - lags):
            total += np.where(place >= begin, np.exp(-(place - begin) / time) / time, 0.0)
    return 0.5 * total


def _per_peak(counts: Array, places: Array, period: float) -> float:
    """Return the pairs of one whole side peak of the reference light."""
    near = np.abs((places + period / 2) % period - period / 2) < 2.0
    outer = near & (np.abs(places) > period / 2) & (places > places[0] + 2.0) & (places < places[-1] - 2.0)
    peaks = np.unique(np.round(places[outer] / period)).size
    return float(counts[outer].sum()) / peaks if peaks else 0.0
