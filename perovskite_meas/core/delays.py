"""Roles around the delay of one arm of an interferometer."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .delay_scale import DelayScale


class DelayReading(NamedTuple):
    """Where a delay line stands: the delay, and the raw positions from which it follows."""

    delay: float
    """ps from zero delay, coarse and fine axis together."""
    coarse: float
    """Reading of the coarse axis, in mm."""
    fine: float
    """Mirror travel of the fine axis from the middle of its range, in um."""


class RunningRamp(Protocol):
    """A fine axis that runs to and fro until the `with` block ends."""

    @property
    def period(self) -> float:
        """Seconds of one cycle, forward and back."""

    @property
    def forward(self) -> float:
        """Seconds of the forward part, with which each cycle begins."""

    def positions(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where the mirror is at these times since a cycle's start.

        Args:
            times: s, within the forward part, shape (n,).

        Returns:
            Mirror travel from the middle of the range in um, shape (n,): the mean of the cycles that the controller
            recorded, without the first; what was commanded, where it records nothing.
        """


@runtime_checkable
class DelayLine(Protocol):
    """Delays one arm of an interferometer: a long coarse axis, and a fine one for fringes."""

    def scale(self) -> DelayScale:
        """Return what mirror travel is worth."""

    def span(self) -> tuple[float, float]:
        """Return the shortest and the longest delay that the coarse axis reaches, in ps."""

    def move_to(self, delay: float) -> DelayReading:
        """Move the coarse axis, always arriving from the same side, to a delay in ps with the fine axis at rest."""

    def read(self) -> DelayReading:
        """Return where it stands."""

    def fine_span(self) -> float:
        """Return how far the fine axis can move the mirror, in um."""

    def fine_to(self, um: float) -> DelayReading:
        """Move the fine axis by mirror travel from the middle of its range, in um, and wait until it has arrived."""

    def ramping(self, um: float, forward: float, back: float) -> AbstractContextManager[RunningRamp]:
        """Run the fine axis over `um` of mirror travel about the middle of its range for a `with` block.

        Each cycle begins with `forward` s of even motion, then comes back within `back` s. However the block ends,
        the axis stops and returns to the middle. Where the tagger has a 'trigger' input, it gets a pulse at the start
        of every cycle.
        """
