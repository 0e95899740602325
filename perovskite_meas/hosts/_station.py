"""Open a QCoDeS station strictly and in file order, and find parameters in it by dotted name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from qcodes.instrument import Instrument, InstrumentBase
from qcodes.parameters import ParameterBase
from qcodes.station import Station
from ruamel.yaml import YAML

from perovskite_meas.core.errors import BenchError, InstrumentError, UsageError, did_you_mean

TWIN = "@twin"


class ParameterHandle:
    """A QCoDeS parameter as the bench's role adapters use it."""

    def __init__(self, dotted: str, parameter: ParameterBase, owner: Any) -> None:
        self.name = dotted
        self.owner = owner
        self.unit = str(getattr(parameter, "unit", "") or "")
        self._parameter = parameter

    def get(self) -> Any:
        """Read the parameter."""
        return self._parameter.get()

    def set(self, value: Any) -> None:
        """Set the parameter.

        Raises:
            UsageError: it can only be read.
        """
        if not self._parameter.settable:
            raise UsageError(f"{self.name} can only be read; name a parameter that can be set")
        self._parameter.set(value)


class Resolver(Protocol):
    """Finds a parameter by its dotted name."""

    def __call__(self, dotted: str) -> ParameterHandle:
        """Return the handle of `instrument.parameter`."""


def resolver(station: Station) -> Resolver:
    """Return a function that finds parameters of a station's instruments by dotted name."""

    def resolve(dotted: str) -> ParameterHandle:
        first, *rest = dotted.split(".")
        if first not in station.components:
            raise UsageError(f"no instrument {first!r} in the station; {did_you_mean(first, station.components)}")
        node: Any = station.components[first]
        owner = node
        for part in rest:
            known = _members(node)
            if part not in known:
                raise UsageError(f"{dotted!r}: {node.name!r} has no {part!r}; {did_you_mean(part, known)}")
            node = known[part]
            if isinstance(node, InstrumentBase):
                owner = node
        if not isinstance(node, ParameterBase):
            offered = sorted(name for name, member in _members(node).items() if isinstance(member, ParameterBase))
            raise UsageError(f"{dotted!r} is an instrument; name one of its parameters: {', '.join(offered)}")
        return ParameterHandle(dotted, node, owner)

    return resolve


def _members(node: Any) -> dict[str, Any]:
    if not isinstance(node, InstrumentBase):
        return {}
    return {**node.parameters, **node.submodules}


def instruments(station: Station) -> dict[str, Any]:
    """Return the instruments of a station's file by name, in file order."""
    return dict(dict(station.config or {}).get("instruments", {}))


def visa_libraries(station: Station) -> tuple[str, ...]:
    """Return the virtual laboratories that a station's file names, in file order."""
    names = []
    for entry in instruments(station).values():
        init = entry.get("init") or {}
        library = str(init.get("visalib") or init.get("visa_library") or "")
        if library.endswith(TWIN) and library not in names:
            names.append(library)
    return tuple(names)


def read_station(path: Path) -> Station:
    """Read a station file without opening anything; what QCoDeS only warns about is refused.

    Raises:
        BenchError: unreadable, or not a valid station file.
    """
    if not path.is_file():
        raise BenchError(f"{path}: the station file does not exist", [f"create it, or correct `station:` to {path}"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _refuse_other_shapes(path)
            station = Station(config_file=str(path), default=False)
        except BenchError:
            raise
        # The YAML library, the schema and QCoDeS each raise kinds of their own here.
        except Exception as error:
            raise BenchError(f"{path} is no QCoDeS station file:", [_first_line(error)]) from error
    complaints = [str(item.message).splitlines()[0] for item in caught if "config" in str(item.message).lower()]
    if complaints:
        raise BenchError(f"{path} is not a valid QCoDeS station file:", complaints)
    return station


def _refuse_other_shapes(path: Path) -> None:
    """Refuse what QCoDeS itself falls over without saying why: no mapping of instruments."""
    loaded = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    entries = loaded.get("instruments") if isinstance(loaded, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise BenchError(
            f"{path} is no QCoDeS station file:",
            ["it must hold 'instruments:' with one 'name: {type: ..., address: ...}' for each instrument"],
        )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def open_instruments(station: Station, path: Path) -> None:
    """Open every instrument of a station in file order; on failure close what was opened.

    Raises:
        InstrumentError: one instrument could not be opened; names it.
        BenchError: its driver cannot be imported or refuses its arguments.
    """
    for name, entry in instruments(station).items():
        try:
            with _as_read(station):
                station.load_instrument(name)
        except InstrumentError:
            close_instruments(station)
            raise
        # Any driver of any package may be opened here, and each raises what it likes.
        except Exception as error:
            close_instruments(station)
            kind = entry.get("type")
            where = f" at {entry['address']}" if "address" in entry else ""
            problem = f"{name} ({kind}){where}: {type(error).__name__}: {error}"
            if isinstance(error, (ImportError, AttributeError, TypeError, KeyError, ValueError)):
                raise BenchError(f"{path}: an instrument cannot be made:", [problem]) from error
            raise InstrumentError(f"{path.name}: cannot open {problem}") from error


@contextmanager
def _as_read(station: Station) -> Iterator[None]:
    """Spare the station its files, which QCoDeS reads again for every instrument: more than half of the opening."""
    station.load_config_files = lambda *_: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        del station.load_config_files


def close_instruments(station: Station) -> list[str]:
    """Close every instrument of a station; return what went wrong."""
    problems = []
    for name in reversed(list(station.components)):
        component = station.components[name]
        if isinstance(component, Instrument):
            try:
                component.close()
            # A dead line must not keep the other instruments open.
            except Exception as error:
                problems.append(f"{name} did not close: {type(error).__name__}: {error}")
        station.remove_component(name)
    return problems


def identities(station: Station) -> dict[str, dict[str, str | None]]:
    """Ask every instrument who it is; what does not answer is said so."""
    found: dict[str, dict[str, str | None]] = {}
    for name, component in station.components.items():
        if isinstance(component, Instrument):
            try:
                found[name] = {
                    "driver": f"{type(component).__module__}.{type(component).__name__}",
                    **component.get_idn(),
                }
            # Provenance is worth having even where one identity query fails.
            except Exception as error:
                found[name] = {"error": f"{type(error).__name__}: {error}"}
    return found
