"""Whether the drivers that a station file names exist: their modules are imported, nothing is opened."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

from qcodes.instrument import InstrumentBase

from perovskite_meas.bench.document import Document, Node
from perovskite_meas.core.errors import UsageError, did_you_mean


def type_problems(station: Path) -> list[str]:
    """Return one line for each instrument whose `type:` cannot be had; a file of another shape has none."""
    document = Document(station, station.name)
    found: list[str] = []
    if document.root is None or "instruments" not in document.root.mapping():
        return found
    section = document.root.mapping()["instruments"]
    for entry in section.mapping().values():
        node = entry.mapping().get("type")
        if node is not None and isinstance(node.value, str):
            problem = _problem(node)
            found += [problem] if problem else []
    return found


def _problem(node: Node) -> str:
    dotted = str(node.value)
    try:
        _driver(dotted)
    except UsageError as error:
        return f"{node.where}: {'.'.join(node.path)}: {error}"
    return ""


def _driver(dotted: str) -> Any:
    """Return what QCoDeS would call to make the instrument.

    Raises:
        UsageError: its module cannot be imported or does not hold it.
    """
    path, _, name = dotted.rpartition(".")
    if not path:
        raise UsageError(f"{dotted!r} is no dotted path; write it like 'perovskite_meas.drivers.SR400'")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise UsageError(f"{dotted!r} cannot be imported: {error}; install what it needs") from error
        raise UsageError(f"there is no module {error.name!r}; {_nearest(error.name)}") from error
    # Anybody's driver is imported here, and each may fail in its own way, for want of a vendor's library for one.
    except Exception as error:
        raise UsageError(f"{dotted!r} cannot be imported: {type(error).__name__}: {error}") from error
    made = getattr(module, name, None)
    if made is None:
        raise UsageError(f"{path!r} has no {name!r}; {did_you_mean(name, _drivers_of(module))}")
    if not callable(made):
        raise UsageError(f"{dotted!r} is no class; {did_you_mean(name, _drivers_of(module))}")
    return made


def _drivers_of(module: ModuleType) -> list[str]:
    return [
        name for name, thing in vars(module).items() if isinstance(thing, type) and issubclass(thing, InstrumentBase)
    ]


def _nearest(missing: str) -> str:
    """Suggest a module beside the missing one, or its installation."""
    parent, _, name = missing.rpartition(".")
    if parent:
        places = getattr(importlib.import_module(parent), "__path__", [])
        return did_you_mean(name, [found.name for found in pkgutil.iter_modules(places)])
    near = difflib.get_close_matches(name, [found.name for found in pkgutil.iter_modules()], n=1, cutoff=0.8)
    return f"did you mean {near[0]!r}?" if near else "install the package that holds it, or correct `type`"
