"""Files of 32-bit records after a header: all formats but HDF5."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UsageError
from ...core.tags import Tags
from .decoding import Columns, Decoder
from .errors import TagFileWarning
from .layouts import Recording
from .tag_file import TagFile

BYTES = 4
STRETCH = 2**18
"""Records decoded at once when the whole file is read: they and their photons stay in the processor's cache."""


class RecordFile(TagFile):
    """A file of 32-bit records.

    Raises:
        UsageError: if sync events are asked of a recording that has none.
    """

    def __init__(self, recording: Recording, sync_as_channel: int | None = None) -> None:
        if sync_as_channel is not None:
            _check_sync(recording, sync_as_channel)
        self.path = recording.path
        self.format = recording.format
        self.kind = recording.layout.mode
        self.period = recording.period
        self.resolution = recording.resolution
        self.header = recording.header
        self._recording = recording
        self._sync_as_channel = sync_as_channel
        self._count, self._is_intact = _count_records(recording)
        # Last: a warning that somebody turned into an error must leave nothing open.
        self._file = recording.path.open("rb", buffering=0)
        self._end: int | None = None

    @property
    def records(self) -> int:
        """Number of records, overflows included."""
        return self._count

    @property
    def duration(self) -> int:
        """Length of the recording in ps: by the header, at least up to the last event once the file was read."""
        stated = self._recording.duration if self._is_intact else 0
        if not stated and self._end is None:
            for _ in self._chunks(STRETCH):
                pass
        return max(stated, self._end or 0)

    def read(self) -> Tags:
        """Read the whole file."""
        decoder = Decoder(self._recording, self._sync_as_channel)
        room = Columns.room(self._count, pulsed=decoder.is_pulsed)
        filled = 0
        for records in self._stretches(STRETCH):
            filled += decoder.decode(records, room.part(filled))
        self._finish(decoder)
        return decoder.tags(room.part(0, filled), self.duration)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _chunks(self, records: int) -> Iterator[Tags]:
        decoder = Decoder(self._recording, self._sync_as_channel)
        left = self._count
        for stretch in self._stretches(records):
            room = Columns.room(len(stretch), pulsed=decoder.is_pulsed)
            filled = 0
            for start in range(0, len(stretch), STRETCH):
                filled += decoder.decode(stretch[start : start + STRETCH], room.part(filled))
            left -= len(stretch)
            if left == 0:
                self._finish(decoder)
            yield decoder.tags(room.part(0, filled), self.duration if left == 0 else decoder.end)
        if self._count == 0:
            self._finish(decoder)

    def _stretches(self, records: int) -> Iterator[NDArray[np.uint32]]:
        """Read records into one buffer, again and again: mapped pages would count as memory of the process."""
        if self._file.closed:
            raise UsageError(f"{self.path.name} was closed; open it again to read it")
        buffer = np.empty(min(records, self._count), "<u4")
        position = self._recording.offset
        left = self._count
        while left:
            wanted = min(left, len(buffer))
            # Each stretch seeks, so that several loops over one open file do not disturb each other.
            self._file.seek(position)
            got = self._file.readinto(buffer[:wanted].view(np.uint8).data) // BYTES
            if got == 0:
                _warn(f"{self.path.name}: the file became shorter while it was read; {left} records are missing")
                self._count -= left
                return
            yield buffer[:got]
            position += got * BYTES
            left -= got

    def _finish(self, decoder: Decoder) -> None:
        self._end = decoder.end
        if decoder.undefined:
            _warn(
                f"{self.path.name}: {decoder.undefined} of {self._count} records have no meaning in the format "
                f"{self.format} {self.kind} and were left out; the file is damaged or its header names a wrong recorder"
            )


def _check_sync(recording: Recording, channel: int) -> None:
    if not recording.layout.has_sync_events:
        raise UsageError(
            f"{recording.path.name}: sync_as_channel={channel} asks for sync events, but a recording by "
            f"{recording.format} in {recording.layout.mode} mode has none; leave sync_as_channel out"
        )
    if not 0 <= channel <= 255:
        raise UsageError(f"sync_as_channel is {channel}; channels go from 0 to 255")


def _count_records(recording: Recording) -> tuple[int, bool]:
    """Return how many whole records there are, and whether that is what the header promises."""
    name, promised = recording.path.name, recording.promised
    there, rest = divmod(max(recording.path.stat().st_size - recording.offset, 0), BYTES)
    if promised is not None and promised > there:
        _warn(
            f"{name}: the header promises {promised} records, but the file holds {there}: the recording was cut; "
            f"the {there} records are used"
        )
        return there, False
    if not promised:
        if promised == 0 and there:
            _warn(f"{name}: the header promises no records (recording aborted?); the {there} records found are used")
        if rest:
            _warn(f"{name}: the last record is cut ({rest} of {BYTES} bytes) and is left out")
        return there, promised == there
    if there > promised or rest:
        extra = (there - promised) * BYTES + rest
        unit = "byte" if extra == 1 else "bytes"
        _warn(f"{name}: {extra} {unit} after the {promised} records that the header promises are left out")
    return promised, True


def _warn(text: str) -> None:
    warnings.warn(text, TagFileWarning, stacklevel=3)
