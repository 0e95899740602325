"""From mirror travel to optical delay and back."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UsageError

LIGHT = 0.299792458
"""Speed of light in vacuum: mm/ps, and um/fs."""


@dataclass(frozen=True)
class DelayScale:
    """What one mm of mirror travel is worth.

    tau = sense x passes x n x dx / c: a mirror that is met head-on folds the path, so that light passes the travel
    twice (METHODS 4.14).

    Attributes:
        passes: how often the light passes the travel.
        air_index: refractive index of what it passes through.
        sense: +1 where a growing position makes the delay grow, -1 where it shrinks.
    """

    passes: int = 2
    air_index: float = 1.00027
    sense: int = 1

    def __post_init__(self) -> None:
        if self.passes < 1 or not 1.0 <= self.air_index < 1.1 or self.sense not in (1, -1):
            raise UsageError(
                f"a delay line with passes = {self.passes}, air_index = {self.air_index}, sense = {self.sense} makes "
                "no sense: passes from 1 up, air_index from 1 to 1.1 (1.00027 in air), sense 1 or -1"
            )

    @property
    def per_length(self) -> float:
        """Delay per mirror travel: ps/mm, and fs/um; negative where `sense` is."""
        return self.sense * self.passes * self.air_index / LIGHT

    def delay(self, travel: float) -> float:
        """Return the delay of a travel: ps for mm, fs for um."""
        return travel * self.per_length

    def travel(self, delay: float) -> float:
        """Return the travel for a delay: mm for ps, um for fs."""
        return delay / self.per_length
