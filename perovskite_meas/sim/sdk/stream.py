"""The events that reach a time tagger, fetched from the World piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .laboratory import PORT, Laboratory

LONGEST = 0.25
"""s of one piece at most: light may change within, and memory is limited."""
PS = 1e12


@dataclass(frozen=True, eq=False)
class Piece:
    """What arrived in one interval. Times are ps since the stream's origin."""

    start: int
    """ps."""
    stop: int
    """ps; the piece is complete up to here."""
    times: NDArray[np.int64]
    """ps, sorted."""
    channels: NDArray[np.uint8]
    """Detectors, counted from 0."""
    phase: float
    """ps: arrival of laser pulse 0, the first one at or after the origin."""
    period: float
    """ps; 0 without a laser on the sync input."""
    overflow: bool = False
    """Whether the device's buffer ran over in this piece."""

    def pulses(self) -> NDArray[np.int64]:
        """Return the arrival times in ps of the laser pulses within the piece."""
        if not self.period:
            return np.empty(0, np.int64)
        first, last = (np.ceil((edge - self.phase) / self.period) for edge in (self.start, self.stop))
        numbers = np.arange(max(0, first), last)
        return np.rint(self.phase + numbers * self.period).astype(np.int64)

    def of(self, channels: list[int]) -> Piece:
        """Return the piece with these detectors alone."""
        kept = np.isin(self.channels, channels)
        return replace(self, times=self.times[kept], channels=self.channels[kept])


class Stream:
    """The events from the moment at which it is made; nothing comes after the World was replaced or the plug pulled.

    Args:
        laboratory: where the events happen.
    """

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._world = laboratory.world
        self._faults = laboratory.bay.faults
        self._until: float = self._world.clock.now()
        self.origin: float = self._until
        self._phase: float | None = None

    @property
    def position(self) -> float:
        """Clock time in s up to which events were fetched."""
        return self._until

    @property
    def cut(self) -> bool:
        """Whether the line to the device is dead."""
        return self._faults.unplugged or self._laboratory.world is not self._world

    def skip(self) -> None:
        """Forget what happened since the last piece."""
        self._until = max(self._until, self._world.clock.now())

    def fetch(self, until: float) -> Iterator[Piece]:
        """Yield the pieces up to the clock time `until` in s, but not beyond now."""
        until = min(until, self._world.clock.now())
        while not self.cut and self._until < until:
            stop = min(until, self._until + LONGEST)
            strikes = self._faults.due(stop)
            if strikes is not None:
                stop = min(stop, max(strikes, self._until))
            if stop > self._until:
                yield self._record(self._until, stop)
                self._until = stop
            self._faults.strike(stop)

    def _record(self, start: float, stop: float) -> Piece:
        events: Any = self._world.port(PORT).record(start, stop)
        offset, end = (round((moment - self.origin) * PS) for moment in (start, stop))
        times = offset + np.asarray(events.times, np.int64)
        channels = np.asarray(events.channels, np.uint8)
        period = float(events.period)
        if self._phase is None:
            self._phase = _phase(events, offset) % period if period else 0.0
        piece = Piece(offset, end, times, channels, self._phase, 0.0 if self._faults.sync_lost else period)
        if self._faults.dead:
            alive = set(np.unique(channels).tolist()) - self._faults.dead
            piece = piece.of(sorted(alive))
        return replace(piece, overflow=True) if self._faults.take_overflow() else piece


def _phase(events: Any, offset: int) -> float:
    """Return the arrival in ps of the first laser pulse of a record that starts at `offset` ps."""
    if events.sync is None or not len(events.times):
        return float(offset)
    return offset + float(np.median(events.times - events.delay - events.sync * events.period))
