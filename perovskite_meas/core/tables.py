"""Where the packaged optical tables lie, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from .errors import UsageError, did_you_mean


def tables_folder() -> Path:
    """Return the folder `station_configs` of this installation."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "station_configs", package.parent / "station_configs"):
        if folder.is_dir():
            return folder
    raise UsageError("station_configs is missing from this installation of perovskite_meas; install it again")


def tables() -> tuple[str, ...]:
    """Return the names of all packaged tables that can be loaded."""
    return tuple(sorted(path.parent.name for path in tables_folder().glob("*/bench.yaml")))


def table(name: str) -> Path:
    """Return the folder of the packaged table `name`.

    Raises:
        UsageError: no such table.
    """
    folder = tables_folder() / name
    if not (folder / "station.yaml").is_file():
        raise UsageError(f"no packaged table {name!r}; {did_you_mean(name, tables())}")
    return folder
