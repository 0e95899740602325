"""Databases: the lab's own, and those that this process has written runs to."""

from __future__ import annotations

from pathlib import Path

import qcodes
import qcodes.dataset as qcd
from qcodes.dataset.experiment_container import Experiment

_written: list[Path] = []


def remember(database: Path) -> None:
    """Take note of a database to which a run goes."""
    resolved = database.resolve()
    if resolved in _written:
        _written.remove(resolved)
    _written.insert(0, resolved)


def remembered() -> tuple[Path, ...]:
    """Return the databases of this process's runs, the latest first."""
    return tuple(_written)


def labs_database() -> Path | None:
    """Return the database that the lab has chosen in QCoDeS; None where it does not exist."""
    path = Path(str(qcodes.config["core"]["db_location"])).expanduser()
    return path if path.is_file() else None


def open_experiment(database: Path, name: str, sample: str, *, current: bool) -> Experiment:
    """Open an experiment of `database`: the lab's current one where asked for and there, else that of the name."""
    connection = qcd.connect(str(database))
    try:
        if current and qcd.experiments(connection):
            return qcd.load_experiment(qcd.get_default_experiment_id(connection), conn=connection)
        return qcd.load_or_create_experiment(name, sample, conn=connection, load_last_duplicate=True)
    except BaseException:
        connection.close()
        raise
