"""Which loop counts the pairs of a window, on how many threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from ...core.tags import Channels, Times
from .bins import factors
from .merged import screen
from .scan import LONGEST, scan
from .walk import in_order, walk


class Lags(Protocol):
    """Window of a correlation, in ps."""

    @property
    def width(self) -> int:
        """Bin width."""

    @property
    def low(self) -> int:
        """First lag."""

    @property
    def high(self) -> int:
        """End of the lags; itself outside."""


ORDERS = 64
_FEW_PARTNERS = 4.0
_UNEVEN = 32
_SHORT = 512
_SPARSE = 0.45


def separate_method(starts: Times, stops: Times, span: int) -> str:
    """Return the quickest loop for two streams: "walk", "orders" or "loops"; measured crossovers.

    Neither stream is empty; times and the length `span` of the window are in ps.
    """
    if len(stops) > _UNEVEN * len(starts) or max(len(starts), len(stops)) > LONGEST:
        return "walk"
    partners = span * len(stops) / max(1, int(stops[-1]) - int(stops[0]))
    return "orders" if partners < _FEW_PARTNERS else "loops"


def is_sparse(times: Times, reach: int) -> bool:
    """Return whether few tags of a merged stream are followed by another one within `reach` ps."""
    return len(times) > 1 and len(times) * reach < _SPARSE * max(1, int(times[-1]) - int(times[0]))


def count_separate(
    starts: Times, stops: Times, lags: Lags, counts: Times, *, method: str = "", threads: int = 1
) -> bool:
    """Add the pairs of two streams, low <= stop - start < high, to `counts`.

    Returns:
        Whether both streams are in order; where they are not, the counts mean nothing.
    """
    if not len(starts) or not len(stops):
        return all(in_order(times, 0, len(times)) for times in (starts, stops))
    span, low = lags.high - lags.low, lags.low
    method = method or separate_method(starts, stops, span)
    orders = ORDERS if method == "orders" else 0
    numbers = (np.uint64(span), *factors(lags.width, span))

    def walked(first: int, last: int, mine: Times) -> bool:
        partner = int(np.searchsorted(stops, int(starts[first]) + low))
        walk(starts, stops, first, last, partner, low, *numbers, mine)
        return True

    def scanned(first: int, last: int, mine: Times) -> bool:
        return bool(scan(starts, stops, first, last, orders, low, *numbers, mine))

    if method != "walk":
        return _shared(scanned, len(starts), counts, threads)
    if not all(in_order(times, 0, len(times)) for times in (starts, stops)):
        return False
    return _shared(walked, len(starts), counts, threads)


def count_merged(
    times: Times, channels: Channels, pair: tuple[int, int], lags: Lags, counts: Times, *, threads: int = 1
) -> bool:
    """Add the pairs of two different channels of a merged stream, low <= t[pair[1]] - t[pair[0]] < high, to `counts`.

    Returns:
        Whether the stream is in order; where it is not, the counts mean nothing.
    """
    span = lags.high - lags.low
    numbers = (np.uint64(span), *factors(lags.width, span))
    start, stop = (np.uint8(channel) for channel in pair)

    def screened(first: int, last: int, mine: Times) -> bool:
        return bool(screen(times, channels, first, last, start, stop, lags.low, *numbers, mine))

    return _shared(screened, len(times), counts, threads)


def _shared(part: Callable[[int, int, Times], bool], length: int, counts: Times, threads: int) -> bool:
    """Cut the starts among threads, each with counts of its own."""
    threads = max(1, min(threads, length // _SHORT))
    if threads == 1:
        return part(0, length, counts)
    cuts = [length * number // threads for number in range(threads + 1)]
    own = [np.zeros_like(counts) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        ordered = all(list(pool.map(part, cuts[:-1], cuts[1:], own)))
    for mine in own:
        counts += mine
    return ordered
