"""Files of time tags as parameters name them: opened with errors that say which, and compared by kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.hbt import Windows

if TYPE_CHECKING:
    from perovskite_meas.photons.files import TagFile

_SAME = 1e-3
"""Largest relative difference of two laser periods that are called the same."""


@dataclass(frozen=True)
class Recorded:
    """What kind of recording a parameter names."""

    parameter: str
    file: str
    mode: str
    """T2 or T3."""
    period: float | None
    """Laser period in ps, where the file states it."""
    resolution: float
    """ps."""

    def __str__(self) -> str:
        """Return the recording with its kind."""
        laser = f", laser period {self.period:.6g} ps" if self.mode == "T3" and self.period else ""
        return f"{self.parameter} = {self.file} is {self.mode} ({self.resolution:g} ps{laser})"

    def has_period(self, period: float) -> bool:
        """Return whether the laser's period is this one, in ps, or not stated."""
        return not self.period or abs(self.period / period - 1) <= _SAME

    def check_beside(self, emitter: Recorded, *, period: float | None, bin_width: float | None) -> None:
        """Refuse a recording that cannot be counted in the bins of the emitter's.

        Args:
            emitter: the emitter's recording.
            period: of the laser, in ps, where known.
            bin_width: of the lags, in ps, where it was chosen.

        Raises:
            UsageError: another mode, laser period, or a resolution that makes other bins.
        """
        if self.mode != emitter.mode:
            what = "record both in the same mode"
        elif self.mode == "T3" and period and not self.has_period(period):
            what = "record both with the same laser"
        elif self._bins(period, bin_width) != emitter._bins(period, bin_width):
            what = "their bins differ; record both with the same resolution"
        else:
            return
        raise UsageError(f"{self}, but {emitter}: {what}")

    def _bins(self, period: float | None, bin_width: float | None) -> tuple[int, int]:
        """Return the bins of lags and of delays in ps that suit this resolution."""
        none = np.empty(0, np.int64)
        t3 = self.mode == "T3" and bool(period)
        tags = Tags(
            none,
            none.astype(np.uint8),
            0,
            pulses=none if t3 else None,
            dtimes=none.astype(np.int32) if t3 else None,
            period=period,
            resolution=self.resolution,
        )
        windows = Windows.choose(tags, shortest=1.0, bin_width=bin_width, max_lag=1e12)
        return windows.bin_width, windows.decay_bin


def recorded(parameter: str, file: str) -> Recorded:
    """Return the kind of a recording; see `opened_tags` for errors."""
    with opened_tags(parameter, file) as opened:
        return Recorded(parameter, file, opened.kind, opened.period, opened.resolution)


def opened_tags(parameter: str, file: str) -> TagFile:
    """Open the recording that a parameter names.

    Raises:
        UsageError: there is no such file.
        TagFileError: it cannot be read.
    """
    from perovskite_meas.photons.files import TagFileError, open_tags

    path = Path(file)
    if not path.is_file():
        raise UsageError(f"{parameter} = {file!r}: there is no such file")
    try:
        return open_tags(path)
    except PermissionError as error:
        raise TagFileError(f"{file} may not be read by this user: ask for the right to read it, or copy it") from error
    except OSError as error:
        raise TagFileError(f"{file} cannot be read: {error.strerror or error}") from error
    except TagFileError as error:
        if file in str(error):
            raise
        raise TagFileError(str(error).replace(path.name, file, 1)) from error
