"""Records in, tags out, in stretches of any length."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.tags import Tags
from .layouts import Recording


class State(IntEnum):
    """Places in the array that the loops carry from one stretch to the next."""

    BASE = 0
    """Ticks or clock periods by the overflows so far."""
    LOST = 1
    """1 once a record said that events were lost."""
    UNDEFINED = 2
    """Number of records whose bits have no meaning."""
    SYNC_CHANNEL = 3
    """Channel that T2 sync events get; -1 to leave them out."""
    LAST_SYNC = 4
    """Ticks of the last T2 sync event."""


@dataclass(frozen=True)
class Columns:
    """Room for decoded photons; `coarse` are ticks or pulses, and `times` the same array where it needs no other."""

    times: NDArray[np.int64]
    coarse: NDArray[np.int64]
    channels: NDArray[np.uint8]
    delays: NDArray[np.int32]

    @classmethod
    def room(cls, count: int, *, pulsed: bool) -> Columns:
        """Allocate room for `count` photons."""
        times = np.empty(count, np.int64)
        coarse = np.empty(count, np.int64) if pulsed else times
        return cls(times, coarse, np.empty(count, np.uint8), np.empty(count if pulsed else 0, np.int32))

    def part(self, start: int, stop: int | None = None) -> Columns:
        """Return a view of some of it."""
        chosen = slice(start, stop)
        return Columns(self.times[chosen], self.coarse[chosen], self.channels[chosen], self.delays[chosen])


class Decoder:
    """Decode the records of one recording in their order."""

    def __init__(self, recording: Recording, sync_as_channel: int | None = None) -> None:
        # The compiler is loaded here and not on import: files are also written where nothing is decoded.
        homes = [importlib.import_module(f"{__package__}.{home}") for home in ("ptu_records", "clock_records")]
        name = recording.layout.decoder
        self._loop: Any = next(getattr(home, name) for home in homes if hasattr(home, name))
        self._pulse_times: Any = homes[1].pulse_times
        self._recording = recording
        self._state = np.zeros(len(State), np.int64)
        self._state[State.SYNC_CHANNEL] = -1 if sync_as_channel is None else sync_as_channel
        self._marks: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.uint8]] = []
        self._end = 0

    @property
    def is_pulsed(self) -> bool:
        """Whether photons have a coarse count and a delay."""
        return self._recording.layout.mode == "T3"

    @property
    def undefined(self) -> int:
        """Number of records so far whose bits have no meaning."""
        return int(self._state[State.UNDEFINED])

    @property
    def end(self) -> int:
        """Time in ps that the records so far reach."""
        return self._end

    def decode(self, records: NDArray[np.uint32], room: Columns) -> int:
        """Write the photons of these records into the room; return their number."""
        layout = self._recording.layout
        marks, values = np.empty(len(records), np.int64), np.empty(len(records), np.uint8)
        n, m = self._loop(
            records,
            self._state,
            layout.wrap,
            layout.counted,
            room.coarse,
            room.channels,
            room.delays,
            marks,
            values,
        )
        self._set_times(room.part(0, n))
        ends = [self._in_ps(self._state[[State.BASE, State.LAST_SYNC]].max(keepdims=True))]
        if m:
            self._marks.append(self._in_ps(marks[:m].copy()))
            self._values.append(values[:m].copy())
            ends.append(self._marks[-1][-1:])
        if n:
            ends.append(room.times[n - 1 : n])
        self._end = max(self._end, *(int(end[0]) for end in ends))
        return int(n)

    def tags(self, photons: Columns, duration: int) -> Tags:
        """Make tags of decoded photons and of the markers since the last call."""
        recording = self._recording
        marks, values = self._marks, self._values
        self._marks, self._values = [], []
        return Tags(
            photons.times,
            photons.channels,
            duration,
            pulses=photons.coarse if self.is_pulsed else None,
            dtimes=photons.delays if self.is_pulsed else None,
            period=recording.period,
            resolution=recording.resolution,
            marker_times=np.concatenate(marks) if marks else np.empty(0, np.int64),
            marker_values=np.concatenate(values) if values else np.empty(0, np.uint8),
            overflow=bool(recording.lost_events or self._state[State.LOST]),
        )

    def _set_times(self, photons: Columns) -> None:
        recording = self._recording
        if self.is_pulsed and recording.is_laser_clock and recording.period is not None:
            whole, rest = divmod(recording.period, 1.0)
            unit, part = divmod(recording.resolution, 1.0)
            self._pulse_times(photons.coarse, photons.delays, int(whole), rest, int(unit), part, photons.times)
        elif self.is_pulsed:
            photons.times[:] = self._in_ps(photons.coarse.copy())
        else:
            self._in_ps(photons.times)

    def _in_ps(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn ticks or clock periods into ps, in place."""
        recording = self._recording
        if self.is_pulsed and recording.is_laser_clock and recording.period is not None:
            whole, rest = divmod(recording.period, 1.0)
            rounded = np.rint(counts * rest).astype(np.int64)
            counts *= int(whole)
            counts += rounded
            return counts
        if recording.tick.numerator != 1:
            counts *= recording.tick.numerator
        if recording.tick.denominator != 1:
            counts //= recording.tick.denominator
        return counts
