"""Tags themselves, and measurements that run together. Source: Time Tagger 2.22.6, classes of these names."""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._swabian_device import TimeTaggerBase
from ._swabian_hub import OVERFLOW_BEGIN, OVERFLOW_END
from ._swabian_iterators import IteratorBase

_TAG = np.dtype({"names": ["type", "missed_events", "channel", "time"], "formats": ["u1", "<u2", "<i4", "<i8"],
                 "offsets": [0, 2, 4, 8], "itemsize": 16})  # fmt: skip


class TimeTagStreamBuffer:
    """Tags between two calls of `getData`."""

    def __init__(self, tags: NDArray[Any], start: int, now: int) -> None:
        self._tags, self.tStart, self.tGetData = tags, start, now
        self.size = len(tags)
        self.hasOverflows = bool(np.isin(tags["type"], (OVERFLOW_BEGIN, OVERFLOW_END)).any())

    def getTimestamps(self) -> NDArray[np.int64]:
        """Return the times in ps since the device was opened."""
        return self._tags["time"].copy()

    def getChannels(self) -> NDArray[np.int32]:
        """Return the channels."""
        return self._tags["channel"].copy()

    def getEventTypes(self) -> NDArray[np.uint8]:
        """Return what each tag is; 0 is an event."""
        return self._tags["type"].copy()

    def getMissedEvents(self) -> NDArray[np.uint16]:
        """Return how many events a tag stands for that were lost."""
        return self._tags["missed_events"].copy()


class TimeTagStream(IteratorBase):
    """Holds up to `n_max_events` tags until they are fetched; more are lost."""

    _held: list[NDArray[Any]]

    def __init__(self, tagger: TimeTaggerBase, n_max_events: int, channels: Sequence[int]) -> None:
        self._room = int(n_max_events)
        super().__init__(tagger, channels)

    def getData(self) -> TimeTagStreamBuffer:
        """Return the tags since the last call."""
        self._hub.advance()
        tags = np.concatenate([np.empty(0, _TAG), *self._held])
        self._held, self._number = [], 0
        return TimeTagStreamBuffer(tags, self._begin, self._hub.now)

    def getCounts(self) -> int:
        """Return how many tags are held."""
        self._hub.advance()
        return self._number

    def _forget(self) -> None:
        self._held, self._number = [], 0

    def _take(self, times: Any, channels: Any, types: Any, missed: Any) -> None:
        tags = _tags(times, channels, types, missed)[: self._room - self._number]
        self._held.append(tags)
        self._number += len(tags)


class FileWriter(IteratorBase):
    """Writes tags to a file as 16-byte records (type, missed events, channel, time): not the vendor's .ttbin format."""

    def __init__(self, tagger: TimeTaggerBase, filename: str, channels: Sequence[int]) -> None:
        self._path = Path(filename)
        self._path.write_bytes(b"")
        super().__init__(tagger, channels)

    def getTotalEvents(self) -> int:
        """Return how many tags were written."""
        self._hub.advance()
        return self._number

    def getTotalSize(self) -> int:
        """Return how many bytes were written."""
        return self.getTotalEvents() * _TAG.itemsize

    def _forget(self) -> None:
        self._number = 0

    def _take(self, times: Any, channels: Any, types: Any, missed: Any) -> None:
        tags = _tags(times, channels, types, missed)
        with self._path.open("ab") as file:
            file.write(tags.tobytes())
        self._number += len(tags)


class _Proxy(TimeTaggerBase):
    """A tagger whose measurements wait for the others."""

    auto_start = False

    def __init__(self, tagger: TimeTaggerBase, group: SynchronizedMeasurements) -> None:
        super().__init__(tagger.hub)
        self._group = group

    def register(self, measurement: Any) -> None:
        self._group.registerMeasurement(measurement)

    def release(self) -> None:
        """Leave the device to its owner."""


class SynchronizedMeasurements:
    """Measurements that start and stop together and see the same tags."""

    def __init__(self, tagger: TimeTaggerBase) -> None:
        self._proxy = _Proxy(tagger, self)
        self._members: list[IteratorBase] = []

    def getTagger(self) -> TimeTaggerBase:
        """Return a tagger whose measurements belong to this group."""
        return self._proxy

    def registerMeasurement(self, measurement: IteratorBase) -> None:
        """Let a measurement belong to this group."""
        if measurement not in self._members:
            self._members.append(measurement)

    def unregisterMeasurement(self, measurement: IteratorBase) -> None:
        """Let a measurement go."""
        if measurement in self._members:
            self._members.remove(measurement)

    def start(self) -> None:
        """Start all."""
        for one in self._members:
            one.start()

    def startFor(self, capture_duration: float, clear: bool = True) -> None:
        """Start all for so many ps."""
        self._proxy.hub.advance()
        for one in self._members:
            one.startFor(capture_duration, clear)

    def stop(self) -> None:
        """Stop all."""
        for one in self._members:
            one.stop()

    def clear(self) -> None:
        """Clear all."""
        for one in self._members:
            one.clear()

    def isRunning(self) -> bool:
        """Return whether any runs."""
        running = [one.isRunning() for one in self._members]
        return any(running)

    def waitUntilFinished(self, timeout: int = -1) -> bool:
        """Let time pass until all have ended; return whether they have."""
        ended = [one.waitUntilFinished(timeout) for one in self._members]
        return all(ended)


def _tags(times: Any, channels: Any, types: Any, missed: Any) -> NDArray[Any]:
    tags = np.empty(len(times), _TAG)
    tags["time"], tags["channel"], tags["type"], tags["missed_events"] = times, channels, types, missed
    return tags
