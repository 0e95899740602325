"""Write Photon-HDF5 files piece by piece, readable while they grow and after a crash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UsageError
from ...core.tags import Tags
from . import hdf5_form
from .pending import PendingMarks
from .photon_hdf5 import OWN
from .ptu_form import NOT_T2, check_mode


class PhotonHdf5Writer:
    """Write a Photon-HDF5 file in SWMR mode (single writer, multiple readers).

    Every `write` ends with a flush: if the process is killed, all that was written before can be read. Other programs
    than this package may then ask for `h5clear -s` first, because the file still says that it is being written.

    Args:
        path: The new file.
        mode: "T2": timestamps in ps. "T3": timestamps are pulse numbers, nanotimes the delays.
        period: ps between two laser pulses; T3 needs it.
        resolution: ps per unit of the delays (T3), or of the recorder's clock (T2; for the record only).
        channels: Number of detectors.
        metadata: "description" and "author" go to their places in the format, anything else under /user.
        compression: "gzip" (with shuffle; readable everywhere), "lzf", or None.
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
        resolution: float = 1.0,
        channels: int = 2,
        metadata: Mapping[str, Any] | None = None,
        compression: str | None = "gzip",
        overwrite: bool = False,
    ) -> None:
        import h5py  # type: ignore[import-untyped]

        self.path = Path(path)
        self.mode = check_mode(mode)
        if period is not None and not (math.isfinite(period) and period > 0):
            raise UsageError(f"period is {period} ps; give the time between two laser pulses, more than 0 ps")
        if self.mode == "T3" and period is None:
            raise UsageError("a T3 file counts laser pulses: give period, the time between two of them in ps")
        if not (math.isfinite(resolution) and resolution > 0) or not 1 <= channels <= 256:
            raise UsageError(f"resolution {resolution} ps and {channels} channels: give more than 0 ps, 1 to 256")
        self.period = None if period is None else float(period)
        self.resolution = float(resolution)
        self.channels = int(channels)
        self.duration = 0
        """ps that the recording reaches."""
        if self.path.exists() and not overwrite:
            raise UsageError(f"{self.path} exists already; choose another name, or say overwrite=True")
        form = hdf5_form.Form(self.mode, self.period, self.resolution, self.channels, compression)
        # The oldest version with SWMR: what the latest one writes, libraries of a few years ago cannot open.
        self._file = h5py.File(self.path, "w", libver=("v110", "v110"))
        try:
            hdf5_form.lay_out(self._file, form, metadata or {})
            self._file.swmr_mode = True
        except BaseException:
            self._file.close()
            raise
        self._pending = PendingMarks()
        self._last = 0
        self._lost = False

    def write(self, tags: Tags) -> None:
        """Append photons and their markers; times continue from one call to the next.

        Raises:
            UsageError: if they do not fit this file: mode, period, resolution, channels, or times that go back.
        """
        self._check(tags)
        columns: dict[str, NDArray[Any]] = {"detectors": tags.channels}
        if self.mode == "T3" and tags.pulses is not None and tags.dtimes is not None:
            columns |= {"timestamps": tags.pulses, "nanotimes": tags.dtimes.astype(np.uint16)}
        else:
            columns["timestamps"] = tags.times
        stamps = columns["timestamps"]
        if len(stamps) and (int(stamps[0]) < self._last or bool(np.any(stamps[1:] < stamps[:-1]))):
            raise UsageError(f"{self.path.name}: times go back; sort the tags by time and write them in order")
        self._pending.add_all(tags, 0)
        self._append("photon_data", columns)
        self._last = int(stamps[-1]) if len(stamps) else self._last
        self._lost |= tags.overflow
        self.duration = max(self.duration, tags.duration, int(tags.times[-1]) if len(tags) else 0)
        self.flush()

    def mark(self, value: int, time: float) -> None:
        """Set a marker (1 to 15) at a time in ps.

        Raises:
            UsageError: if the value or the time is out of range.
        """
        self._pending.add(value, time)

    def flush(self) -> None:
        """Write the markers and the duration, and hand everything to the operating system."""
        times, values = self._pending.take()
        self._append(OWN, {"marker_times": times, "marker_values": values})
        if len(times):
            self.duration = max(self.duration, int(times[-1]))
        self._file["acquisition_duration"][()] = self.duration * 1e-12
        self._file[OWN + "/duration"][()] = self.duration
        self._file[OWN + "/overflow"][()] = int(self._lost)
        self._file.flush()

    def close(self) -> None:
        """Flush and close the file; closing again does nothing."""
        if self._file:
            self.flush()
            self._file.close()

    def __enter__(self) -> PhotonHdf5Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, tags: Tags) -> None:
        name = self.path.name
        if not self._file:
            raise UsageError(f"{name} was closed; nothing more can be written")
        if len(tags) and int(tags.channels.max()) >= self.channels:
            raise UsageError(f"{name}: channel {tags.channels.max()} in a file for {self.channels} channels (from 0)")
        if self.mode == "T2":
            if tags.is_pulsed:
                raise UsageError(NOT_T2.format(name))
            return
        if tags.pulses is None or tags.dtimes is None:
            raise UsageError(f"{name} is a T3 file, the tags are T2; write them with mode='T2'")
        if tags.period != self.period or tags.resolution != self.resolution:
            raise UsageError(
                f"{name}: the tags have period {tags.period} ps and resolution {tags.resolution} ps, the file has "
                f"{self.period} ps and {self.resolution} ps; make the writer with those of the tags"
            )
        if len(tags) and not 0 <= int(tags.dtimes.min()) <= int(tags.dtimes.max()) < 2**16:
            raise UsageError(
                f"{name}: delays from {tags.dtimes.min()} to {tags.dtimes.max()} units; 0 to 65535 can be kept"
            )

    def _append(self, group: str, columns: Mapping[str, NDArray[Any]]) -> None:
        for name, values in columns.items():
            if len(values):
                array = self._file[f"{group}/{name}"]
                length = array.shape[0]
                array.resize((length + len(values),))
                array[length:] = values
