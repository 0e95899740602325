"""One measurement of the simulated MultiHarp: which events the device registers, and why it stops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._harp_constants import THROUGHPUT, MeasMode
from .inputs import Inputs
from .laboratory import Laboratory
from .stream import LONGEST, PS, Piece, Stream

RUNNING = "Unknown"
"""What `StopReason` says before the end."""
_NO_DEAD_TIME = 800
"""ps: a dead time up to here is none."""


@dataclass(frozen=True, eq=False)
class Registered:
    """Events of one interval as the device has them. Times are ps since the start of the measurement."""

    stop: int
    """ps; complete up to here."""
    times: NDArray[np.int64]
    channels: NDArray[np.uint8]
    """Inputs, counted from 0."""
    syncs: NDArray[np.int64]
    """Arrival of the laser pulses in ps; empty in T3 mode, whose records do not hold them."""
    pulses: NDArray[np.int64]
    """T3: the number of the last pulse before each event."""
    delays: NDArray[np.float64]
    """T3: ps after that pulse."""
    last_pulse: int
    """T3: number of the last pulse of the interval."""


class Run:
    """A measurement from its start; it follows the clock when it is asked.

    Args:
        laboratory: where the events happen.
        config: `deviceConfig`; read while the measurement runs.
        milliseconds: length; 0 until stopped.
    """

    def __init__(self, laboratory: Laboratory, config: Mapping[str, Any], milliseconds: int) -> None:
        self._config, self._faults = config, laboratory.bay.faults
        self._stream = Stream(laboratory)
        self._clock = laboratory.clock
        self._end = self._stream.origin + milliseconds / 1000 if milliseconds else float("inf")
        self._inputs = Inputs()
        self._upto = 0
        self._is_t2 = config["MeasMode"] == MeasMode.T2.value
        self.milliseconds = milliseconds
        self.reason = RUNNING
        self.records = 0

    @property
    def finished(self) -> bool:
        """Whether the measurement has ended, as of the last `advance`."""
        return self.reason != RUNNING

    @property
    def stopped_after(self) -> float:
        """Length in ms so far."""
        return self._upto * 1e-9

    def advance(self) -> Iterator[Registered]:
        """Yield what the device has registered since the last call, until now or the end of the measurement."""
        if self.reason != RUNNING:
            return
        for piece in self._stream.fetch(min(self._clock.now(), self._end)):
            found = self._register(piece)
            self._upto = found.stop
            yield found
            if self.reason != RUNNING:
                return
        if self._stream.cut:
            self.reason = "DataXferFail"
        elif self._stream.position >= self._end:
            self.reason = "TimeOver"

    def finish(self) -> Iterator[Registered]:
        """Let the clock pass until the end of the measurement and yield what is registered."""
        while not self.finished:
            self._clock.sleep(min(LONGEST, max(0.0, self._end - self._clock.now())))
            yield from self.advance()

    def stop(self) -> None:
        """End the measurement now."""
        if not self.finished:
            self.reason = "Manual"

    def _register(self, piece: Piece) -> Registered:
        piece = self._inputs_of(piece)
        config, period = self._config, piece.period
        phase = piece.phase + config["SyncChannelOffset"]
        syncs = np.empty(0, np.int64)
        pulses, delays, last = np.empty(0, np.int64), np.empty(0), 0
        if self._is_t2:
            if config["SyncChannelEnable"]:
                syncs = replace(piece, phase=phase).pulses()
        elif not period:
            self.reason = "SyncLost"
            piece = piece.of([])
        else:
            numbers = np.floor((piece.times - phase) / period)
            piece = replace(piece, times=piece.times[numbers >= 0], channels=piece.channels[numbers >= 0])
            pulses = numbers[numbers >= 0].astype(np.int64)
            delays = piece.times - phase - pulses * period
            last = max(0, int((piece.stop - phase) // period))
        found = Registered(piece.stop, piece.times, piece.channels, syncs, pulses, delays, last)
        return self._transferred(found, piece)

    def _inputs_of(self, piece: Piece) -> Piece:
        """Apply what is set for the inputs: enabled, delay, dead time."""
        settings = self._config["ChansCfg"]
        piece = piece.of([index for index, one in enumerate(settings) if one["ChanEna"]])
        delays = {index: int(one["ChanOffs"]) for index, one in enumerate(settings)}
        dead = {index: int(one["DeadTime"]) for index, one in enumerate(settings) if one["DeadTime"] > _NO_DEAD_TIME}
        return self._inputs.apply(piece, delays, dead)

    def _transferred(self, found: Registered, piece: Piece) -> Registered:
        """Stop the measurement where more arrives than can be transferred; what came too late is lost."""
        limit = THROUGHPUT if self._faults.throughput is None else self._faults.throughput
        allowed = limit * (piece.stop - piece.start) / PS
        events = len(found.times) + len(found.syncs)
        if events <= allowed and not piece.overflow:
            return found
        self.reason = "FiFoOverrun"
        share = 0.5 if piece.overflow else allowed / events
        stop = piece.start + int(share * (piece.stop - piece.start))
        kept = found.times < stop
        return Registered(
            stop, found.times[kept], found.channels[kept], found.syncs[found.syncs < stop],
            found.pulses[kept[: len(found.pulses)]], found.delays[kept[: len(found.delays)]], found.last_pulse,
        )  # fmt: skip
