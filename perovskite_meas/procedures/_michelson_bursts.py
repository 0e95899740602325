"""One burst of a Michelson scan: the fine axis runs over some fringes while photons are counted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.roles import Clock, DelayLine, PhotonCounter, WiredTagger
from perovskite_meas.photons.ramps import fold_sweeps, ramp_cycles

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Burst:
    """What one burst counted, by sweep and point."""

    counts: Floats
    """Signal photons, shape (sweeps, points)."""
    monitor: Floats
    """Monitor photons; zeros where there is no monitor."""
    starts: Floats
    """s from the start of the burst, shape (sweeps,)."""
    exposure: float
    """s per point and sweep."""
    times: Floats
    """s from the start of a cycle: middle of each point, shape (points,)."""
    positions: Floats
    """um of mirror travel from the middle of the fine axis, shape (points,)."""
    blank: bool = False
    """Whether nothing at all was recorded, as in a dry run."""


@dataclass(frozen=True)
class Shape:
    """How the fine axis runs during a burst."""

    travel: float
    """um of mirror travel."""
    points: int
    dwell: float
    """s per point."""
    back: float
    """s of the way back."""


class Recorder(Protocol):
    """Takes bursts."""

    def take(self, light: AbstractContextManager[object], sweeps: int, mark: int) -> Burst:
        """Take one burst with `light` on while photons are counted; `mark` names it in the raw tags."""


class Streamed:
    """The controller of the fine axis runs one ramp again and again, and the tagger hears the start of every cycle.

    Args:
        delay: whose fine axis runs.
        tagger: with the inputs 'signal' and 'trigger', and perhaps 'monitor'.
        clock: of the bench.
        shape: of the ramp.
    """

    def __init__(self, delay: DelayLine, tagger: WiredTagger, clock: Clock, shape: Shape) -> None:
        self._delay, self._tagger, self._clock, self._shape = delay, tagger, clock, shape
        self._inputs = tagger.inputs()
        self._heard = False

    def take(self, light: AbstractContextManager[object], sweeps: int, mark: int) -> Burst:
        """Record whole cycles and one more, because the recording begins anywhere in a cycle.

        Raises:
            HardwareFault: the triggers tell no cycles, or nothing was recorded where something was before.
        """
        shape = self._shape
        points = shape.points
        with self._delay.ramping(shape.travel, points * shape.dwell, shape.back) as ramp:
            # The first cycle after a start from rest is bent; it passes in the dark.
            self._clock.sleep(ramp.period)
            with light:
                tags = self._tagger.acquire((sweeps + 1) * ramp.period, mark)
            times = (np.arange(points) + 0.5) * ramp.forward / points
            positions = np.asarray(ramp.positions(times), np.float64)
            period, forward = ramp.period, ramp.forward
        if not len(tags):
            # In a dry run nothing is recorded; on a table even a dark recording holds triggers.
            if self._heard:
                raise HardwareFault(
                    "the tagger recorded nothing at all, not even a trigger, where it did before: check its clock, "
                    "its inputs and the controller of the fine axis"
                )
            starts, none = period * np.arange(sweeps, dtype=np.float64), np.zeros((sweeps, points))
            return Burst(none, none, starts, forward / points, times, positions, blank=True)
        self._heard = True
        begun = ramp_cycles(tags, self._inputs["trigger"], period, forward, sweeps).starts
        signal, monitor = (
            fold_sweeps(tags, self._inputs[use], begun, forward, points).astype(np.float64)
            if use in self._inputs
            else np.zeros((len(begun), points))
            for use in ("signal", "monitor")
        )
        return Burst(signal, monitor, begun.astype(np.float64) * 1e-12, forward / points, times, positions)


class Stepped:
    """Software sets the fine axis and counts, point by point, in one slow sweep.

    Args:
        delay: whose fine axis steps.
        tagger: counts signal and monitor; None to use the counter.
        counter: counts the signal where there is no tagger.
        clock: of the bench.
        shape: of the sweep.
    """

    def __init__(
        self, delay: DelayLine, tagger: WiredTagger | None, counter: PhotonCounter | None, clock: Clock, shape: Shape
    ) -> None:
        self._delay, self._tagger, self._counter = delay, tagger, counter
        self._clock, self._shape = clock, shape

    def take(self, light: AbstractContextManager[object], sweeps: int, mark: int) -> Burst:
        """Step once over the travel, upwards; the number of sweeps is 1 whatever was asked for."""
        shape = self._shape
        places = ((np.arange(shape.points) + 0.5) / shape.points - 0.5) * shape.travel
        counted = np.zeros((4, shape.points))
        try:
            # From beyond the end, so that every point is reached from the same side.
            self._delay.fine_to(-shape.travel / 2)
            self._delay.fine_to(float(places[0]))
            begun = self._clock.now()
            with light:
                for index, place in enumerate(places):
                    reading = self._delay.fine_to(float(place))
                    since = self._clock.now() - begun
                    signal, monitor, live = self._count(mark)
                    counted[:, index] = signal, monitor, since + live / 2, reading.fine
        finally:
            self._delay.fine_to(0.0)
        counts, other, times, positions = counted
        blank = not np.any(counted[:2] > 0)
        return Burst(counts[None], other[None], np.zeros(1), live, times, positions, blank)

    def _count(self, mark: int) -> tuple[float, float, float]:
        """Return signal, monitor and the counting time in s."""
        if self._tagger is not None:
            tags = self._tagger.acquire(self._shape.dwell, mark)
            inputs = self._tagger.inputs()
            signal, monitor = (
                float(np.count_nonzero(tags.channels == inputs[use])) if use in inputs else 0.0
                for use in ("signal", "monitor")
            )
            return signal, monitor, tags.duration * 1e-12
        if self._counter is None:
            raise HardwareFault("there is neither a tagger nor a counter to count with")
        counted = self._counter.count(self._shape.dwell)
        return counted.counts, 0.0, counted.live_time
