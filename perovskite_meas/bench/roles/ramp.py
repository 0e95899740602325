"""A way from one field to another as legs, each at the rate that its segment allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Segments = Sequence[tuple[float, float]]
"""Up to which |B| in T, and the fastest rate there in T/min; rising."""
_NO_WAY = 1e-9
"""T; a shorter leg is none."""


class Leg(NamedTuple):
    """A stretch at one rate."""

    target: float
    """T."""
    rate: float
    """T/s."""
    length: float
    """T."""

    @property
    def seconds(self) -> float:
        """How long it takes, in s."""
        return self.length / self.rate


def legs(start: float, target: float, segments: Segments) -> list[Leg]:
    """Return the legs from `start` to `target`, both in T, with the rate of each segment on the way.

    Zero is passed without a stop. Beyond the last segment the slowest of all rates holds: a magnet that somebody has
    brought there must be able to come back.
    """
    if not abs(target - start) > _NO_WAY:
        return []
    sign = math.copysign(1.0, target - start)
    ends = [limit * side for limit, _ in segments for side in (-1, 1)]
    between = sorted((end for end in ends if min(start, target) < end < max(start, target)), reverse=sign < 0)
    found: list[Leg] = []
    here = start
    for end in (*between, target):
        rate = _rate(abs(here + end) / 2, segments) / 60
        length = abs(end - here)
        if found and math.isclose(found[-1].rate, rate):
            length += found.pop().length
        if length > _NO_WAY:
            found.append(Leg(end, rate, length))
        here = end
    return found


def _rate(field: float, segments: Segments) -> float:
    slowest = min(rate for _, rate in segments)
    return next((rate for limit, rate in segments if field <= limit), slowest)
