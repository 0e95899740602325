"""Write PTU files piece by piece: whatever was written can be read, even if the process is killed."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UsageError
from ...core.tags import Tags
from . import ptu_form
from .pending import PendingMarks
from .ptu_header import content_of, write_header
from .ptu_packing import MARKER, Packer
from .ptu_reader import EXACT, FIFO_OVERRUN

_PART = 2**20
"""Photons packed at once: the working memory of a write of any size stays below 100 MB."""


class PtuWriter:
    """Write a PTU file of the generic T2 or T3 kind (record types 0x00010207, 0x00010307).

    After every `write` the header says how many records there are. Times continue from one call to the next.

    Args:
        path: The new file.
        mode: "T2" (times) or "T3" (pulse numbers and delays).
        period: ps between two laser pulses; T3 needs it.
        resolution: ps per tick (T2: whole, 1 by default) or per unit of the delays (T3: by default the finest power of
            two whose 15 bits cover the period; delays beyond 15 bits of one asked for are refused by `write`).
        channels: Number of detectors.
        metadata: Further header entries; names of 1 to 31 ASCII characters, values bool, int, float or text. Names of
            PicoQuant's own tag dictionary (File_Comment, HW_Type, HW_SerialNo, ...) replace the defaults.
        overwrite: Replace a file of this name.

    Raises:
        UsageError: if these do not fit together, or the file exists.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        mode: str = "T2",
        period: float | None = None,
        resolution: float | None = None,
        channels: int = 2,
        metadata: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.mode = ptu_form.check_mode(mode)
        self.period = None if period is None else float(period)
        self.resolution = ptu_form.check_clock(self.mode, period, resolution)
        self.channels = ptu_form.check_channels(channels)
        self.records = 0
        """Records in the file."""
        self.duration = 0
        """ps that the recording reaches."""
        entries = ptu_form.header_entries(self.mode, self.period, self.resolution, self.channels, metadata or {})
        head = io.BytesIO()
        self._places = write_header(head, entries)
        if self.path.exists() and not overwrite:
            raise UsageError(f"{self.path} exists already; choose another name, or say overwrite=True")
        self._end = head.tell()
        self._packer = Packer(25 if self.mode == "T2" else 10)
        self._pending = PendingMarks()
        self._last = 0
        self._counts = np.zeros(self.channels, np.int64)
        self._lost = False
        self._file = self.path.open("wb", buffering=0)
        try:
            self._write_all(head.getvalue())
        except BaseException:
            self._file.close()
            raise

    def write(self, tags: Tags) -> None:
        """Append photons and their markers.

        Raises:
            UsageError: if they do not fit this file: mode, period, resolution, channels, or times that go back.
        """
        self._check(tags)
        counts, delays = self._counts_of(tags)
        self._pending.add_all(tags, self._in_ps(self._last))
        for start in range(0, len(tags), _PART):
            part = slice(start, start + _PART)
            self._append(counts[part], tags.channels[part], None if delays is None else delays[part])
        self._counts += np.bincount(tags.channels, minlength=self.channels)
        self._lost |= tags.overflow
        self.duration = max(self.duration, tags.duration, int(tags.times[-1]) if len(tags) else 0)
        self._put_right()

    def mark(self, value: int, time: float) -> None:
        """Set a marker (1 to 15) at a time in ps; it is written with the first photon after it, or by `flush`.

        A T3 file keeps the number of the laser pulse before it.

        Raises:
            UsageError: if the value or the time is out of range.
        """
        if time < self._in_ps(self._last):
            raise UsageError(
                f"{self.path.name}: a marker at {time} ps lies before the last event written "
                f"({self._in_ps(self._last)} ps); set markers before the photons that follow them"
            )
        self._pending.add(value, time)

    def flush(self) -> None:
        """Write the markers that wait, and bring the header up to date."""
        self._append(np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int32), everything=True)
        self._put_right()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Write all that is written in the `with` block, or nothing of it: a failure takes the file back."""
        names = ("records", "duration", "_end", "_packer", "_pending", "_last", "_counts", "_lost")
        before = {name: copy.deepcopy(getattr(self, name)) for name in names}
        try:
            yield
        except BaseException:
            vars(self).update(before)
            # What told us of the failure stays the one to be told.
            with suppress(OSError, ValueError):
                self._put_right()
            with suppress(OSError, ValueError):
                self._file.truncate(self._end)
            raise

    def close(self) -> None:
        """Flush and close the file; closing again does nothing."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def __enter__(self) -> PtuWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, tags: Tags) -> None:
        name = self.path.name
        if self._file.closed:
            raise UsageError(f"{name} was closed; nothing more can be written")
        if len(tags) and int(tags.channels.max()) >= self.channels:
            raise UsageError(f"{name}: channel {tags.channels.max()} in a file for {self.channels} channels (from 0)")
        if self.mode == "T2":
            if tags.is_pulsed:
                raise UsageError(ptu_form.NOT_T2.format(name))
            return
        if tags.pulses is None or tags.dtimes is None:
            raise UsageError(f"{name} is a T3 file, the tags are T2; write them with mode='T2'")
        if tags.period != self.period or tags.resolution != self.resolution:
            raise UsageError(
                f"{name}: the tags have period {tags.period} ps and resolution {tags.resolution} ps, the file has "
                f"{self.period} ps and {self.resolution} ps; make the writer with those of the tags"
            )
        most = 2**ptu_form.DELAY_BITS - 1
        if len(tags) and not 0 <= int(tags.dtimes.min()) <= int(tags.dtimes.max()) <= most:
            raise UsageError(
                f"{name}: delays from {tags.dtimes.min()} to {tags.dtimes.max()} units of {self.resolution:g} ps; "
                f"a T3 record holds 0 to {most}: use a coarser resolution"
            )

    def _counts_of(self, tags: Tags) -> tuple[NDArray[np.int64], NDArray[np.int32] | None]:
        if self.mode == "T3" and tags.pulses is not None:
            counts, delays = tags.pulses, tags.dtimes
        else:
            counts, delays = self._ticks(tags.times), None
        if len(counts) and (int(counts[0]) < self._last or bool(np.any(counts[1:] < counts[:-1]))):
            raise UsageError(
                f"{self.path.name}: {'times' if delays is None else 'pulses'} go back, within these tags or behind "
                f"the last event written ({self._in_ps(self._last)} ps); sort the tags by time and write them in order"
            )
        return counts, delays

    def _ticks(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        tick = int(self.resolution)
        if tick == 1:
            return times
        ticks, rest = np.divmod(times, tick)
        if rest.any():
            raise UsageError(f"{self.path.name}: times are no multiples of the resolution of {tick} ps; use 1 ps")
        return np.asarray(ticks, np.int64)

    def _in_ps(self, count: int) -> int:
        return int(count * (self.resolution if self.mode == "T2" else self.period or 0))

    def _append(
        self,
        counts: NDArray[np.int64],
        codes: NDArray[np.uint8],
        delays: NDArray[np.int32] | None,
        *,
        everything: bool = False,
    ) -> None:
        marks, values = self._pending.take(None if everything else self._in_ps(int(counts[-1]) + 1))
        if len(marks):
            unit = self.resolution if self.mode == "T2" else self.period or 1
            self.duration = max(self.duration, int(marks[-1]))
            # Half a ps more: the time of a pulse, rounded down, still means that pulse.
            mark_counts = marks if unit == 1 else np.floor((marks + 0.5) / unit).astype(np.int64)
            mark_counts = np.maximum(mark_counts, self._last)
            order = np.argsort(np.concatenate([mark_counts, counts]), kind="stable")
            counts = np.concatenate([mark_counts, counts])[order]
            codes = np.concatenate([values + np.uint8(MARKER), codes])[order]
            if delays is not None:
                delays = np.concatenate([np.zeros(len(marks), np.int32), delays])[order]
        if not len(counts):
            return
        records = self._packer.pack(counts, codes, delays if self.mode == "T3" else None)
        self._file.seek(self._end)
        self._write_all(records.tobytes())
        self._end += records.nbytes
        self.records += len(records)
        self._last = int(counts[-1])

    def _put_right(self) -> None:
        """Write what the header can only know now; the record count last, when its records are in the file."""
        seconds = self.duration * 1e-12
        rates = [0] * self.channels if not seconds else np.rint(self._counts / seconds).astype(int).tolist()
        values = {f"TTResult_InputRate[{channel}]": rate for channel, rate in enumerate(rates)}
        values |= dict.fromkeys(("MeasDesc_AcquisitionTime", "TTResult_StopAfter"), round(self.duration * 1e-9))
        values |= {EXACT + "Duration": self.duration, "TTResult_StopReason": FIFO_OVERRUN * self._lost}
        values["TTResult_NumberOfRecords"] = self.records
        for name, value in values.items():
            self._file.seek(self._places[name])
            self._write_all(content_of(value))

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
