"""Which virtual table a PyVISA library path means."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UsageError, did_you_mean
from ..core.tables import tables_folder


def find_table(path: str) -> str:
    """Return the table that a library path means: a packaged one's name or a folder.

    Raises:
        UsageError: neither.
    """
    if path and (tables_folder() / path / "world.yaml").is_file():
        return path
    if path and (Path(path) / "world.yaml").is_file():
        return str(Path(path).resolve())
    known = sorted(file.parent.name for file in tables_folder().glob("*/world.yaml"))
    raise UsageError(
        f"{path!r}@twin: neither a packaged virtual table ({did_you_mean(path, known)}) "
        "nor a folder that holds a world.yaml"
    )


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


def packaged_worlds() -> dict[str, Path]:
    """Return the packaged worlds by name; each holds what differs from its table's own world."""
    return {file.stem: file for file in sorted(tables_folder().glob("*/worlds/*.yaml"))}
