"""Which virtual table a PyVISA library path means."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UsageError, did_you_mean
from ..core.tables import packaged_worlds as packaged_worlds
from ..core.tables import tables_folder
from ..core.tables import world_file as world_file


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
