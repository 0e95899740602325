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


def world_file(path: Path) -> Path:
    """Return the world file that a path means: itself, or the one in that folder."""
    return path / "world.yaml" if path.is_dir() else path
