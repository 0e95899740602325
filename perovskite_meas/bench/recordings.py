"""Raw recordings of a run: what a tagger delivers goes into the run folder before anybody looks at it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import PerovskiteMeasError, UsageError
from ..core.tags import Tags
from ..photons.marks import END, MARKED

_FEW, _MANY = 8, 64
"""Inputs that a file has room for; more than two where a recorder's other inputs count something."""


class TagStorageError(PerovskiteMeasError):
    """A recording could not be written to disk."""


class Writer(Protocol):
    """An incremental writer of a tag file."""

    records: int
    """Records in the file."""

    def write(self, tags: Tags) -> None:
        """Append tags whose times continue."""

    def mark(self, value: int, time: int) -> None:
        """Append a marker at `time` ps."""

    def flush(self) -> None:
        """Make everything so far readable, whatever happens next."""

    def whole(self) -> AbstractContextManager[None]:
        """Write all that is written in a `with` block, or nothing of it."""

    def close(self) -> None:
        """Finish the file."""


class Recordings:
    """The tag files of one run; without a folder (a dry run, a plain script) nothing is kept."""

    def __init__(self, make: Callable[[Path, Tags], Writer] | None = None) -> None:
        self._make = make or _ptu
        self._folder: Path | None = None
        self._files: dict[str, _File] = {}

    def begin(self, folder: Path | None) -> None:
        """Keep what comes from now on in `folder`."""
        self.end()
        self._folder, self._files = folder, {}

    def append(self, name: str, tags: Tags, mark: int, started: float) -> None:
        """Append one recording to `<folder>/<name>.ptu` and flush it; a failure leaves the recordings before it.

        Ctrl-C comes after the recording.

        Args:
            name: of the file.
            tags: times from the start of this recording.
            mark: marker at its start, 1 to 14.
            started: when it began on the bench's clock, in s.

        Raises:
            TagStorageError: it cannot be written.
            UsageError: a recording of the other kind (T2, T3) than the first one in this file.
        """
        if self._folder is None:
            return
        path = self._folder / f"{name}.ptu"
        try:
            if name not in self._files:
                self._files[name] = self._new(path, tags, started)
            self._files[name].append(tags, mark, started)
        except OSError as error:
            raise TagStorageError(
                f"{path} did not take a recording of {len(tags)} photons: {error.strerror or error}; the recordings "
                "before it are in the file; make room there or choose another folder, and run again"
            ) from error

    def _new(self, path: Path, tags: Tags, started: float) -> _File:
        there, writer = path.exists(), None
        try:
            writer = self._make(path, tags)
            return _File(path, writer, tags, started)
        except BaseException:
            if writer is not None:
                writer.close()
            if not there:
                with suppress(OSError):
                    path.unlink()
            raise

    def end(self) -> None:
        """Finish all files."""
        for file in self._files.values():
            file.close()

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return name -> file, sha256 and number of photons of every finished file."""
        return {name: file.facts() for name, file in self._files.items()}


class _File:
    """One file and where its time axis stands."""

    def __init__(self, path: Path, writer: Writer, first: Tags, started: float) -> None:
        self._path, self._writer, self._started = path, writer, started
        self._pulsed, self._period = first.is_pulsed, first.period or math.nan
        self._photons, self._open, self._end = 0, True, 0

    def append(self, tags: Tags, mark: int, started: float) -> None:
        if tags.is_pulsed != self._pulsed:
            kinds = ("T2", "T3")
            raise UsageError(
                f"{self._path.name} holds {kinds[self._pulsed]} recordings; this one is {kinds[tags.is_pulsed]}: "
                "the sync was lost or came back within the run"
            )
        begin = max(self._end, round((started - self._started) * 1e12))
        if self._pulsed:
            pulse = math.ceil(begin / self._period)
            begin = round(pulse * self._period)
            assert tags.pulses is not None  # noqa: S101 - is_pulsed says so
            moved = replace(tags, times=tags.times + begin, pulses=tags.pulses + pulse)
        else:
            begin = math.ceil(math.ceil(begin / tags.resolution) * tags.resolution)
            moved = replace(tags, times=tags.times + begin)
        # The rate meter behind the period may set the last photons later than the recording's nominal end.
        end = max(begin + tags.duration, int(moved.times.max(initial=0)) + 1)
        if self._pulsed:
            # A marker keeps the pulse before it alone, and the last photons come after that.
            end = math.ceil(math.ceil(end / self._period) * self._period)
        before, kept = self._writer.records, (self._end, self._photons)
        try:
            self._put(moved, mark, begin, end)
        except BaseException as error:
            if self._writer.records == before:
                self._end, self._photons = kept
                if isinstance(error, KeyboardInterrupt):
                    self._put(moved, mark, begin, end)
            raise

    def _put(self, tags: Tags, mark: int, begin: int, end: int) -> None:
        with self._writer.whole():
            self._writer.mark(mark, begin)
            self._writer.write(tags)
            self._writer.mark(END, end)
            self._writer.flush()
            self._end, self._photons = end, self._photons + len(tags)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._writer.close()

    def facts(self) -> dict[str, Any]:
        with self._path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"file": self._path.name, "sha256": digest, "photons": self._photons}


def _ptu(path: Path, tags: Tags) -> Writer:
    from ..photons.files import PtuWriter

    return PtuWriter(
        path,
        mode="T3" if tags.is_pulsed else "T2",
        period=tags.period,
        resolution=tags.resolution,
        # A dark recording does not tell how many inputs will count later.
        channels=_FEW if int(tags.channels.max(initial=0)) < _FEW else _MANY,
        metadata={MARKED: True},
    )
