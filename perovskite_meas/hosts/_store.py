"""Rows into an ordinary QCoDeS dataset, one flush each, and back out as xarray."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
import qcodes
import qcodes.dataset as qcd
import xarray as xr
from qcodes.dataset.data_set import DataSet
from qcodes.dataset.experiment_container import Experiment
from qcodes.dataset.measurements import DataSaver
from qcodes.dataset.sqlite.connection import AtomicConnection
from qcodes.station import Station

from perovskite_meas.core.columns import Column
from perovskite_meas.core.errors import PerovskiteMeasError, RecordError

from ._patience import patiently, reason

RUN_TAG = "perovskite_meas_run"
ANALYSIS_TAG = "perovskite_meas_analysis"
RECORDINGS_TAG = "perovskite_meas_recordings"

log = logging.getLogger(__name__)


class StorageError(PerovskiteMeasError):
    """A row could not be stored in the database."""


def measurement(
    name: str, columns: Sequence[Column], experiment: Experiment | None, station: Station | None
) -> qcd.Measurement:
    """Return a QCoDeS measurement with a setpoint `row` and one dependent per column."""
    made = qcd.Measurement(exp=experiment, station=station, name=name)
    made.register_custom_parameter("row", label="row", unit="", paramtype="numeric")
    for column in columns:
        setpoints = ["row"]
        if column.array:
            made.register_custom_parameter(_index(column), label=f"index in {column.name}", paramtype="array")
            setpoints.append(_index(column))
        unit = "" if column.unit == "1" else column.unit
        kind = "array" if column.array else "numeric"
        made.register_custom_parameter(column.name, label=column.doc, unit=unit, setpoints=setpoints, paramtype=kind)
    made.write_period = 3600.0
    return made


def _index(column: Column) -> str:
    return f"{column.name}_index"


@contextmanager
def quiet_run(made: qcd.Measurement, between: Callable[[], None] = lambda: None) -> Iterator[DataSaver]:
    """Enter a QCoDeS run without its line on standard output, nor its traceback where nobody set up logging."""
    last_resort = logging.NullHandler()
    logging.getLogger("qcodes").addHandler(last_resort)
    try:
        runner, saver = patiently(_place(made), lambda: _entered(made), between)
        try:
            yield saver
        except BaseException as error:
            try:
                runner.__exit__(type(error), error, error.__traceback__)
            except (sqlite3.Error, RuntimeError) as closing:  # must not hide what stopped the run
                error.add_note(f"nor could the run be closed in the database: {reason(closing)}")
            raise
        runner.__exit__(None, None, None)
    finally:
        logging.getLogger("qcodes").removeHandler(last_resort)


def _entered(made: qcd.Measurement) -> tuple[Any, DataSaver]:
    runner = made.run(in_memory_cache=False)  # which would copy all earlier rows for each new one
    with redirect_stdout(io.StringIO()):
        return runner, runner.__enter__()


def _place(made: qcd.Measurement) -> Path:
    return Path(str(qcodes.config["core"]["db_location"] if made.experiment is None else made.experiment.path_to_db))


class DatasetSink:
    """Stores each row and returns when it is in the database."""

    def __init__(self, saver: DataSaver, columns: Sequence[Column]) -> None:
        self._saver = saver
        self._columns = tuple(columns)
        self.rows: list[Mapping[str, Any]] = []

    def write(self, row: Mapping[str, Any]) -> None:
        """Add one row and flush it.

        Raises:
            StorageError: the database did not take it (locked, disk full, read-only).
        """
        self.rows.append(row)
        results: list[tuple[str, Any]] = [("row", len(self.rows) - 1)]
        for column in self._columns:
            value = row[column.name]
            if column.array:
                results.append((_index(column), np.arange(value.size).reshape(value.shape)))
            results.append((column.name, value))
        self._saver.add_result(*results)
        self._saver.flush_data_to_database()
        if unwritten(self._saver.dataset):
            raise StorageError(
                f"row {len(self.rows) - 1} could not be written to {self._saver.dataset.path_to_db}: locked by another "
                "program, read-only, or the disk is full. The table is safe; the rows before are in it, and all in "
                "data.nc of the run's folder if there is room. Close the program or make room (no network shares!)"
            )


def unwritten(dataset: Any) -> bool:
    """Return whether a flush left rows behind; QCoDeS logs the failure of a flush but does not raise it."""
    return bool(getattr(dataset, "_results", ()))


def verify(dataset: DataSet, rows: int, columns: Sequence[Column]) -> list[str]:
    """Compare the stored number of results with the rows that were yielded; return what is missing."""
    expected = rows * len(columns)
    stored = dataset.number_of_results
    if stored == expected:
        return []
    return [f"the database holds {stored} results where {rows} rows x {len(columns)} columns = {expected} were yielded"]


def rows_to_xarray(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> xr.Dataset:
    """Return rows held in memory as a dataset."""
    arrays = {column.name: np.asarray([row[column.name] for row in rows]) for column in columns}
    return assemble(arrays, [(c.name, c.array, c.attrs()) for c in columns], len(rows))


def dataset_to_xarray(dataset: Any, columns: Sequence[tuple[str, bool, Mapping[str, Any]]]) -> xr.Dataset:
    """Read a run's rows from the database: complete rows only, first dimension "row"."""
    stored = dataset.get_parameter_data()
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name, is_array, _ in columns:
        values = np.asarray(stored.get(name, {}).get(name, np.empty(0)))
        if is_array and values.ndim == 1 and values.dtype == object:
            values = np.stack(list(values)) if len(values) else values.astype(float)
        arrays[name] = values
    count = min((len(values) for values in arrays.values()), default=0)
    return assemble({name: values[:count] for name, values in arrays.items()}, columns, count)


