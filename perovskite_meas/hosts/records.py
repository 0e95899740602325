"""Find a stored run again: by folder, run number, guid, or the CSV of the other host."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import qcodes
import xarray as xr

from perovskite_meas.core.errors import RecordError
from perovskite_meas.runner.finish import finish
from perovskite_meas.runner.folder import DATA, PROVENANCE, make_folder, read_data, read_json
from perovskite_meas.runner.record import Record, stored_record

from ._databases import remembered
from ._store import columns_of, dataset_to_xarray, open_by_guid, open_by_id, run_facts


def load_record(run: str | Path | int, into: str | Path | None = None) -> Record:
    """Return any stored run.

    Args:
        run: its folder, its number or guid in a database, or its PyMeasure results file.
        into: folder whose `runs.db` holds a number or guid. By default the databases to which this
            process has written runs (the latest first), `runs/runs.db`, and the one QCoDeS is configured for.

    Raises:
        RecordError: no such run.
    """
    path = Path(run) if not isinstance(run, int) else None
    if path is not None and path.is_dir():
        return _from_folder(path)
    if path is not None and path.is_file():
        if path.suffix == ".csv":
            from .pymeasure_files import csv_record

            return csv_record(path)
        return _from_folder(path.parent)
    text = str(run)
    if path is not None and (len(path.parts) > 1 or path.suffix):
        raise RecordError(f"no run at {path}: give a run folder, a run number or a guid")
    reasons = []
    for database in _databases(into):
        try:
            dataset = open_by_id(int(text), database) if text.isdigit() else open_by_guid(text, database)
        except RecordError as error:
            reasons.append(str(error))
            continue
        try:
            return _from_dataset(dataset)
        finally:
            dataset.conn.close()
    raise RecordError(f"no run {text!r}: " + "; ".join(reasons))


def _databases(into: str | Path | None) -> list[Path]:
    if into is not None:
        return [Path(into) / "runs.db"]
    configured = Path(str(qcodes.config["core"]["db_location"])).expanduser()
    return list(dict.fromkeys(path.resolve() for path in (*remembered(), Path("runs") / "runs.db", configured)))


def _from_folder(folder: Path) -> Record:
    facts = read_json(folder / PROVENANCE)
    host = facts.get("host", {})
    if host.get("framework") == "pymeasure":
        from .pymeasure_files import csv_record

        return csv_record(folder.parent / str(host["results_file"]), folder=folder)
    guid, database = str(host.get("guid", "")), Path(str(host.get("database", "")))
    if not database.is_file():
        database = folder.parent / "runs.db"
    if (folder / DATA).is_file():
        data = read_data(folder / DATA)
    else:
        data = _read_rows(guid, database, facts)
    return _record(folder, facts, data, guid, database)


def _from_dataset(dataset: Any) -> Record:
    facts = run_facts(dataset)
    folder = Path(str(facts.get("host", {}).get("folder", "")))
    if (folder / PROVENANCE).is_file():
        return _from_folder(folder)
    data = dataset_to_xarray(dataset, columns_of(facts["columns"]))
    return _record(None, facts, data, dataset.guid, Path(dataset.path_to_db))


def _read_rows(guid: str, database: Path, facts: dict[str, Any]) -> xr.Dataset:
    dataset = open_by_guid(guid, database)
    try:
        return dataset_to_xarray(dataset, columns_of(facts["columns"]))
    finally:
        dataset.conn.close()


def _record(folder: Path | None, facts: dict[str, Any], data: xr.Dataset, guid: str, database: Path) -> Record:
    record = stored_record(folder, facts, data)
    record.run_id, record.guid = facts.get("host", {}).get("run_id"), guid
    record.open_dataset = lambda: open_by_guid(guid, database)
    return record


def reanalyse(record: Record, analyses: Iterable[str] | None = None, into: str | Path = "runs") -> Record:
    """Rebuild `data.nc`, run analyses on a stored run and write its report again.

    Args:
        record: from `load_record`.
        analyses: names; by default those that its procedure declared.
        into: where to make a folder for a run that has none.
    """
    facts = dict(record.provenance)
    folder = record.folder or make_folder(Path(into), record.procedure, str(record.run_id))
    names = list(facts.get("analyses", ()) if analyses is None else analyses)
    problems: list[str] = []
    made = finish(folder, record.data, facts, record.status, problems, names)
    made.run_id, made.guid, made.open_dataset = record.run_id, record.guid, record.open_dataset
    return made


def rereport(record: Record, into: str | Path = "runs") -> Record:
    """Write `data.nc` and the report of a stored run again, with the results it has.

    A run without any stored result is analysed as its procedure declared.
    """
    return reanalyse(record, () if record.results else None, into=into)
