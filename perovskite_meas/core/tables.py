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


def packaged_file(path: str | Path) -> Path | None:
    """Return the file that "<packaged table>/<file>" means; None where the first part names no packaged table.

    Raises:
        UsageError: the table has no such bench file.
    """
    given = Path(path)
    if len(given.parts) < 2 or given.parts[0] not in tables():
        return None
    found = tables_folder() / given
    if not found.is_file():
        known = [f"{given.parts[0]}/{file.name}" for file in sorted(found.parent.glob("bench*.yaml"))]
        raise UsageError(f"no packaged file {given.as_posix()!r}; {did_you_mean(given.as_posix(), known)}")
    return found


def packaged_worlds() -> dict[str, Path]:
    """Return the packaged worlds by name; each holds what differs from its table's own world."""
    return {file.stem: file for file in sorted(tables_folder().glob("*/worlds/*.yaml"))}


def world_file(path: str | Path) -> Path:
    """Return the world file that a path means: itself, the one in that folder, or a packaged world's by its name.

    A packaged world is a file in the folder `worlds` of a packaged table, named without its `.yaml`.

    Raises:
        UsageError: a bare name that is neither.
    """
    path = Path(path)
    if path.is_dir():
        return path / "world.yaml"
    if path.exists() or path.suffix or path.name != str(path):
        return path
    known = packaged_worlds()
    if path.name not in known:
        raise UsageError(
            f"no world {path.name!r}: neither a file nor a packaged world; {did_you_mean(path.name, known)}"
        )
    return known[path.name]
