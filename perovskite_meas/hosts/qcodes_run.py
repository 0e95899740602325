"""`run`: one procedure on one bench into one QCoDeS dataset, then hooks and report."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr
from qcodes.dataset.experiment_container import Experiment

from perovskite_meas.bench import Bench
from perovskite_meas.core.errors import BenchError, UsageError
from perovskite_meas.core.plugins import find
from perovskite_meas.core.procedure import Procedure
from perovskite_meas.runner.drive import drive
from perovskite_meas.runner.finish import finish
from perovskite_meas.runner.folder import PROVENANCE, check_writable, make_folder, write_json
from perovskite_meas.runner.interrupt import Requests
from perovskite_meas.runner.plan import Plan, plan
from perovskite_meas.runner.progress import Progress
from perovskite_meas.runner.provenance import provenance
from perovskite_meas.runner.record import Record

from ._databases import labs_database, open_experiment, remember
from ._patience import patiently
from ._store import (
    ANALYSIS_TAG,
    RECORDINGS_TAG,
    RUN_TAG,
    DatasetSink,
    columns_of,
    dataset_to_xarray,
    measurement,
    open_by_guid,
    own_database,
    quiet_run,
    rows_to_xarray,
    unwritten,
    verify,
)
from .qcodes_bench import QCoDeSBench


def rehearse(procedure: Procedure, bench: Bench) -> Plan:
    """Check everything that can be checked before any light, and return the dry run.

    Raises:
        BenchError: roles, calibrations or sample facts are missing.
    """
    problems = bench.check(procedure)
    if problems:
        raise BenchError(f"{type(procedure).__name__} cannot run on {bench.spec.path}:", problems)
    return plan(procedure, bench)


def prepare(procedure: Procedure, bench: Bench) -> Plan:
    """Rehearse, and refuse what would break a limit.

    Raises:
        BenchError: roles, calibrations or sample facts are missing.
        PlanRefusedError: a limit would be broken.
    """
    rehearsed = rehearse(procedure, bench)
    rehearsed.refuse()
    return rehearsed


def run(procedure: Procedure, bench: QCoDeSBench, into: str | Path = "runs", *, progress: bool | None = None) -> Record:
    """Run `procedure` on `bench` and return its record.

    Args:
        procedure: what to do.
        bench: where; from `load_bench`.
        into: folder of the run folders, and of `runs.db` unless the bench adopted an open station and the
            lab has a database.
        progress: write progress to standard error; by default only on a terminal.

    Raises:
        BenchError, PlanRefusedError: refused before any light.
        UsageError: likewise; the folder or the database cannot be written, or the bench is closed.
        Exception: whatever stopped the run, after the safe state, with `error.record` set.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, likewise.
    """
    if getattr(bench, "closed", False):
        raise UsageError("this bench is closed; open it again with load_bench")
    into = Path(into).resolve()
    requests = Requests()
    with requests:
        for name in procedure.analyses:
            # Here, where no request cuts an import short; what is missing is told by the rehearsal.
            with suppress(UsageError):
                find("analyses", name)
        rehearsed = requests.interruptible(lambda: prepare(procedure, bench))
        check_writable(into)
        record = _Run(procedure, bench, into, rehearsed, requests).stored(progress)
    requests.raise_noted("after the run was stored", record)
    return record


class _Run:
    """One run in progress."""

    def __init__(
        self, procedure: Procedure, bench: QCoDeSBench, into: Path, rehearsed: Plan, requests: Requests
    ) -> None:
        self.procedure = procedure
        self.bench = bench
        self.into = into
        self.plan = rehearsed
        self.requests = requests
        self.problems: list[str] = []
        self.facts = provenance(procedure, bench, rehearsed, {"host": {"framework": "qcodes"}})
        self.columns = columns_of(self.facts["columns"])

    def stored(self, progress: bool | None) -> Record:
        """Run into the lab's database, or into `runs.db`; requests to end wait while QCoDeS writes."""
        asked = self.requests.raise_noted
        own = labs_database() if self.bench.adopted else None
        if own is not None:
            begin = partial(open_experiment, own, "perovskite_meas", "sample", current=True)
            return self._within(patiently(own, begin, asked), progress)
        database = self.into / "runs.db"
        with own_database(database, asked):
            name, sample = type(self.procedure).__name__, self.bench.spec.sample.name or "sample"
            begin = partial(open_experiment, database, name, sample, current=False)
            return self._within(patiently(database, begin, asked), progress)

    def _within(self, experiment: Experiment, progress: bool | None) -> Record:
        try:
            return self._go(experiment, progress)
        finally:
            experiment.conn.close()

    def _go(self, experiment: Experiment, progress: bool | None) -> Record:
        self.requests.raise_noted()
        name = type(self.procedure).__name__
        made = measurement(name, self.procedure.columns, experiment, self.bench.station)
        shown = sys.stderr is not None and sys.stderr.isatty() if progress is None else progress
        watcher = Progress(self.plan, sys.stderr) if shown else None
        failure: BaseException | None = None
        dataset: Any = None
        sink: DatasetSink | None = None
        try:
            with quiet_run(made, self.requests.raise_noted) as saver:
                dataset = saver.dataset
                folder = self._open_folder(dataset)
                sink = DatasetSink(saver, self.procedure.columns)
                try:
                    drive(self.procedure, self.bench, sink, watcher, self.problems, self.requests, folder)
                except BaseException as error:
                    failure = error
                    raise
                finally:
                    self.facts["snapshot_after"] = self.bench.station.snapshot(update=False)
        except BaseException as error:
            if dataset is None or sink is None:
                raise
            if failure is None:
                failure = error
            elif error is not failure:
                self.problems.append(f"closing the run: {type(error).__name__}: {error}")
        if watcher is not None:
            watcher.close()
        record, stopped = self._finish(folder, dataset, sink, failure)
        failure = failure or stopped
        if failure is not None:
            failure.record = record  # type: ignore[attr-defined]
            raise failure
        return record

    def _open_folder(self, dataset: Any) -> Path:
        folder = make_folder(self.into, type(self.procedure).__name__, str(dataset.run_id))
        remember(Path(dataset.path_to_db))
        self.facts["host"] |= {
            "database": str(Path(dataset.path_to_db).resolve()),
            "run_id": dataset.run_id,
            "guid": dataset.guid,
            "folder": str(folder.resolve()),
        }
        write_json(folder / PROVENANCE, self.facts)
        text = json.dumps(self.facts, default=str)
        patiently(Path(dataset.path_to_db), lambda: dataset.add_metadata(RUN_TAG, text))
        return folder

    def _finish(
        self, folder: Path, dataset: Any, sink: DatasetSink, failure: BaseException | None
    ) -> tuple[Record, KeyboardInterrupt | None]:
        status = "completed"
        if failure is not None:
            status = "aborted" if isinstance(failure, KeyboardInterrupt) else "failed"
            self.facts["error"] = f"{type(failure).__name__}: {failure}"
        data = self._data(dataset, sink)
        guid, database = dataset.guid, Path(dataset.path_to_db)
        stopped: KeyboardInterrupt | None = None
        try:
            record = finish(folder, data, self.facts, status, self.problems, bench=self.bench, requests=self.requests)
        except KeyboardInterrupt as stop:
            record, stopped = stop.record, stop  # type: ignore[attr-defined]
        if recordings := self.facts.get("recordings"):
            self._tag(dataset, RECORDINGS_TAG, recordings)
        if record.results:
            self._tag(dataset, ANALYSIS_TAG, {name: _summary(result) for name, result in record.results.items()})
        record.run_id, record.guid = dataset.run_id, guid
        record.open_dataset = lambda: open_by_guid(guid, database)
        return record, stopped

    def _data(self, dataset: Any, sink: DatasetSink) -> xr.Dataset:
        """Return the rows as stored; from memory where the database did not take them all."""
        try:
            self.problems += verify(dataset, len(sink.rows), self.procedure.columns)
            data = dataset_to_xarray(dataset, self.columns)
        except (sqlite3.Error, RuntimeError) as error:
            self.problems.append(f"the rows could not be read back from the database: {error}")
            data = rows_to_xarray(sink.rows, self.procedure.columns)
        if data.sizes["row"] < len(sink.rows):
            self.problems.append(
                f"the database took {data.sizes['row']} of {len(sink.rows)} rows; data.nc is to hold all"
            )
            data = rows_to_xarray(sink.rows, self.procedure.columns)
        elif unwritten(dataset):
            self.problems.append("the database still has rows to write")
        return data

    def _tag(self, dataset: Any, tag: str, facts: Mapping[str, Any]) -> None:
        try:
            dataset.add_metadata(tag, json.dumps(facts, default=str))
        except (sqlite3.Error, RuntimeError) as error:
            self.problems.append(f"{tag} could not be noted in the database: {error}")


def _summary(result: Any) -> dict[str, Any]:
    return {
        name: str(value) for name, value in vars(result).items() if not hasattr(value, "__len__") or len(value) < 80
    }
