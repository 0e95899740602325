"""Reading and writing calibrations: from the bench file, from a file of their own, from a measurement."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ..core.errors import UsageError, did_you_mean
from ..core.value import Value
from .calibration_kinds import COMMON, KEYS, WITH_SIGMA, build, how_to_get, read_keys, units_of
from .calibrations import Calibration
from .document import Document, Node


def read_calibration(name: str, node: Node, folder: Path) -> Calibration | None:
    """Return one entry of `calibrations:`, written in place or as {file: ...}; None if it has problems."""
    if not isinstance(node.value, Mapping):
        node.problem("must be a mapping such as {date: 2026-11-02, ...} or {file: calibrations/name.yaml}")
        return None
    if "file" not in node.value:
        return parse(name, node, "")
    entry = node.mapping()
    node.fields(("file",))
    relative = entry["file"].text()
    if relative is None:
        return None
    path = folder / relative
    if not path.is_file():
        entry["file"].problem(f"no file {relative!r} beside the bench file; give its path, or {how_to_get(name)}")
        return None
    document = Document(path, Path(relative).as_posix(), node.problems)
    return None if document.root is None else parse(name, document.root, document.text)


def parse(name: str, node: Node, text: str) -> Calibration | None:
    """Return the calibration that `node` states; None, with the problems reported, where it cannot."""
    kind = node.value.get("kind", name) if isinstance(node.value, Mapping) else name
    if kind not in KEYS:
        node.problem(f"{str(kind)!r} is no kind of calibration; {did_you_mean(str(kind), KEYS)} (or state kind: ...)")
        return None
    required, optional = KEYS[kind]
    before = len(node.problems)
    keys = node.fields((*COMMON, *required, *optional), required)
    found = read_keys(kind, keys)
    if len(node.problems) > before:
        return None
    common = {"name": name, "source": node.where, "text": text, "max_age": found.get("max_age")}
    return build(kind, common | {key: found.get(key) for key in (*required, *optional)})


def from_mapping(name: str, mapping: Mapping[str, Any]) -> Calibration:
    """Return the calibration `name` from Values, text or bare numbers, these in the unit of their key.

    Raises:
        UsageError: with every problem of the mapping.
    """
    problems: list[str] = []
    units = units_of(mapping, name)
    plain = {key: _written(key, value, units) for key, value in mapping.items()}
    node = Node(plain, f"calibration {name!r}", 0, (), problems, bare=True)
    found = parse(name, node, "")
    if found is None:
        raise UsageError("\n".join(problems))
    return dataclasses.replace(found, text=to_yaml(mapping))


def to_yaml(mapping: Mapping[str, Any]) -> str:
    """Return a calibration as YAML: values with sigma and unit, the unit behind every bare number."""
    writer = YAML(typ="rt")
    stream = io.StringIO()
    units = units_of(mapping)
    writer.dump({key: _written(key, value, units) for key, value in mapping.items()}, stream)
    return stream.getvalue()


def write_calibration(path: Path | str, mapping: Mapping[str, Any]) -> None:
    """Write a calibration file whole or not at all: a crash leaves the old one; its permissions stay."""
    target = Path(path)
    text = to_yaml(mapping)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not by `tempfile`, whose files nobody else may read: a calibration is the whole lab's.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _written(key: str, value: Any, units: Mapping[str, str]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_written(key, item, units) for item in value]
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, (dt.date, bool, str)) or value is None:
        return value
    if isinstance(value, Value):
        unit = "" if value.unit == "1" else f" {value.unit}"
        sigma = f" +- {float(value.sigma)!r}" if key in WITH_SIGMA else ""
        return f"{float(value.nominal)!r}{sigma}{unit}"
    number = float(value)
    return f"{number!r} {units[key]}" if key in units else number
