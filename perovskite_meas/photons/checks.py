"""What a correlation refuses before it counts, in words that say what to do instead."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..core.errors import UsageError
from ..core.tags import Times
from ..core.units import to_unit

_INT64 = 2**63
_MOST_BINS = 2**27


@dataclass(frozen=True)
class Window:
    """Lags from `low` up to, not including, `high`, in bins of `width`; all in ps."""

    width: int
    low: int
    high: int

    @property
    def bins(self) -> int:
        """Number of bins."""
        return (self.high - self.low) // self.width

    @property
    def reach(self) -> int:
        """Longest lag of either sign, in ps."""
        return max(abs(self.low), abs(self.high))

    @property
    def edges(self) -> Times:
        """Edges of the bins, int64, shape (bins + 1,)."""
        return self.low + self.width * np.arange(self.bins + 1, dtype=np.int64)

    @property
    def zero_bin(self) -> int | None:
        """Bin that holds lag 0, where there is one."""
        return -self.low // self.width if self.low <= 0 < self.high else None


def picoseconds(value: object, name: str) -> int:
    """Return a whole number of ps from a number of ps or from text with a unit.

    Raises:
        UsageError: no time, or no whole number of ps.

    Examples:
        >>> picoseconds("0.1 ns", "bin_width")
        100
    """
    try:
        number = to_unit(value, "ps")
    except UsageError as error:
        raise UsageError(f"{name}: {error}; a time is whole ps, or text such as '100 ps' or '50 ns'") from None
    if isinstance(value, int | np.integer):
        return int(value)
    if not math.isfinite(number):
        raise UsageError(f"{name} is {number}; a time is whole ps, or text such as '100 ps' or '50 ns'")
    if number != round(number):
        hint = f"; if these are seconds, write '{number:g} s'" if 0 < abs(number) < 1e-2 else ""
        raise UsageError(f"{name} is {number:g} ps, which is no whole number of ps; tags count whole ps{hint}")
    return round(number)


def window(bin_width: object, max_lag: object, min_lag: object = None) -> Window:
    """Return the checked window of a correlation; `min_lag` is -max_lag where it is not given.

    Raises:
        UsageError: a width that is not positive, an empty window, one that is no whole number of bins, or a
            histogram that does not fit in memory.
    """
    width = picoseconds(bin_width, "bin_width")
    high = picoseconds(max_lag, "max_lag")
    low = -high if min_lag is None else picoseconds(min_lag, "min_lag")
    if width <= 0:
        raise UsageError(f"bin_width is {width} ps; it must be at least 1 ps")
    if max(abs(low), abs(high), high - low) >= _INT64:
        raise UsageError(f"lags from {low} to {high} ps do not fit 64 bits; the longest is {_INT64 - 1} ps (106 days)")
    if high <= low:
        given = "max_lag must be positive" if min_lag is None else f"max_lag must be above min_lag = {low} ps"
        raise UsageError(f"max_lag is {high} ps; {given}")
    if (high - low) % width:
        raise UsageError(
            f"the window from {low} to {high} ps is no whole number of bins of {width} ps; "
            f"nearest: max_lag = {' or '.join(f'{lag} ps' for lag in _nearest(width, low, high, min_lag is None))}"
        )
    found = Window(width, low, high)
    if found.bins > _MOST_BINS:
        raise UsageError(
            f"{found.bins} bins of {width} ps from {low} to {high} ps take {found.bins * 8 / 2**30:.3g} GiB; the most "
            f"is {_MOST_BINS} bins ({_MOST_BINS * 8 // 2**30} GiB). Take wider bins, or log_correlate for long lags"
        )
    return found


def _nearest(width: int, low: int, high: int, symmetric: bool) -> list[int]:
    step, origin = (width // math.gcd(width, 2), 0) if symmetric else (width, low)
    below = origin + (high - origin) // step * step
    return [lag for lag in (below, below + step) if lag > origin]


def times(values: object, name: str) -> Times:
    """Return one channel's tags as a contiguous array; nothing is copied that need not be.

    Raises:
        UsageError: not one-dimensional, or another type than int64.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise UsageError(f"{name} has {array.ndim} dimensions; tags are one-dimensional int64 ps")
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind == "f":
        raise UsageError(
            f"{name}: tags are int64 ps; got {array.dtype} from {array[0]:g} to {array[-1]:g}. "
            f"If these are seconds, convert with np.rint({name} * 1e12).astype(np.int64)"
        )
    if array.dtype != np.int64:
        raise UsageError(f"{name}: tags are int64 ps; got {array.dtype}, convert with {name}.astype(np.int64)")
    return np.ascontiguousarray(array)


def range_fits(starts: Times, stops: Times, lags: Window) -> None:
    """Refuse sorted streams whose differences, or edges of windows, leave 64 bits.

    Raises:
        UsageError: they do.
    """
    first, last = int(starts[0]), int(starts[-1])
    reaches = (
        *(
            edge + lag
            for edge in (first, last, int(stops[0]), int(stops[-1]))
            for lag in (lags.low, lags.high, -lags.low)
        ),
        int(stops[-1]) - first - lags.low,
        int(stops[0]) - last - lags.low,
    )
    if not all(-_INT64 <= reach < _INT64 - 1 for reach in reaches):
        raise UsageError(
            f"tags from {min(first, int(stops[0]))} to {max(last, int(stops[-1]))} ps with lags from {lags.low} to "
            f"{lags.high} ps leave 64 bits; subtract the first time from all of them"
        )


def channel(value: object, name: str) -> int:
    """Return a detector input's number.

    Raises:
        UsageError: not a whole number from 0 to 255.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= int(value) <= 255:
        raise UsageError(f"{name} is {value!r}; a channel is a whole number from 0 to 255, as in tags.channels")
    return int(value)


def disorder(times: Times, name: str, advice: str) -> UsageError:
    """Return the error that names the first tag which comes before its predecessor."""
    index = 1 + int(np.argmax(times[1:] < times[:-1]))
    return UsageError(
        f"{name} is not sorted: tag {index} at {times[index]} ps comes after tag {index - 1} at "
        f"{times[index - 1]} ps; {advice}"
    )
