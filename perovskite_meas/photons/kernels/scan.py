"""Pairs of two sorted streams without unpredictable branches.

Which of two streams has the next event is a coin toss that no processor predicts, and a merge that waits for each
answer is bound by latency. So four quarters of the streams are merged side by side in one loop, and each step writes
down its pair as a candidate and advances the list only where it is one. The candidates' later partners are then
visited order by order: all second partners, all third ones, and so on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.compiled import compiled
from ...core.tags import Times
from .bins import bin_of
from .walk import in_order, lower_edge, walk

Packed = NDArray[np.uint64]
"""Index of a start in the lower half, of a stop in the upper half."""

CHUNK = 1024
LONGEST = 2**32 - 1
"""Streams longer than this do not fit packed indices."""


@compiled
def _meet(starts: Times, stops: Times, low: int, diagonal: int) -> tuple[int, int]:
    """Return how many starts and stops there are among the first `diagonal` events of both.

    A start comes at its time + low, before a stop of the same time.
    """
    least = max(0, diagonal - len(stops))
    most = min(diagonal, len(starts))
    while least < most:
        middle = (least + most) // 2
        if stops[diagonal - middle - 1] < starts[middle] + low:
            most = middle
        else:
            least = middle + 1
    return least, diagonal - least


@compiled
def _merge(
    starts: Times, stops: Times, low: int, span: np.uint64, steps: int, at: Packed, found: Packed, ends: Times
) -> None:
    """Merge `steps` events of each of four parts; write the first partner of each start that has one.

    Times in ps; a pair counts where 0 <= stop - start - low < span. `at` holds the next start and stop of each part
    and is moved on; the caller knows that no step leaves the arrays. The candidates of part n stand in `found` from
    n * CHUNK to ends[n].
    """
    one = np.uint64(1)
    half = np.uint64(32)
    mask = np.uint64(0xFFFFFFFF)
    sign = np.int64(63)
    p0, p1, p2, p3 = at[0], at[1], at[2], at[3]
    k0, k1, k2, k3 = np.uint64(0), np.uint64(CHUNK), np.uint64(2 * CHUNK), np.uint64(3 * CHUNK)
    for _ in range(steps):
        d0 = stops[p0 >> half] - starts[p0 & mask] - low
        d1 = stops[p1 >> half] - starts[p1 & mask] - low
        d2 = stops[p2 >> half] - starts[p2 & mask] - low
        d3 = stops[p3 >> half] - starts[p3 & mask] - low
        found[k0] = p0
        found[k1] = p1
        found[k2] = p2
        found[k3] = p3
        k0 += np.uint64(np.uint64(d0) < span)
        k1 += np.uint64(np.uint64(d1) < span)
        k2 += np.uint64(np.uint64(d2) < span)
        k3 += np.uint64(np.uint64(d3) < span)
        # A stop that is too early is passed by (+ 2^32), else the start is done (+ 1).
        p0 = p0 + one + (np.uint64(d0 >> sign) & mask)
        p1 = p1 + one + (np.uint64(d1 >> sign) & mask)
        p2 = p2 + one + (np.uint64(d2 >> sign) & mask)
        p3 = p3 + one + (np.uint64(d3 >> sign) & mask)
    at[0], at[1], at[2], at[3] = p0, p1, p2, p3
    ends[0], ends[1], ends[2], ends[3] = k0, k1, k2, k3


@compiled
def _expand(
    starts: Times,
    stops: Times,
    low: int,
    span: np.uint64,
    orders: int,
    found: Packed,
    begin: int,
    end: int,
    factor: np.uint64,
    shift: np.uint64,
    width: np.uint64,
    counts: Times,
) -> None:
    """Count the candidates found[begin:end] and their later partners: `orders` orders at a time, then one by one."""
    half = np.uint64(32)
    mask = np.uint64(0xFFFFFFFF)
    one = np.uint64(1)
    pairs = found[begin:end]
    left = np.uint64(len(pairs))
    # The last partners of the streams are left to the plain loop, so that the quick one need not look out for them.
    if left > 0 and (pairs[left - one] >> half) + np.uint64(orders) < np.uint64(len(stops)):
        for _ in range(orders):
            kept = np.uint64(0)
            for index in range(left):
                pair = pairs[index]
                stop = pair >> half
                edge = starts[pair & mask] + low
                counts[bin_of(np.uint64(stops[stop] - edge), factor, shift, width)] += 1
                pairs[kept] = pair + (one << half)
                kept += np.uint64(np.uint64(stops[stop + one] - edge) < span)
            left = kept
            if left == 0:
                return
    for index in range(left):
        pair = pairs[index]
        edge = starts[pair & mask] + low
        for stop in range(pair >> half, np.uint64(len(stops))):
            offset = np.uint64(stops[stop] - edge)
            if offset >= span:
                break
            counts[bin_of(offset, factor, shift, width)] += 1


@compiled
def _was_in_order(starts: Times, stops: Times, before: np.uint64, after: np.uint64) -> bool:
    """Return whether what was passed between two packed positions is in order, up to the next event."""
    half = np.uint64(32)
    mask = np.uint64(0xFFFFFFFF)
    starts_ordered = in_order(starts, np.int64(before & mask), np.int64(after & mask) + 1)
    return starts_ordered and in_order(stops, np.int64(before >> half), np.int64(after >> half) + 1)


@compiled
def scan(
    starts: Times,
    stops: Times,
    first: int,
    last: int,
    orders: int,
    low: int,
    span: np.uint64,
    factor: np.uint64,
    shift: np.uint64,
    width: np.uint64,
    counts: Times,
) -> bool:
    """Add the pairs of starts[first:last] to `counts`; return whether all that was passed is in order.

    Times in ps. A pair counts where 0 <= stop - start - low < span. Unordered streams give wrong counts, never
    an access outside the arrays.
    """
    half = np.uint64(32)
    mask = np.uint64(0xFFFFFFFF)
    earliest = lower_edge(stops, 0, len(stops), starts[first] + low)
    usable = lower_edge(starts, first, last, stops[-1] - low + 1)
    if usable == first:
        return in_order(starts, first, last) and in_order(stops, 0, len(stops))
    begin = first + earliest
    end = usable + lower_edge(stops, 0, len(stops), starts[usable - 1] + low)
    length = max(0, end - begin) // 4
    at = np.empty(4, np.uint64)
    to = np.empty(4, np.uint64)
    for part in range(4):
        start, stop = _meet(starts, stops, low, begin + part * length)
        at[part] = np.uint64(start) | (np.uint64(stop) << half)
    start, stop = _meet(starts, stops, low, end)
    to[0], to[1], to[2], to[3] = at[1], at[2], at[3], np.uint64(start) | (np.uint64(stop) << half)
    found = np.empty(4 * CHUNK, np.uint64)
    ends = np.empty(4, np.int64)
    # Where streams are in order, the parts join each other and cover every start and stop; else this shows it.
    if (at[0] & mask) != first or start != usable or end < begin:
        return False
    ordered = in_order(starts, usable - 1, last)
    before = lower_edge(stops, 0, len(stops), starts[first - 1] + low) if first > 0 else 0
    ordered &= in_order(stops, before, earliest + 1)
    if usable < last or last == len(starts):
        ordered &= in_order(stops, stop, len(stops))
    done = 0
    while True:
        steps = min(CHUNK, length - done)
        for part in range(4):
            left = min(len(starts) - np.int64(at[part] & mask), len(stops) - np.int64(at[part] >> half))
            if left < steps:
                steps = int(left)
        if steps < 16:
            break
        was = at.copy()
        _merge(starts, stops, low, span, steps, at, found, ends)
        for part in range(4):
            _expand(starts, stops, low, span, orders, found, part * CHUNK, ends[part], factor, shift, width, counts)
            ordered &= _was_in_order(starts, stops, was[part], at[part])
        done += steps
    for part in range(4):
        at_start, at_stop, aim = np.int64(at[part] & mask), np.int64(at[part] >> half), np.int64(to[part] & mask)
        walk(starts, stops, at_start, aim, at_stop, low, span, factor, shift, width, counts)
        ordered &= _was_in_order(starts, stops, at[part], to[part])
    return ordered
