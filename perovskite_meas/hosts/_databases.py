"""The databases that this process has written runs to, the latest first: where a run number is looked up."""

from __future__ import annotations

from pathlib import Path

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
