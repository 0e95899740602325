"""Rows into a PyMeasure results file: emitted one by one as plain finite numbers, arrays beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perovskite_meas.core.columns import Column
from perovskite_meas.core.errors import PerovskiteMeasError
from perovskite_meas.runner.progress import Progress

from ._arrays import ARRAYS, ArrayFile
from ._pymeasure_columns import ROW, label
from ._store import StorageError


class StopRequested(PerovskiteMeasError):  # noqa: N818 - not an error, the host's wish
    """The host asked to stop; the generator is closed between two rows."""


class EmitSink:
    """Emits each row and returns when it is on disk.

    Args:
        columns: the procedure's columns.
        folder: run folder, for arrays.
        emit: the host's way to take 'results' and 'progress'.
        stop_asked: whether the host wants to stop.
        own_file: writes a row where no Worker does it.
        watched: the results file, whose growth proves that a row was written; None where there is none.
        progress: weighs the rows by the dry run.

    Attributes:
        rows: every row, in memory.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        folder: Path,
        emit: Callable[[str, Any], None],
        stop_asked: Callable[[], bool],
        own_file: Callable[[Any], None] | None,
        watched: Path | None,
        progress: Progress,
    ) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self.watched = watched
        self._columns = tuple(columns)
        self._labels = {column.name: label(column) for column in columns}
        self._arrays = ArrayFile(folder / ARRAYS)
        self._emit = emit
        self._stop_asked = stop_asked
        self._own_file = own_file
        self._progress = progress

    def write(self, row: Mapping[str, Any]) -> None:
        """Store one row: arrays first, then the line that points to them.

        Raises:
            StorageError: the line did not reach the results file.
            StopRequested: the host wants to stop; the row is stored.
        """
        number = len(self.rows)
        arrays = {column.name: np.array(row[column.name]) for column in self._columns if column.array}
        self.rows.append({name: arrays[name] if name in arrays else float(row[name]) for name in row})
        index = self._arrays.append(arrays) if arrays else 0
        line = {ROW: float(number)}
        for column in self._columns:
            line[self._labels[column.name]] = float(index if column.array else row[column.name])
        before = self._size()
        if self._own_file is not None:
            self._own_file(line)
        self._emit("results", line)
        if self.watched is not None and self._size() <= before:
            raise StorageError(
                f"row {number} did not reach {self.watched}: the disk is full, or the file was moved or locked. The "
                "rows of this run are kept in data.nc of its folder; make room and run again"
            )
        self._progress.row(row)
        self._emit("progress", 100.0 * self._progress.share())
        if self._stop_asked():
            raise StopRequested("the host asked to stop")

    def close(self) -> None:
        """Close the file of arrays."""
        self._arrays.close()

    def _size(self) -> int:
        return self.watched.stat().st_size if self.watched is not None and self.watched.exists() else 0
