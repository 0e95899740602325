"""Counts of pairs at logarithmic lags, as Wahl's multi-tau correlator defines them: one visit per pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.compiled import compiled
from .multitau import offset

Ints = NDArray[np.int64]

CHUNK = 1024
"""First photons whose pairs are followed together."""
TABLE = 1 << 15
"""Lags, in ticks, whose finest cascade is looked up rather than searched."""


@compiled
def visit(t1: Ints, t2: Ints, cascades: int, points: int) -> Ints:
    """Count the pairs of the finest cascades with 0 <= lag; return shape (cascades + 1, points + 2).

    Column k + 1 holds the lag offset + 1 + k; the lag 0 is in row 0, column 0. The last row, the other entries of
    column 0 and the last column are scrap: what lands there is counted elsewhere or lies beyond.
    """
    offsets = np.empty(cascades + 1, np.int64)
    beyond = np.empty(cascades + 1, np.int64)
    for cascade in range(cascades + 1):
        offsets[cascade] = offset(points, cascade)
        beyond[cascade] = (offsets[cascade] + points + 1) << cascade
    reach = beyond[cascades - 1]
    finest = np.empty(min(reach, TABLE), np.int8)
    cascade = 0
    for lag in range(finest.size):
        while lag >= beyond[cascade]:
            cascade += 1
        finest[lag] = 2 * cascade + int(lag > offsets[cascade + 1] << (cascade + 1))
    width = points + 2
    counts = np.zeros((cascades + 1) * width, np.int64)
    first = np.empty(CHUNK, np.int64)
    partner = np.empty(CHUNK, np.int64)
    lags = np.empty(CHUNK, np.int64)
    j = 0
    for begin in range(0, t1.size, CHUNK):
        starts = t1[begin : begin + CHUNK]
        i = 0
        while i < starts.size and j < t2.size:
            first[i] = starts[i]
            partner[i] = j
            earlier = int(t2[j] < starts[i])
            j += earlier
            i += 1 - earlier
        alive = i
        while alive > 0:
            kept = 0
            for m in range(alive):
                a, index = first[m], partner[m]
                lag = t2[index] - a if index < t2.size else reach
                first[kept] = a
                partner[kept] = index + 1
                lags[kept] = lag
                kept += int(lag < reach)
            for m in range(kept):
                a, lag = first[m], lags[m]
                if lag < TABLE:
                    found = int(finest[lag])
                    cascade = found >> 1
                    both = found & 1
                else:
                    cascade = cascades - 1
                    while cascade > 0 and lag < beyond[cascade - 1]:
                        cascade -= 1
                    both = int(lag > offsets[cascade + 1] << (cascade + 1))
                bins = ((a + lag) >> cascade) - (a >> cascade) - offsets[cascade]
                counts[cascade * width + max(0, min(bins, points + 1))] += 1
                if both:
                    cascade += 1
                    bins = ((a + lag) >> cascade) - (a >> cascade) - offsets[cascade]
                    counts[cascade * width + max(0, min(bins, points + 1))] += 1
            alive = kept
    return counts.reshape((cascades + 1, width))
