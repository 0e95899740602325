"""Time differences and dead times, as the vendors' own software works them out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
_BLOCK = 1 << 20


def lag_histogram(starts: Times, clicks: Times, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count all pairs (start, click) by click - start in half-open bins.

    Args:
        starts: ps, sorted.
        clicks: ps, sorted.
        edges: ps, rising, shape (n + 1,).

    Returns:
        counts of shape (n,).
    """
    counts = np.zeros(len(edges) - 1, np.int64)
    first = np.searchsorted(clicks, starts + edges[0], "left")
    last = np.searchsorted(clicks, starts + edges[-1], "left")
    several = last - first
    done = 0
    while done < len(starts):
        upto = max(done + 1, int(np.searchsorted(np.cumsum(several[done:]), _BLOCK)) + done)
        number = several[done:upto]
        start = np.repeat(starts[done:upto], number)
        place = np.repeat(first[done:upto], number) + _counting(number)
        bins = np.searchsorted(edges, clicks[place] - start, "right") - 1
        counts += np.bincount(bins, minlength=len(counts))[: len(counts)]
        done = upto
    return counts


def _counting(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 .. n-1 for each n, joined."""
    ends = np.cumsum(number)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - number, number)


def alive(times: Times, dead_time: int, before: int | None = None) -> NDArray[np.bool_]:
    """Return which events survive a dead time in ps that does not extend; `before` is the last one registered."""
    kept = np.ones(len(times), np.bool_)
    close = np.flatnonzero(np.diff(times) < dead_time) + 1
    if before is not None and len(times) and times[0] - before < dead_time:
        close = np.union1d([0], close)
    registered = before
    for place in close:
        if place and kept[place - 1]:
            registered = int(times[place - 1])
        kept[place] = registered is None or times[place] - registered >= dead_time
    return kept
