"""Arrays beside a results file: one HDF5 dataset per column, one flush per row, readable after a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from perovskite_meas.core.errors import RecordError, RowError

ARRAYS = "arrays.h5"


class ArrayFile:
    """Appends the arrays of one row after another.

    The file is written in HDF5's single-writer mode, whose order of writes keeps it readable at any
    moment, also after the process was killed. Source: HDF5 reference, "Single Writer Multiple Reader".

    Args:
        path: a file that does not exist yet; made with the first row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self._rows = 0

    def append(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> int:
        """Store one row and return its number, counted from 0.

        Raises:
            RowError: an array holds numbers of another type than its first row.
        """
        if self._file is None:
            self._file = self._create(arrays)
        for name, array in arrays.items():
            stored = self._file[name]
            if not np.can_cast(array.dtype, stored.dtype, "safe"):
                raise RowError(
                    f"column {name!r} changed its numbers from {stored.dtype} to {array.dtype} within one run"
                )
            stored.resize(self._rows + 1, axis=0)
            stored[self._rows] = array
            stored.flush()
        self._rows += 1
        return self._rows - 1

    def _create(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Any:
        file = h5py.File(self._path, "w-", libver="latest")
        for name, array in arrays.items():
            file.create_dataset(
                name,
                shape=(0, *array.shape),
                maxshape=(None,) * (array.ndim + 1),
                chunks=(1, *(max(1, size) for size in array.shape)),
                dtype=array.dtype,
            )
        file.flush()
        file.swmr_mode = True
        return file

    def close(self) -> None:
        """Close the file, if one was made."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_arrays(path: Path, name: str, rows: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return the arrays of one column at the given rows, stacked along a first dimension.

    Raises:
        RecordError: the file is missing, unreadable or lacks rows.
    """
    try:
        with h5py.File(path, "r", libver="latest", swmr=True) as file:
            stored = file[name][()]
    except (OSError, KeyError) as error:
        raise RecordError(f"cannot read {name!r} from {path}: {error}") from error
    if len(rows) and not 0 <= min(rows) <= max(rows) < len(stored):
        raise RecordError(f"{path} holds {len(stored)} rows of {name!r}; row {max(rows)} is asked for")
    return np.asarray(stored[list(rows)])