def assemble(
    arrays: Mapping[str, np.ndarray[Any, Any]], columns: Sequence[tuple[str, bool, Mapping[str, Any]]], count: int
) -> xr.Dataset:
    """Return the dataset of a run: one variable per column (name, is array, attributes), first dimension "row"."""
    variables = {}
    for name, is_array, attrs in columns:
        values = arrays[name]
        extra = [f"{name}_{axis}" for axis in range(1, values.ndim)] if is_array else []
        variables[name] = (["row", *extra], values, dict(attrs))
    data = xr.Dataset(variables, coords={"row": np.arange(count)})
    data.attrs["units"] = {name: str(attrs.get("units", "1")) for name, _, attrs in columns}
    return data


def columns_of(stored: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool, dict[str, Any]]]:
    """Return (name, is array, attributes) from the columns in a run's provenance."""
    return [
        (str(c["name"]), bool(c["array"]), {key: value for key, value in c.items() if key not in ("name", "array")})
        for c in stored
    ]


@contextmanager
def own_database(path: Path, between: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Use the database at `path` for the block and leave QCoDeS's own choice as it was.

    Args:
        path: of the database.
        between: called before the database is tried again.

    Raises:
        UsageError: it cannot be used.
    """
    with ExitStack() as stack:

        def begin() -> None:
            with redirect_stdout(io.StringIO()):
                stack.enter_context(qcd.initialised_database_at(path))

        patiently(path, begin, between)
        yield


def open_by_guid(guid: str, path: Path) -> DataSet:
    """Open a run of the database at `path`.

    Raises:
        RecordError: no such run there.
    """
    return _opened(path, lambda connection: qcd.load_by_guid(guid, conn=connection), f"guid {guid}")


def open_by_id(run_id: int, path: Path) -> DataSet:
    """Open run number `run_id` of the database at `path`.

    Raises:
        RecordError: no such run there.
    """
    return _opened(path, lambda connection: qcd.load_by_id(run_id, conn=connection), f"run {run_id}")


def _opened(path: Path, load: Any, what: str) -> DataSet:
    if not path.is_file():
        raise RecordError(f"no database at {path}")
    try:
        connection = qcd.connect(str(path))
    except (RuntimeError, sqlite3.Error) as error:
        raise RecordError(f"cannot open the database {path}: {reason(error)}") from error
    try:
        dataset: DataSet = load(connection)
        weakref.finalize(dataset, _close, connection)
        return dataset
    except (NameError, RuntimeError, ValueError, sqlite3.Error) as error:
        connection.close()
        raise RecordError(f"no {what} in {path}: {reason(error)}") from error


def _close(connection: AtomicConnection) -> None:
    """Close the connection of a dataset that nobody holds any more; SQLite allows it in its own thread only."""
    with suppress(sqlite3.ProgrammingError):
        connection.close()


def run_facts(dataset: Any) -> dict[str, Any]:
    """Return what a run's metadata says about it.

    Raises:
        RecordError: the run was not made by this package.
    """
    text = dataset.metadata.get(RUN_TAG)
    if not isinstance(text, str):
        raise RecordError(f"run {dataset.run_id} of {dataset.path_to_db} was not made by perovskite_meas")
    facts: dict[str, Any] = json.loads(text)
    return facts
