"""The tag stream of the simulated Time Tagger, dealt out to all measurements that run.

Source: Time Tagger documentation, "Conditional Filter": a trigger opens the gate for exactly the next event of a
filtered channel; delays set in hardware come before the filter.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .inputs import Inputs
from .laboratory import Laboratory
from .stream import PS, Piece, Stream

SYNC = 8
"""Channel that the laser's pulses are wired to; detectors are wired to 1, 2, ..."""
CHANNELS = 18
FIRST_VIRTUAL = 1001
DEAD_TIME = 2000
"""ps of every channel at least."""
THROUGHPUT = 65e6
"""Tags per second that reach the computer."""
_MOST_MISSED = 65535
"""Events that one tag can say were lost."""
TIME_TAG, OVERFLOW_BEGIN, OVERFLOW_END, MISSED = 0, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Batch:
    """Tags of one interval, in order. Times are ps since the device was opened."""

    start: int
    stop: int
    times: NDArray[np.int64]
    channels: NDArray[np.int32]
    types: NDArray[np.uint8]
    missed: NDArray[np.uint16]


class Listener(Protocol):
    """A measurement."""

    running: bool
    channels: tuple[int, ...]

    def feed(self, batch: Batch) -> None:
        """Take in the next tags."""


class Hub:
    """Fetches the stream while a measurement runs, and gives every one the same tags.

    Attributes:
        delays: ps by channel.
        dead_times: ps by channel.
        trigger, filtered: channels of the conditional filter.
        unions: virtual channels that repeat the tags of others.
        overflows: how often tags were lost.
    """

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self.clock = laboratory.clock
        self.delays: dict[int, int] = {}
        self.dead_times: dict[int, int] = {}
        self.trigger: tuple[int, ...] = ()
        self.filtered: tuple[int, ...] = ()
        self.unions: dict[int, tuple[int, ...]] = {}
        self.overflows = 0
        self._stream = Stream(laboratory)
        self._inputs = Inputs()
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
        self._passing: NDArray[np.int64] = np.empty(0, np.int64)

    @property
    def now(self) -> int:
        """Position of the stream in ps."""
        return round((self._stream.position - self._stream.origin) * PS)

    @property
    def cut(self) -> bool:
        """Whether the line to the device is dead."""
        return self._stream.cut

    def add(self, listener: Listener) -> None:
        """Let a measurement have the tags while it runs."""
        self._listeners.add(listener)

    def advance(self) -> None:
        """Deal out what has arrived until now."""
        running = [one for one in self._listeners if one.running]
        if not running:
            self._stream.skip()
            self._inputs, self._passing = Inputs(), np.empty(0, np.int64)
            return
        wanted = {channel for one in running for channel in one.channels}
        wanted |= {source for channel in wanted for source in self.unions.get(channel, ())}
        for piece in self._stream.fetch(self.clock.now()):
            batch = self._batch(piece, wanted)
            for one in running:
                if one.running:
                    one.feed(batch)

    def _batch(self, piece: Piece, wanted: Collection[int]) -> Batch:
        delays = {channel - 1: delay for channel, delay in self.delays.items() if channel != SYNC}
        dead = {channel - 1: time for channel, time in self.dead_times.items() if time > DEAD_TIME}
        piece = self._inputs.apply(piece, delays, dead)
        syncs = self._syncs(piece) if SYNC in wanted else np.empty(0, np.int64)
        photons = np.isin(piece.channels, [channel - 1 for channel in wanted])
        times = np.concatenate([piece.times[photons], syncs])
        channels = np.concatenate([piece.channels[photons].astype(np.int32) + 1, np.full(len(syncs), SYNC, np.int32)])
        for channel in sorted(set(wanted) & set(self.unions)):
            again = np.isin(channels, self.unions[channel])
            times = np.concatenate([times, times[again]])
            channels = np.concatenate([channels, np.full(int(again.sum()), channel, np.int32)])
        order = np.argsort(times, kind="stable")
        plain = Batch(
            piece.start, piece.stop, times[order], channels[order],
            np.zeros(len(times), np.uint8), np.zeros(len(times), np.uint16),
        )  # fmt: skip
        return self._transferred(plain, overflow=piece.overflow)

    def _syncs(self, piece: Piece) -> NDArray[np.int64]:
        """Return the arrival of the laser's pulses that pass the filter."""
        phase = piece.phase + self.delays.get(SYNC, 0)
        shifted = Piece(piece.start, piece.stop, piece.times, piece.channels, phase, piece.period)
        if SYNC not in self.filtered:
            return shifted.pulses()
        if not piece.period:
            return np.empty(0, np.int64)
        triggers = piece.times[np.isin(piece.channels, [channel - 1 for channel in self.trigger])]
        numbers = np.unique(
            np.concatenate([self._passing, np.ceil((triggers - phase) / piece.period).astype(np.int64)])
        )
        times = np.rint(phase + numbers * piece.period).astype(np.int64)
        self._passing = numbers[times >= piece.stop]
        return times[times < piece.stop]

    def _transferred(self, batch: Batch, *, overflow: bool) -> Batch:
        """Lose what is too much to transfer, and say so in the stream."""
        limit = self.laboratory.bay.faults.throughput
        allowed = int((THROUGHPUT if limit is None else limit) * (batch.stop - batch.start) / PS)
        if len(batch.times) <= allowed and not overflow:
            return batch
        self.overflows += 1
        kept = min(allowed, len(batch.times) // 2 if overflow else allowed)
        lost, counts = np.unique(batch.channels[kept:], return_counts=True)
        begin = int(batch.times[kept]) if kept < len(batch.times) else batch.stop - 1
        marks = [(begin, 0, OVERFLOW_BEGIN, 0)]
        marks += [
            (batch.stop - 1, int(channel), MISSED, min(_MOST_MISSED, int(count) - said))
            for channel, count in zip(lost, counts, strict=True)
            for said in range(0, int(count), _MOST_MISSED)
        ]
        marks += [(batch.stop - 1, 0, OVERFLOW_END, 0)]
        times, channels, types, missed = zip(*marks, strict=True)
        return Batch(
            batch.start, batch.stop,
            np.append(batch.times[:kept], np.array(times, np.int64)),
            np.append(batch.channels[:kept], np.array(channels, np.int32)),
            np.append(batch.types[:kept], np.array(types, np.uint8)),
            np.append(batch.missed[:kept], np.array(missed, np.uint16)),
        )  # fmt: skip
