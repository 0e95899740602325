"""A ramp on the grid of a wave generator that counts servo cycles."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.ramp import Ramp
from perovskite_meas.core.units import show

_POINTS = 4000
"""Wave points of a cycle at most."""
_LEAST = 10
"""Wave points of each part of a cycle at least."""
_RECORDED = 200
"""Recorded points of a cycle, about."""


class Grid(NamedTuple):
    """A ramp in whole wave points, each a whole number of servo cycles long."""

    ramp: Ramp
    """With its times rounded to wave points."""
    rate: int
    """Servo cycles of one wave point."""
    forward: int
    """Wave points of the forward part."""
    points: int
    """Wave points of a cycle."""
    record_rate: int
    """Servo cycles between two recorded points."""

    @classmethod
    def of(cls, ramp: Ramp, cycle: float) -> Self:
        """Put `ramp` on the grid of servo cycles of `cycle` s.

        Raises:
            UsageError: it is too fast.
        """
        rate = max(1, math.ceil(ramp.period / cycle / _POINTS - 1e-9))
        forward, back = (round(seconds / cycle / rate) for seconds in (ramp.forward, ramp.back))
        if min(forward, back) < _LEAST:
            raise UsageError(
                f"a ramp of {show(ramp.forward, 's')} forward and {show(ramp.back, 's')} back has fewer than {_LEAST} "
                f"points of {show(cycle * rate, 's')} in one of its parts; make that part longer"
            )
        kept = Ramp(ramp.low, ramp.high, forward * rate * cycle, back * rate * cycle)
        return cls(kept, rate, forward, forward + back, max(1, round(kept.period / cycle / _RECORDED)))

    def recorded(self, cycles: int) -> int:
        """Return how many recorded points cover so many cycles."""
        return math.ceil(self.points * self.rate * cycles / self.record_rate) + 1

    def wave(self, rounding: float) -> str:
        """Return the words of `WAV ... RAMP`: segment, height, offset, length, start, easing, top.

        Args:
            rounding: s of even acceleration at each end of both parts.
        """
        point = self.ramp.period / self.points
        easing = min(round(rounding / point), min(self.forward, self.points - self.forward) // 2)
        height = self.ramp.high - self.ramp.low
        return f"{self.points} {height:.6f} {self.ramp.low:.6f} {self.points} 0 {easing} {self.forward}"
