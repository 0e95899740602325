"""What the moving parts of the table did and when: switches, levels and turning mounts in closed form."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")

_MOST = 20_000
_FINEST = 0.25
"""deg: the light on the sample is evaluated once per such piece of a turn."""


class History(Generic[Item]):
    """Items, each of which holds from its time on until the next one's; the older half of very many is forgotten."""

    def __init__(self, start: float, first: Item) -> None:
        self._times = [start]
        self._items = [first]

    def put(self, t: float, item: Item) -> None:
        """Let `item` hold from `t` (s) on; whatever was planned for later is cancelled."""
        keep = max(1, bisect_left(self._times, t))
        del self._times[keep:], self._items[keep:]
        self._times.append(t)
        self._items.append(item)
        if len(self._times) > _MOST:
            del self._times[: _MOST // 2], self._items[: _MOST // 2]

    def at(self, t: float) -> Item:
        """Return what holds at `t`."""
        return self._items[max(0, bisect_right(self._times, t) - 1)]

    def breaks(self, t0: float, t1: float) -> list[float]:
        """Return the times of change inside (t0, t1)."""
        return self._times[bisect_right(self._times, t0) : bisect_left(self._times, t1)]

    def during(self, t0: float, t1: float) -> list[Item]:
        """Return everything that holds within [t0, t1], oldest first."""
        low = max(0, bisect_right(self._times, t0) - 1)
        return self._items[low : bisect_right(self._times, t1)]

    def pieces(self, t0: float, t1: float) -> list[tuple[float, float, Item]]:
        """Return (begin, end, item) of everything that holds within [t0, t1], oldest first."""
        edges = [t0, *self.breaks(t0, t1), t1]
        return [(low, high, self.at(low)) for low, high in pairwise(edges) if high > low]

    def slices(self, times: NDArray[np.float64]) -> list[tuple[slice, Item]]:
        """Return (which of these sorted times, item) of everything that holds at any of them, oldest first."""
        if not len(times):
            return []
        breaks = self.breaks(float(times[0]), math.nextafter(float(times[-1]), math.inf))
        if not breaks:
            return [(slice(0, len(times)), self.at(float(times[0])))]
        cuts = [0, *np.searchsorted(times, breaks, "left").tolist(), len(times)]
        return [(slice(low, high), self.at(float(times[low]))) for low, high in pairwise(cuts) if high > low]


@dataclass(frozen=True)
class Turn:
    """A mount that turns linearly from deg0 at t0 to deg1 at t1 and stays there."""

    t0: float
    deg0: float
    t1: float
    deg1: float
    play: float = 0.0
    """deg: what backlash adds to the angle of the wave plate."""

    @property
    def pieces(self) -> int:
        """Number of equal pieces in which the light is evaluated while it turns."""
        if self.t1 <= self.t0 or self.deg0 == self.deg1:
            return 0
        return max(1, math.ceil(abs(self.deg1 - self.deg0) / _FINEST))

    def angle(self, t: float) -> float:
        """Return the angle at `t`, in deg."""
        if t >= self.t1:
            return self.deg1
        if t <= self.t0:
            return self.deg0
        return self.deg0 + (self.deg1 - self.deg0) * (t - self.t0) / (self.t1 - self.t0)

    def edges(self, t0: float, t1: float) -> list[float]:
        """Return the borders of its pieces inside (t0, t1)."""
        pieces = self.pieces
        if pieces == 0 or t0 >= self.t1:
            return []
        step = (self.t1 - self.t0) / pieces
        low = max(0, math.floor((t0 - self.t0) / step))
        high = min(pieces, math.ceil((t1 - self.t0) / step))
        borders = [self.t0 + step * number for number in range(low, high + 1)]
        if high == pieces:
            borders[-1] = self.t1
        return [border for border in borders if t0 < border < t1]

    def optical_angle(self, t: float) -> float:
        """Return the wave plate's angle for light around `t`: that of the middle of the whole piece."""
        pieces = self.pieces
        if pieces == 0 or t <= self.t0 or t >= self.t1:
            return (self.deg0 if t < self.t1 and t <= self.t0 else self.deg1) + self.play
        part = min(math.floor((t - self.t0) / (self.t1 - self.t0) * pieces), pieces - 1)
        return self.deg0 + (self.deg1 - self.deg0) * (part + 0.5) / pieces + self.play
