"""The stored run that RUN means on the command line."""

from __future__ import annotations

from pathlib import Path

from perovskite_meas.core.errors import RecordError, UsageError
from perovskite_meas.runner.folder import PROVENANCE
from perovskite_meas.runner.record import Record

_MOST = 12
"""Runs that are named of a folder which holds many; the latest."""


def stored_run(text: str, into: str) -> Record:
    """Return the run that `text` names: a run folder, a file in it, a number, a guid or a results file.

    Raises:
        UsageError: there is no such run.
        RecordError: there is, but it cannot be read.
    """
    from perovskite_meas.hosts.records import load_record

    path = Path(text)
    if not path.exists():
        try:
            return load_record(text, into=into)
        except RecordError as error:
            if not str(error).startswith("no run"):
                raise
            raise UsageError(str(error)) from error
    folder = path if path.is_dir() else path.parent
    if path.is_file() and not is_run_file(path):
        raise UsageError(f"{text} is no file of a run: {_no_run_folder(folder)}")
    if path.is_dir() and not (folder / PROVENANCE).is_file():
        raise UsageError(_no_run_folder(folder))
    return load_record(path, into=into)


def is_run_file(path: Path) -> bool:
    """Return whether a file is a results file, or lies in a run folder."""
    return path.suffix == ".csv" or (path.parent / PROVENANCE).is_file()


def _no_run_folder(folder: Path) -> str:
    runs = sorted(found.parent.name for found in folder.glob(f"*/{PROVENANCE}"))
    if not runs:
        return f"{folder} is no run folder and holds none; give a run folder, a run number, a guid or a results file"
    more = "" if len(runs) <= _MOST else f" (and {len(runs) - _MOST} earlier ones)"
    return f"{folder} is no run folder; runs in it: {', '.join(runs[-_MOST:])}{more}"
