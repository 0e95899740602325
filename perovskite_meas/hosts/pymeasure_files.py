"""PyMeasure results files as records: CSV, provenance and arrays put together, also after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from perovskite_meas.core.errors import RecordError
from perovskite_meas.runner.folder import DATA, PROVENANCE, read_data, read_json
from perovskite_meas.runner.record import Record, stored_record

from ._arrays import ARRAYS, read_arrays
from ._store import assemble, columns_of


def run_folder(results: Path) -> Path:
    """Return the run folder that lies beside a results file.

    Examples:
        >>> run_folder(Path("DATA2026-11-22_1.csv")).name
        'DATA2026-11-22_1.run'
    """
    return results.with_suffix(".run")


def csv_record(path: Path, folder: Path | None = None) -> Record:
    """Return the run behind a PyMeasure results file.

    Args:
        path: the CSV.
        folder: its run folder, by default the one beside it.

    Raises:
        RecordError: the file or its run folder is missing or unreadable.
    """
    folder = run_folder(path) if folder is None else folder
    if not (folder / PROVENANCE).is_file():
        raise RecordError(
            f"{path} has no run folder {folder.name} beside it: the run was refused before it began, or the folder "
            "was left behind when the file was moved"
        )
    facts = read_json(folder / PROVENANCE)
    problems = [str(problem) for problem in facts.get("problems", ())]
    if (folder / DATA).is_file():
        data = read_data(folder / DATA)
    else:
        data = _rebuild(path, folder, facts, problems)
    record = stored_record(folder, facts, data)
    record.problems = tuple(problems)
    return record


def count_rows(path: Path) -> int:
    """Return how many complete rows a results file holds."""
    return len(_read_lines(path, [])[1])


def _rebuild(path: Path, folder: Path, facts: dict[str, Any], problems: list[str]) -> xr.Dataset:
    columns = columns_of(facts["columns"])
    labels, lines = _read_lines(path, problems)
    if labels and len(labels) != len(columns) + 1:
        raise RecordError(f"{path} has {len(labels)} columns; its run folder speaks of {len(columns) + 1}")
    table = np.array(lines, dtype=float).reshape(len(lines), len(columns) + 1)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for number, (name, is_array, _) in enumerate(columns, 1):
        values = table[:, number]
        if is_array:
            arrays[name] = read_arrays(folder / ARRAYS, name, values.astype(int).tolist()) if len(values) else values
        else:
            arrays[name] = values
    return assemble(arrays, columns, len(lines))


def _read_lines(path: Path, problems: list[str]) -> tuple[list[str], list[list[float]]]:
    """Return labels and complete rows; a row that was cut off is left out and said so."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror or error}") from error
    labels: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith("#"):
            continue
        cells = line.rstrip("\r\n").split(",")
        if not labels:
            labels = cells
            continue
        row = _numbers(cells) if line.endswith("\n") and len(cells) == len(labels) else None
        if row is None:
            problems.append(f"line {number} of {path.name} is no complete row and was left out")
        else:
            rows.append(row)
    return labels, rows


def _numbers(cells: list[str]) -> list[float] | None:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None
