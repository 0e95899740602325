"""Read world files: a stranger's partial file over the packaged table's complete one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from perovskite_meas.core.errors import ProblemsError, UsageError, did_you_mean
from perovskite_meas.core.tables import tables_folder

from .base import TABLES, WorldFile
from .scenes import SCHEMAS, packaged

FILE = "world.yaml"
KIND = "table"
"""The key that says which kind of table a world file is for."""
WIRING = "instruments"


def load_config(path: Path | None, table: str) -> WorldFile:
    """Return the world of `path` laid over that of `table`.

    Mappings are merged key by key, so that a file need hold only what differs and a key that is deleted says what the
    file below says. Under `instruments` an address is replaced as a whole, and taken away where it is null or off; so
    is a port of an instrument, whose cable then is unplugged. The world file of a folder of one's own, where a
    station's visalib names that folder, lies over that of the packaged table of its kind (its key `table`; confocal
    where it says nothing), apart from `instruments`, which it replaces.

    Args:
        path: a complete or partial world file; None takes the table's own.
        table: a packaged table's name, or a folder that holds a world.yaml.

    Raises:
        UsageError: a file that is missing or no YAML mapping, no such table, or a file for another kind of table.
        ProblemsError: unknown keys, missing or impossible numbers; all at once.
    """
    source = tables_folder() / table / FILE
    if Path(table).name == table and source.is_file():
        raw = _read(source)
    else:
        source = Path(table) / FILE
        if not source.is_file():
            known = [found.parent.name for found in tables_folder().glob(f"*/{FILE}")]
            raise UsageError(f"no virtual table {table!r} (a folder with a {FILE}); {did_you_mean(table, known)}")
        over = _read(source)
        raw = _replace_table(_read(tables_folder() / packaged(_kind(over, source)) / FILE), over)
    if path is not None:
        over = _read(Path(path))
        if over.get(KIND, _kind(raw, source)) != _kind(raw, source):
            raise UsageError(
                f"{path}: a world for a {_kind(over, path)} table, but {table!r} is a {_kind(raw, source)} table; "
                f"take another world, or the table {packaged(_kind(over, path))!r}"
            )
        source, raw = path, _overlay(raw, over)
    return parse_config(raw, str(source))


def parse_config(raw: Mapping[str, Any], source: str) -> WorldFile:
    """Return the checked world of the table that it is for; `source` names it in errors.

    Raises:
        UsageError: for a table of no known kind.
        ProblemsError: every problem of the file at once.
    """
    schema = SCHEMAS[_kind(raw, source)]
    try:
        return schema.model_validate(dict(raw))
    except ValidationError as error:
        problems = [_problem(schema, item["loc"], item["type"], item["msg"], item["input"]) for item in error.errors()]
        raise ProblemsError(f"{source}: this world cannot be made", problems) from error


def _kind(raw: Mapping[str, Any], source: str | Path) -> str:
    kind = raw.get(KIND, TABLES[0])
    if kind not in TABLES:
        raise UsageError(f"{source}: {KIND}: no such kind of table: {kind!r}; {did_you_mean(str(kind), TABLES)}")
    return str(kind)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f"there is no world file {str(path)!r}")
    try:
        raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML text: {error}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise UsageError(f"{path}: a world file is a mapping (sample:, laser:, ...), not a {type(raw).__name__}")
    return raw


def _overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if not (isinstance(value, dict) and isinstance(below, dict)):
            merged[key] = value
        else:  # a port that is not named in the upper file has no cable there
            merged[key] = {**below, **value} if key == WIRING else _overlay(below, value)
    return merged


def _replace_table(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    return _overlay({key: value for key, value in base.items() if key != WIRING or key not in over}, over)


def _problem(schema: type[BaseModel], loc: tuple[int | str, ...], kind: str, message: str, found: object) -> str:
    where = ".".join(str(part) for part in loc) or "the file"
    if kind == "extra_forbidden":
        return f"{where}: unknown; {did_you_mean(str(loc[-1]), _known(schema, loc[:-1]))}"
    if kind == "missing":
        return f"{where}: missing"
    if kind in ("model_type", "dict_type"):
        also = " or 'off'" if where == "imperfections" else ""
        return f"{where}: a mapping{also} is expected here, not {found!r}"
    return f"{where}: {message.removeprefix('Value error, ')}"


def _known(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    for part in loc:
        below = model.model_fields[str(part)].annotation
        if not (isinstance(below, type) and issubclass(below, BaseModel)):
            return []
        model = below
    return list(model.model_fields)
