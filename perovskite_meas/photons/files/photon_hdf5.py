"""Read Photon-HDF5 files.

Source: Photon-HDF5 format definition 0.4 and 0.5 (photon-hdf5.readthedocs.io).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UsageError
from ...core.tags import Tags
from .errors import TagFileError
from .tag_file import TagFile

OWN = "user/perovskite_meas"
"""Group of what the format has no place for: markers, exact ps."""
_SUPERBLOCK = struct.Struct("<8s4B3Q")
"""Superblock of versions 2 and 3: magic, version, sizes, flags, base, extension, end of file.

Source: HDF5 File Format Specification 3.0, sections II.A "Disk Format: Level 0A"."""
_SWMR_FLAG = 4
"""The flag of a file that a single writer has open for many readers."""


class PhotonHdf5File(TagFile):
    """A Photon-HDF5 file of one spot; also while it is written, or after its writer was killed.

    With nanotimes it is T3: timestamps count laser pulses. Where the file gives a laser repetition rate that is not
    that of the timestamps, they count a clock of their own (see `TagFile`).

    Raises:
        TagFileError: if the file is not Photon-HDF5, damaged, or holds several spots.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _opened(path)
        try:
            self._set_up()
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            self._file.close()
            raise TagFileError(f"{path.name} is an HDF5 file, but no complete Photon-HDF5 file: {error}") from error
        except TagFileError:
            self._file.close()
            raise

    @property
    def duration(self) -> int:
        """Length of the recording in ps, at least up to the last event."""
        return max(self._stated, self._end)

    def read(self) -> Tags:
        """Read the whole file."""
        return self._tags(0, self._count, self.duration)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _chunks(self, records: int) -> Iterator[Tags]:
        for start in range(0, self._count, records):
            stop = min(start + records, self._count)
            is_last = stop == self._count
            yield self._tags(start, stop, self.duration if is_last else None)

    def _set_up(self) -> None:
        photons = self._file.get("photon_data")
        if photons is None:
            spots = [name for name in self._file if name.startswith("photon_data")]
            raise TagFileError(
                f"{self.path.name} holds no /photon_data"
                + (f" but {len(spots)} spots ({spots[0]} ...); only one spot can be read" if spots else "")
            )
        self._photons = photons
        self._is_pulsed = "nanotimes" in photons
        lengths = [photons[name].shape[0] for name in ("timestamps", "detectors", "nanotimes") if name in photons]
        # A killed writer may have grown one array and not yet the next.
        self._count = min(lengths)
        unit = _in_ps(photons["timestamps_specs/timestamps_unit"][()])
        if not unit > 0:
            raise TagFileError(f"{self.path.name}: timestamps_unit is {unit * 1e-12} s; it must be more than 0")
        self._unit = float(self._own("unit") or unit)
        self.kind = "T3" if self._is_pulsed else "T2"
        self.format = "Photon-HDF5"
        rate = self._laser_rate()
        if self._is_pulsed:
            self.resolution = float(self._own("resolution") or _in_ps(photons["nanotimes_specs/tcspc_unit"][()]))
            counts_pulses = rate is None or abs(rate * self._unit * 1e-12 - 1) < 0.01
            self.period = self._unit if counts_pulses else None
        else:
            self.resolution = float(self._own("resolution") or self._unit)
            self.period = self._own("period") or (None if rate is None else 1e12 / rate)
        own = self._own("duration")
        seconds = self._file["acquisition_duration"][()] if "acquisition_duration" in self._file else 0.0
        self._stated = int(own) if own is not None else round(_in_ps(seconds))
        self.header = self._all_values()
        last = self._tags(self._count - 1, self._count, 0) if self._count else None
        self._end = int(last.times[-1]) if last is not None else 0

    def _laser_rate(self) -> float | None:
        for place in ("photon_data/measurement_specs/laser_repetition_rate", "setup/laser_repetition_rates"):
            if place in self._file:
                rates = np.atleast_1d(self._file[place][()])
                if len(rates) and float(rates[0]) > 0:
                    return float(rates[0])
        return None

    def _tags(self, start: int, stop: int, duration: int | None) -> Tags:
        if not self._file:
            raise UsageError(f"{self.path.name} was closed; open it again to read it")
        stamps = self._photons["timestamps"][start:stop].astype(np.int64)
        channels = (
            self._photons["detectors"][start:stop].astype(np.uint8)
            if "detectors" in self._photons
            else np.zeros(len(stamps), np.uint8)
        )
        delays = self._photons["nanotimes"][start:stop].astype(np.int32) if self._is_pulsed else None
        times = self._times(stamps, delays)
        reached = duration if duration is not None else int(times[-1]) if len(times) else 0
        marks, values = self._marks(start, stop, times)
        return Tags(
            times,
            channels,
            reached,
            pulses=stamps if self._is_pulsed else None,
            dtimes=delays,
            period=self.period,
            resolution=self.resolution,
            marker_times=marks,
            marker_values=values,
            overflow=bool(self._own("overflow") or False),
        )

    def _times(self, stamps: NDArray[np.int64], delays: NDArray[np.int32] | None) -> NDArray[np.int64]:
        whole, rest = divmod(self._unit, 1.0)
        times = stamps * int(whole)
        if self.period is not None and delays is not None:
            unit, part = divmod(self.resolution, 1.0)
            return np.asarray(times + delays * int(unit) + np.rint(stamps * rest + delays * part).astype(np.int64))
        return times if not rest else np.asarray(times + np.rint(stamps * rest).astype(np.int64))

    def _marks(self, start: int, stop: int, times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the markers from the first photon of a part to before the next part."""
        if OWN + "/marker_times" not in self._file:
            return np.empty(0, np.int64), np.empty(0, np.uint8)
        marks, values = (self._file[f"{OWN}/marker_{name}"][()] for name in ("times", "values"))
        count = min(len(marks), len(values))
        marks, values = marks[:count], values[:count]
        chosen = np.ones(count, bool)
        if start > 0:
            chosen &= marks > self._first_of(start)
        if stop < self._count:
            chosen &= marks <= self._first_of(stop)
        return marks[chosen], values[chosen]

    def _first_of(self, index: int) -> int:
        stamp = self._photons["timestamps"][index : index + 1].astype(np.int64)
        return int(self._times(stamp, np.zeros(1, np.int32) if self._is_pulsed else None)[0])

    def _own(self, name: str) -> Any:
        place = f"{OWN}/{name}"
        return self._file[place][()].item() if place in self._file else None

    def _all_values(self) -> dict[str, Any]:
        """Return every scalar and short array by its place in the file, photons aside."""
        found: dict[str, Any] = {}

        def note(name: str, item: Any) -> None:
            if getattr(item, "shape", None) is not None and item.size <= 64 and not name.startswith("photon_data/t"):
                value = item[()]
                found[name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value

        self._file.visititems(note)
        return found


def _opened(path: Path) -> Any:
    import h5py  # type: ignore[import-untyped]

    is_written = _is_written(path)
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        if not is_written:
            raise TagFileError(f"{path.name} is a damaged HDF5 file: {error}") from error
        # Still open for writing, or its writer was killed: such a file opens as single writer, multiple readers.
        try:
            return h5py.File(path, "r", libver="latest", swmr=True)
        except (OSError, RuntimeError) as error:
            raise TagFileError(f"{path.name} is a damaged HDF5 file: {error}") from error


def _is_written(path: Path) -> bool:
    """Return whether a writer has the file open, or was killed.

    HDF5 itself waits for the missing part of such a file, as if it were still to come, and cannot be interrupted.

    Raises:
        TagFileError: if the file is shorter than it says.
    """
    with path.open("rb") as file:
        head = file.read(_SUPERBLOCK.size)
        size = os.fstat(file.fileno()).st_size
    if len(head) < _SUPERBLOCK.size:
        raise TagFileError(f"{path.name} is a damaged HDF5 file: it ends after {size} bytes; the file was cut")
    _, version, _, _, flags, _, _, end = _SUPERBLOCK.unpack(head)
    if version not in (2, 3):
        return False
    if end > size:
        raise TagFileError(
            f"{path.name} is a damaged HDF5 file: it holds {size} of its {end} bytes; the file was cut. "
            "Copy it again from where it was recorded"
        )
    return version == 3 and bool(flags & _SWMR_FLAG)


def _in_ps(seconds: Any) -> float:
    return float(Decimal(repr(float(seconds))).scaleb(12))
