"""Pairs of two sorted streams by two pointers: plain, exact, and quick where each start has many partners."""

from __future__ import annotations

import numpy as np

from ...core.compiled import compiled
from ...core.tags import Times
from .bins import Whole, bin_of


@compiled
def walk(
    starts: Times,
    stops: Times,
    first: Whole,
    last: Whole,
    partner: Whole,
    low: int,
    span: np.uint64,
    factor: np.uint64,
    shift: np.uint64,
    width: np.uint64,
    counts: Times,
) -> None:
    """Add the pairs of starts[first:last] to `counts`.

    Times in ps, sorted. A pair counts where 0 <= stop - start - low < span. No stop before `partner` may pair.
    """
    one, end = np.uint64(1), np.uint64(len(stops))
    begin = np.uint64(partner)
    for index in range(first, last):
        edge = starts[np.uint64(index)] + np.int64(low)
        while begin < end and stops[begin] - edge < 0:
            begin += one
        stop = begin
        while stop < end:
            offset = np.uint64(stops[stop] - edge)
            if offset >= span:
                break
            counts[bin_of(offset, factor, shift, width)] += 1
            stop += one


@compiled
def in_order(times: Times, first: Whole, last: Whole) -> bool:
    """Return whether times[first:last] never goes back; `last` may lie behind the end."""
    earlier = times[first : max(first, last - 1)]
    later = times[first + 1 : last]
    back = np.int64(0)
    for index in range(len(later)):
        back |= np.int64(later[index] < earlier[index])
    return bool(back == 0)


@compiled
def lower_edge(times: Times, first: Whole, last: Whole, edge: Whole) -> int:
    """Return the index of the first of times[first:last] that is not before `edge`, or `last`."""
    least, most = int(first), int(last)
    while least < most:
        middle = (least + most) // 2
        if times[middle] < edge:
            least = middle + 1
        else:
            most = middle
    return least
