"""A fast, repeated ramp of a fine axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .units import show


@dataclass(frozen=True)
class Ramp:
    """From `low` linearly to `high` in `forward` s and back in `back` s, again and again until it is stopped.

    Attributes:
        low: begin of the forward part, in the axis's own unit (um, or V).
        high: its end; always above `low`.
        forward: s.
        back: s of the return, whose readings nobody uses.
    """

    low: float
    high: float
    forward: float
    back: float

    def __post_init__(self) -> None:
        if not (self.high > self.low and self.forward > 0 and self.back > 0):
            raise UsageError(
                f"a ramp goes up from low to high and takes its time both ways; got {self.low:g} to {self.high:g} in "
                f"{show(self.forward, 's')} and back in {show(self.back, 's')}"
            )

    @property
    def period(self) -> float:
        """Seconds of one cycle."""
        return self.forward + self.back

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the commanded position at these times since a cycle's start, shape as given."""
        phase = np.mod(seconds, self.period)
        up = self.low + (self.high - self.low) * phase / self.forward
        down = self.high - (self.high - self.low) * (phase - self.forward) / self.back
        return np.where(phase <= self.forward, up, down)


class RampRecord(NamedTuple):
    """Where the axis really was while it ran a ramp, as its controller recorded it."""

    times: NDArray[np.float64]
    """s since the ramp started, rising."""
    positions: NDArray[np.float64]
    """In the axis's own unit."""
