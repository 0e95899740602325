"""Counts of pairs at logarithmic lags, as Wahl's multi-tau correlator defines them: products of filled bins.

Cascade c sees both streams in bins of 2^c ticks and counts the pairs that lie `lag` bins apart, for the lags
offset(c) + 1 to offset(c) + points. Where many bins are filled, multiplying counts per bin is cheaper than
visiting pairs (`multitau_pairs`). Wahl et al., Optics Express 11, 3583 (2003).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.compiled import compiled, inlined

Ints = NDArray[np.int64]
Narrow = NDArray[np.int16]
Wide = NDArray[np.int32]

LEVELS = 6
"""Cascades that share one visit of the processor's cache."""
BLOCK = 1 << 12
"""Bins of the finest of them that are worked on at a time."""
CROWD = 32767
"""Photons that a block and its past may hold: then no sum of products leaves 32 bits."""


@inlined
def offset(points: int, cascade: int) -> int:
    """Return the last lag, in bins, that a cascade leaves to the finer ones."""
    return (points * ((1 << cascade) - 1)) >> cascade


@compiled
def products(a: Narrow, b: Narrow, n: int, first: int, points: int, counts: Ints) -> None:
    """Add sum(a[first - k + i] * b[i], i < n) to counts[k]; 32-bit sums, in fours so that `b` is read less often."""
    k = 0
    while k + 4 <= points:
        s0 = s1 = s2 = s3 = np.int32(0)
        a0 = a[first - k : first - k + n]
        a1 = a[first - k - 1 : first - k - 1 + n]
        a2 = a[first - k - 2 : first - k - 2 + n]
        a3 = a[first - k - 3 : first - k - 3 + n]
        for i in range(n):
            x = np.int32(b[i])
            s0 = np.int32(s0 + np.int32(x * np.int32(a0[i])))
            s1 = np.int32(s1 + np.int32(x * np.int32(a1[i])))
            s2 = np.int32(s2 + np.int32(x * np.int32(a2[i])))
            s3 = np.int32(s3 + np.int32(x * np.int32(a3[i])))
        counts[k] += s0
        counts[k + 1] += s1
        counts[k + 2] += s2
        counts[k + 3] += s3
        k += 4
    while k < points:
        s = np.int32(0)
        a0 = a[first - k : first - k + n]
        for i in range(n):
            s = np.int32(s + np.int32(np.int32(b[i]) * np.int32(a0[i])))
        counts[k] += s
        k += 1


@compiled
def halve(bins: Narrow, n: int, halved: Narrow) -> None:
    """Add neighbours: halved[i] = bins[2 i] + bins[2 i + 1] for i < n; two at a time, as one 32-bit word."""
    words = bins[: 2 * n].view(np.int32)
    for i in range(n):
        halved[i] = np.int16((words[i] & 0xFFFF) + (words[i] >> 16))


@compiled
def in_blocks(
    t1: Ints, t2: Ints, starts1: Ints, starts2: Ints, origin: int, finest: int, levels: int, counts: Ints
) -> tuple[Wide, Wide]:
    """Count the pairs of `levels` cascades from `finest` on, block by block; return both streams in coarser bins.

    Args:
        t1: ticks, sorted, shape (n,).
        t2: likewise.
        starts1: first photon of each block, shape (blocks + 1,).
        starts2: likewise.
        origin: tick where the first block starts, a multiple of the coarsest bin.
        finest: cascade of the finest bins.
        levels: how many cascades, at most those that halve a block evenly.
        counts: shape (cascades, points); added to.
    """
    blocks = starts1.size - 1
    points = counts.shape[1]
    past = 2 * points
    rest = BLOCK >> levels
    a = np.zeros((levels + 1, past + BLOCK), np.int16)
    b = np.zeros((levels + 1, BLOCK), np.int16)
    rest1 = np.zeros(blocks * rest, np.int32)
    rest2 = np.zeros(blocks * rest, np.int32)
    for block in range(blocks):
        start = origin + ((block * BLOCK) << finest)
        a[0, past:] = 0
        b[0] = 0
        for i in range(starts1[block], starts1[block + 1]):
            a[0, past + ((t1[i] - start) >> finest)] += 1
        for i in range(starts2[block], starts2[block + 1]):
            b[0, (t2[i] - start) >> finest] += 1
        n = BLOCK
        for level in range(levels):
            cascade = finest + level
            products(a[level], b[level], n, past - offset(points, cascade) - 1, points, counts[cascade])
            n >>= 1
            halve(a[level, past:], n, a[level + 1, past:])
            halve(b[level], n, b[level + 1])
            for i in range(past):
                a[level, i] = a[level, 2 * n + i]
        for i in range(rest):
            rest1[block * rest + i] = a[levels, past + i]
            rest2[block * rest + i] = b[levels, i]
    return rest1, rest2


@compiled
def in_bins(t: Ints, origin: int, cascade: int, n: int) -> Wide:
    """Return the photons per bin of 2^cascade ticks, shape (n,)."""
    made = np.zeros(n, np.int32)
    for i in range(t.size):
        made[(t[i] - origin) >> cascade] += 1
    return made


@compiled
def in_whole(a: Wide, b: Wide, cascade: int, counts: Ints) -> None:
    """Count the pairs of this cascade and all coarser ones from counts per bin; both arrays are overwritten."""
    cascades, points = counts.shape
    n = a.size
    while cascade < cascades:
        for k in range(points):
            lag = offset(points, cascade) + 1 + k
            overlap = max(0, n - lag)
            early, late = a[:overlap], b[n - overlap : n]
            s = np.int64(0)
            for i in range(overlap):
                s += np.int64(early[i]) * np.int64(late[i])
            counts[cascade, k] += s
        for i in range(n // 2):
            x, y = a[2 * i] + a[2 * i + 1], b[2 * i] + b[2 * i + 1]
            a[i], b[i] = x, y
        if n % 2:
            a[n // 2], b[n // 2] = a[n - 1], b[n - 1]
        n = (n + 1) // 2
        cascade += 1


def multiply(t1: Ints, t2: Ints, origin: int, span: int, finest: int, counts: Ints) -> None:
    """Count the pairs of the cascades from `finest` on; `counts` has shape (cascades, points) and is added to.

    Photons crowded beyond CROWD make the finest cascades take the road of the coarse ones, with 64-bit sums.
    """
    cascades, points = counts.shape
    levels = min(LEVELS, cascades - finest)
    bins = (span >> finest) + 1
    blocks = bins // BLOCK + 1
    edges = origin + (np.arange(blocks + 1, dtype=np.int64) * BLOCK << finest)
    starts1, starts2 = np.searchsorted(t1, edges), np.searchsorted(t2, edges)
    together = 2 + (2 * points << levels) // BLOCK
    if max(_most(starts1, together), _most(starts2, together)) <= CROWD:
        rest1, rest2 = in_blocks(t1, t2, starts1, starts2, origin, finest, levels, counts)
        in_whole(rest1, rest2, finest + levels, counts)
    else:
        in_whole(in_bins(t1, origin, finest, bins), in_bins(t2, origin, finest, bins), finest, counts)


def _most(starts: Ints, together: int) -> int:
    """Return the most photons in so many neighbouring blocks."""
    ends = np.concatenate([starts, np.full(together, starts[-1])])
    return int((ends[together:] - ends[:-together]).max())
