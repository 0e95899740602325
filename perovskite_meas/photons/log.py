"""Correlation at logarithmic lags, from a nanosecond to seconds: blinking, triplets, slow drifts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UsageError
from .amounts import positive_ps, sorted_times

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_LONGEST = 2**62
_NS_PER_VISIT = 8.0
_NS_PER_BIN = 0.9
_NS_PER_PRODUCT = 0.036


@dataclass(frozen=True, eq=False)
class LogCorrelation:
    """Pairs of photons at logarithmic lags, lag = t2 - t1, as Wahl's multi-tau correlator counts them.

    Both streams are seen in bins that double in width from cascade to cascade; a pair counts at the lag by which its
    bins differ. So a lag collects pairs with a triangular weight that reaches `widths` to either side of `lags`.
    """

    lags: Ints
    """ps, centres, ascending from 0, shape (n,)."""
    widths: Ints
    """ps, width of the bins in which this lag was counted, shape (n,); the integral of its weight."""
    counts: Ints
    """Pairs, shape (n,)."""
    expected: Floats
    """Pairs that streams without correlation would show, shape (n,): photons that can be first times photons that
    can be second (those that have the lag before the end, or after the start, of the record)."""
    sigma: Floats
    """Standard deviation of `g2` from counting photons, shape (n,): of the pairs, and of the photons in the bins that
    the ends of the record cut. Blinking that differs from record to record comes on top."""
    duration: int
    """Length of the record, in ps."""

    @property
    def starts(self) -> Ints:
        """Lags, in ps, above which pairs begin to count at each entry, shape (n,)."""
        return self.lags - self.widths

    @property
    def g2(self) -> Floats:
        """Pairs over those expected, shape (n,): 1 without correlation, NaN where no pair was possible."""
        return _over(self.counts, self.expected)


def log_correlate(
    t1: Ints,
    t2: Ints,
    *,
    first_lag: object = 1000,
    points: int = 16,
    max_lag: object = "1 s",
    duration: object = None,
) -> LogCorrelation:
    """Count the pairs of two streams at logarithmic lags 0 <= t2 - t1 <= max_lag; swap the streams for negative lags.

    The integers are those of Wahl, Gregor, Patting & Enderlein, Optics Express 11, 3583 (2003), with the lag 0 kept:
    times are floored to `first_lag`, bins double after each `points` lags. The same array given twice is an
    autocorrelation, in which no photon pairs with itself.

    Args:
        t1: first photons, ps, sorted, shape (n,).
        t2: second photons, likewise, shape (m,).
        first_lag: width of the finest bins and the first lag above 0, in ps or as text ("1 ns").
        points: lags per cascade, from 2 to 512; the relative width of the bins is 1/points to 2/points.
        max_lag: the last lag, in ps or as text.
        duration: length of the record from time 0, in ps or as text; photons beyond it (such as delayed ones) extend
            it. By default it spans the given photons alone.

    Raises:
        UsageError: times that are not sorted whole ps, lags that are not whole ps, or points out of range.
    """
    first, second = sorted_times(t1, "t1"), sorted_times(t2, "t2")
    tick = positive_ps(first_lag, "first_lag")
    last = positive_ps(max_lag, "max_lag")
    if last < tick:
        raise UsageError(f"max_lag of {last} ps is shorter than first_lag of {tick} ps; ask for a longer one")
    if not 2 <= points <= 512:
        raise UsageError(f"points is {points}: a cascade has 2 to 512 lags; 16 is usual")
    begin, length = _record(first, second, duration)
    if max(length, last * 4 * points) >= _LONGEST:
        raise UsageError(
            f"a record of {length} ps with lags of up to {last} ps leaves 64 bits; subtract the first time from all "
            "tags, or ask for shorter lags"
        )
    cascades = 1
    while _offset(points, cascades - 1) + points << cascades - 1 < last // tick:
        cascades += 1
    counts, same = _counted(first // tick, second // tick, cascades, points)
    steps = np.array([[_offset(points, c) + 1 + k << c for k in range(points)] for c in range(cascades)], np.int64)
    lags = np.concatenate([[0], steps.ravel() * tick])
    widths = np.concatenate([[tick], np.repeat(tick << np.arange(cascades), points)])
    pairs = np.concatenate([[same - len(first) if t1 is t2 else same], counts.ravel()])
    kept = lags <= last
    lags, widths, pairs = lags[kept], widths[kept], pairs[kept]
    firsts = np.searchsorted(first, begin + length - lags).astype(float)
    seconds = len(second) - np.searchsorted(second, begin + lags).astype(float)
    possible = np.maximum(length - lags, 0).astype(float)
    expected = _over(firsts * seconds * widths, possible, 0.0)
    edges = _over(widths * (firsts + seconds), 4 * possible * firsts * seconds)
    sigma = np.hypot(_over(np.sqrt(np.maximum(pairs, 1)), expected), np.sqrt(edges))
    return LogCorrelation(lags=lags, widths=widths, counts=pairs, expected=expected, sigma=sigma, duration=length)


def _offset(points: int, cascade: int) -> int:
    return points * ((1 << cascade) - 1) >> cascade


def _over(above: NDArray[np.generic], below: NDArray[np.generic], otherwise: float = np.nan) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(len(below), otherwise), where=np.asarray(below) > 0)
    return ratio


def _record(first: Ints, second: Ints, duration: object) -> tuple[int, int]:
    ends = [int(times[i]) for times in (first, second) if len(times) for i in (0, -1)]
    if duration is not None:
        ends += [0, positive_ps(duration, "duration") - 1]
    return (min(ends), max(ends) - min(ends) + 1) if ends else (0, 0)


def _counted(first: Ints, second: Ints, cascades: int, points: int) -> tuple[Ints, int]:
    """Return counts of shape (cascades, points) and those at lag 0, from times in ticks."""
    from .kernels import multitau, multitau_pairs

    counts = np.zeros((cascades, points), np.int64)
    if not len(first) or not len(second):
        return counts, 0
    begin = int(min(first[0], second[0]))
    span = int(max(first[-1], second[-1])) - begin + 1
    visited = _visited(len(first), len(second), span, cascades, points)
    pairs = multitau_pairs.visit(first, second, visited, points)
    counts[:visited] = pairs[:visited, 1:-1]
    if visited < cascades:
        origin = begin >> cascades << cascades
        multitau.multiply(first, second, origin, begin + span - origin, visited, counts)
    return counts, int(pairs[0, 0])


def _visited(n1: int, n2: int, span: int, cascades: int, points: int) -> int:
    """Return how many cascades are counted pair by pair, by what each way would cost."""

    def cost(visited: int) -> float:
        reach = 2.0 * points * 2.0 ** (visited - 1)
        pairs = _NS_PER_VISIT * n1 * (1 + n2 / span * min(reach, span))
        return pairs + (visited < cascades) * span / 2.0**visited * (_NS_PER_BIN + 2 * points * _NS_PER_PRODUCT)

    return min(range(1, cascades + 1), key=cost)
