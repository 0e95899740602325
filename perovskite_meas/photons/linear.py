"""Correlation of time tags in bins of equal width, exact count by count."""

from __future__ import annotations

import numpy as np

from ..core.errors import UsageError
from ..core.tags import Channels, Tags, Times
from . import checks
from .kernels.count import count_merged, count_separate, is_sparse
from .kernels.split import split

_SORT = "sort it with {0} = np.sort({0})"


def lag_edges(bin_width: int | str, max_lag: int | str, *, min_lag: int | str | None = None) -> Times:
    """Return the edges of the lag bins in ps, int64, shape (bins + 1,).

    Raises:
        UsageError: see `cross_correlate`.

    Examples:
        >>> lag_edges("1 ns", "2 ns").tolist()
        [-2000, -1000, 0, 1000, 2000]
    """
    return checks.window(bin_width, max_lag, min_lag).edges


def cross_correlate(
    t1: Times,
    t2: Times,
    bin_width: int | str,
    max_lag: int | str,
    *,
    min_lag: int | str | None = None,
    threads: int = 1,
) -> Times:
    """Count the pairs of two streams by their lag t2 - t1.

    Every pair counts once in the half-open bin that holds its lag, also among equal times; nothing is rounded.
    Bins start at `min_lag` and end at `max_lag`, which itself is outside.

    Args:
        t1: int64 ps, sorted, of any length.
        t2: the same for the other stream.
        bin_width: a whole number of ps, or text with its unit ("100 ps").
        max_lag: end of the window.
        min_lag: its start; -max_lag where it is not given. Either may be negative.
        threads: how many processors share the work.

    Returns:
        int64 counts, shape (bins,); `lag_edges` gives their edges.

    Raises:
        UsageError: tags that are unsorted or not int64, a window that is no whole number of bins, or numbers
            beyond 64 bits.

    Examples:
        >>> one, two = np.array([0, 1000]), np.array([0, 1500])
        >>> cross_correlate(one, two, 500, 2000).tolist()
        [0, 0, 1, 0, 1, 1, 0, 1]
    """
    lags = checks.window(bin_width, max_lag, min_lag)
    starts, stops = checks.times(t1, "t1"), checks.times(t2, "t2")
    if len(starts) and len(stops):
        checks.range_fits(starts, stops, lags)
    counts = np.zeros(lags.bins, np.int64)
    if not count_separate(starts, stops, lags, counts, threads=_threads(threads)):
        wrong, name = (starts, "t1") if bool((starts[1:] < starts[:-1]).any()) else (stops, "t2")
        raise checks.disorder(wrong, name, _SORT.format(name))
    return counts


def correlate(
    tags: Tags,
    bin_width: int | str,
    max_lag: int | str,
    *,
    channels: tuple[int, int] = (0, 1),
    min_lag: int | str | None = None,
    threads: int = 1,
) -> Times:
    """Count the pairs of two channels by their lag t[channels[1]] - t[channels[0]].

    A channel with itself is its autocorrelation: every ordered pair of different photons counts once, no photon
    pairs with itself. Photons of T3 recordings, whose times may go back by a little, are put in order of time.

    Args:
        tags: a recording, as the hardware merged it.
        bin_width: a whole number of ps, or text with its unit ("100 ps").
        max_lag: end of the window.
        channels: first and second channel.
        min_lag: start of the window; -max_lag where it is not given.
        threads: how many processors share the work.

    Returns:
        int64 counts, shape (bins,); `lag_edges` gives their edges.

    Raises:
        UsageError: see `cross_correlate`.

    Examples:
        >>> tags = Tags(np.array([0, 300, 900]), np.array([0, 1, 0], np.uint8), duration=1000)
        >>> correlate(tags, 200, 600).tolist()
        [1, 0, 0, 0, 1, 0]
    """
    lags = checks.window(bin_width, max_lag, min_lag)
    first, second = (checks.channel(value, "channels") for value in channels)
    times = checks.times(tags.times, "tags.times")
    if len(times):
        checks.range_fits(times, times, lags)
    counts = np.zeros(lags.bins, np.int64)
    if _count(times, tags.channels, (first, second), lags, counts, _threads(threads)):
        return counts
    if not tags.is_pulsed:
        raise checks.disorder(times, "tags.times", "sort the recording with tags.take(np.argsort(tags.times))")
    order = np.argsort(times, kind="stable")
    counts[:] = 0
    _count(times[order], tags.channels[order], (first, second), lags, counts, threads)
    return counts


def _count(
    times: Times, channels: Channels, pair: tuple[int, int], lags: checks.Window, counts: Times, threads: int
) -> bool:
    """Add the pairs to `counts`; return whether the stream was in order."""
    if pair[0] != pair[1] and is_sparse(times, lags.reach):
        return count_merged(times, channels, pair, lags, counts, threads=threads)
    starts, stops, ordered = split(times, channels, *pair)
    if not ordered:
        return False
    if pair[0] == pair[1] and lags.zero_bin is not None:
        counts[lags.zero_bin] -= len(starts)
    return count_separate(starts, stops, lags, counts, threads=threads)


def _threads(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"threads is {value!r}; give a whole number from 1 on")
    return value
