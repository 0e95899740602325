"""Two levels in a trace of counts: the valley between them, and the threshold in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

KERNEL = 0.6
"""Width of the smoothing of the histogram, in units of the photon noise."""
SHALLOW = 0.6
"""A valley must fall under this part of the lower peak."""
LEAST_SHARE = 1e-3
"""Each level must hold this part of the bins ..."""
LEAST_BINS = 20
"""... and this number of them."""
LEAST_APART = 3.0
"""Least distance of the levels in units of the photon noise."""
CLEAR = 4.0
"""A threshold this far (in units of the noise) from both levels is put half-way between them."""
BLOCKS = 50
"""Blocks of time over which the uncertainty of a level is taken."""
FAR = 2.5
"""Bins this far from their level (in units of its scatter) may hold a short dwell of the other."""
MOST_HEIGHTS = 1024
"""Histograms of fewer counts than this are smoothed at every count, longer ones at this many."""


@dataclass(frozen=True)
class Levels:
    """Two levels of counts per bin and the threshold between them."""

    on: float
    on_sigma: float
    off: float
    off_sigma: float
    threshold: int
    """A bin with more counts than this is on."""
    clearance: tuple[float, float]
    """Distance of (on, off) level from the threshold in units of its noise."""
    false_on: float
    """Chance that a bin of the off level is counted as on."""
    false_off: float
    """Chance that a bin of the on level is counted as off."""

    @property
    def height(self) -> float:
        """Return the threshold as a fraction of the way from the off to the on level.

        Of bins whose expected counts are spread evenly (the bins in which the level changed), as many are on as if
        those above threshold + 1 were: the mean expectation at which a Poisson number passes the threshold.
        """
        return (self.threshold + 1 - self.off) / (self.on - self.off)

    @property
    def shift(self) -> float:
        """Return by how many bins an on dwell is counted too short (an off dwell too long), less than 1."""
        return float(np.clip(2 * self.height - 1, -0.95, 0.95))


def two_levels(records: Sequence[Integers]) -> Levels | None:
    """Return the two levels of traces of counts per bin, or None where there is no valley between two peaks.

    Each level is the mean of the bins whose neighbours are on the same side, so that bins in which the level changed
    do not count.
    """
    counts = np.concatenate(records) if len(records) else np.empty(0, np.int64)
    if len(counts) < 10 * LEAST_BINS:
        return None
    cut = _valley(counts)
    if cut is None:
        return None
    found: Levels | None = None
    for _ in range(5):
        found = _about(records, cut)
        if found is None or found.threshold == cut:
            break
        cut = found.threshold
    if found is None or 2 * (math.sqrt(found.on) - math.sqrt(found.off)) < LEAST_APART:
        return None
    return found


def _valley(counts: Integers) -> int | None:
    """Return the count at the deepest valley of the smoothed histogram, or None where no valley is deep enough."""
    heights, density, weight = _smoothed(counts)
    left = np.maximum.accumulate(density)
    right = np.maximum.accumulate(density[::-1])[::-1]
    below = np.cumsum(weight) / len(counts)
    share = max(LEAST_SHARE, LEAST_BINS / len(counts))
    allowed = (below >= share) & (below <= 1 - share)
    depth = np.where(allowed, density / np.maximum(np.minimum(left, right), 1e-300), np.inf)
    best = int(np.argmin(depth))
    return int(heights[best]) if depth[best] < SHALLOW else None


def _smoothed(counts: Integers) -> tuple[Floats, Floats, Floats]:
    """Return heights, density per unit of photon noise, and bins at each height."""
    step = max(1, (int(counts.max()) + 1) // MOST_HEIGHTS)
    weight = np.bincount(counts // step).astype(np.float64)
    heights: Floats = np.arange(len(weight), dtype=np.float64) * step + 0.5 * (step - 1)
    noise: Floats = np.sqrt(heights + 0.375)
    axis = 2 * noise
    density: Floats = np.empty(len(weight))
    for i, centre in enumerate(axis):
        low, high = np.searchsorted(axis, (centre - 4 * KERNEL, centre + 4 * KERNEL))
        kernel = np.exp(-0.5 * ((axis[low:high] - centre) / KERNEL) ** 2)
        density[i] = kernel @ weight[low:high] / kernel.sum() * noise[i] / step
    return heights, density, weight


def _about(records: Sequence[Integers], cut: int) -> Levels | None:
    """Return the levels above and below a cut, and the threshold that follows from them."""
    above, below = [], []
    for record in records:
        bright = record > cut
        inner = (bright[1:-1] == bright[:-2]) & (bright[1:-1] == bright[2:])
        middle = record[1:-1]
        above.append(middle[inner & bright[1:-1]])
        below.append(middle[inner & ~bright[1:-1]])
    high, low = np.concatenate(above), np.concatenate(below)
    if len(high) < LEAST_BINS or len(low) < LEAST_BINS:
        return None
    on, off = float(high.mean()), float(low.mean())
    roots = 2 * np.sqrt(np.array([on, off]) + 0.375)
    widths = [max(_width(part), 1.0) for part in (high, low)]
    middle_root = 2 * math.sqrt(0.5 * (on + off) + 0.375)
    even = (roots[0] * widths[1] + roots[1] * widths[0]) / (widths[0] + widths[1])
    root = float(np.clip(middle_root, roots[1] + CLEAR * widths[1], roots[0] - CLEAR * widths[0]))
    if roots[0] - CLEAR * widths[0] < roots[1] + CLEAR * widths[1]:
        root = even
    clearance = (float((roots[0] - root) / widths[0]), float((root - roots[1]) / widths[1]))
    return Levels(
        on=on,
        on_sigma=_sigma(high),
        off=off,
        off_sigma=_sigma(low),
        threshold=max(int(root**2 / 4 - 0.375), 0),
        clearance=clearance,
        false_on=0.5 * math.erfc(clearance[1] / math.sqrt(2)),
        false_off=0.5 * math.erfc(clearance[0] / math.sqrt(2)),
    )


def _width(counts: Integers) -> float:
    """Return the scatter of one level in units of the photon noise, from its middle two thirds."""
    low, high = np.percentile(2 * np.sqrt(counts + 0.375), (15.87, 84.13))
    return float(high - low) / 2


def _sigma(counts: Integers) -> float:
    """Return the 1-sigma of a level's mean: the scatter of blocks in time, and what bins far from the level change."""
    blocks = np.array([part.mean() for part in np.array_split(counts, min(BLOCKS, len(counts) // 4))])
    statistical = max(float(blocks.std(ddof=1)) / math.sqrt(len(blocks)), math.sqrt(counts.mean() / len(counts)))
    roots = 2 * np.sqrt(counts + 0.375)
    near = np.abs(roots - np.median(roots)) < FAR * max(_width(counts), 1.0)
    return math.hypot(statistical, float(counts[near].mean() - counts.mean()))
