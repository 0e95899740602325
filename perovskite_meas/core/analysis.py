"""Analyses: pure functions from a dataset to a frozen result, with declared needs and a figure."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from .errors import AnalysisRefused, UsageError, did_you_mean
from .units import to_unit
from .value import Value

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from .columns import Column

Result = TypeVar("Result")


class Analysis(Generic[Result]):
    """A function `xarray.Dataset -> frozen result`, and what it must be given.

    Attributes:
        name: the name under which it is registered and its result is stored.
        needs: column name -> unit; the procedure must declare them all.
        uses: dotted names of the conditions (calibrations, sample facts) without which it refuses.
    """

    def __init__(self, function: Callable[..., Result], needs: Mapping[str, str], uses: Sequence[str]) -> None:
        self.function = function
        self.name: str = function.__name__
        self.__doc__ = function.__doc__
        self.needs = dict(needs)
        self.uses = tuple(uses)
        self._figure: Callable[[xr.Dataset, Result, Figure], None] | None = None
        self._forecast: Callable[[xr.Dataset], Forecast] | None = None

    def __call__(self, data: xr.Dataset, **options: Any) -> Result:
        """Analyse `data`.

        Args:
            data: the rows.
            options: what the function declares as keyword-only arguments; each has a default.

        Raises:
            UsageError: it declares no such option.
            AnalysisRefused: the data do not support the claim.
        """
        parameters = inspect.signature(self.function).parameters.values()
        known = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
        for name in options:
            if name not in known:
                raise UsageError(f"the analysis {self.name!r} has no option {name!r}; {did_you_mean(name, known)}")
        return self.function(data, **options)

    def figure(self, draw: Callable[[xr.Dataset, Result, Figure], None]) -> Callable[..., None]:
        """Register `draw(data, result, figure)` as the figure of this analysis (decorator)."""
        self._figure = draw
        return draw

    def forecast(self, function: Callable[[xr.Dataset], Forecast]) -> Callable[..., Forecast]:
        """Register what can be told from a dry run's rows before any light (decorator)."""
        self._forecast = function
        return function

    def draw(self, data: xr.Dataset, result: Result, figure: Figure) -> None:
        """Draw the result into `figure`; nothing where the analysis has no figure."""
        if self._figure is not None:
            self._figure(data, result, figure)

    def predict(self, planned: xr.Dataset) -> Forecast | None:
        """Return the forecast for planned rows, or None where the analysis offers none."""
        return None if self._forecast is None else self._forecast(planned)

    def unmet(self, columns: Sequence[Column], conditions: Mapping[str, Any]) -> list[str]:
        """List every declared need that these columns and conditions do not meet."""
        declared = {column.name: column.unit for column in columns}
        problems = []
        for name, unit in self.needs.items():
            if name not in declared:
                problems.append(f"analysis {self.name!r} needs the column {name!r} in {unit}; the procedure has none")
            elif declared[name] != unit:
                problems.append(
                    f"analysis {self.name!r} needs {name!r} in {unit}; the procedure declares it in {declared[name]}"
                )
        problems += [
            f"analysis {self.name!r} needs {name!r}: state it in bench.yaml (roles, calibrations or sample)"
            for name in self.uses
            if _lookup(conditions, name) is None
        ]
        return problems


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What an analysis can tell from a dry run and the bench's expectations."""

    count_rate: float | None = None
    """Highest expected count rate, in cps; None where unknown."""
    mean_excitations: tuple[float, float] | None = None
    """Lowest and highest <N>; None where unknown."""
    sigma: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Forecast relative 1-sigma by result field; empty where unknown."""
    unknown: tuple[str, ...] = ()
    """What the bench would have to state for more to be known."""
    notes: tuple[str, ...] = ()
    """What else can be told, one line each."""


def analysis(
    *, needs: Mapping[str, str], uses: Sequence[str] = ()
) -> Callable[[Callable[..., Result]], Analysis[Result]]:
    """Declare a function as an analysis (decorator).

    Args:
        needs: column name -> unit that the dataset must hold.
        uses: dotted names under `data.attrs["conditions"]` that must be stated.
    """

    def wrap(function: Callable[..., Result]) -> Analysis[Result]:
        return Analysis(function, needs, uses)

    return wrap


def _lookup(conditions: Mapping[str, Any], dotted: str) -> Any:
    node: Any = conditions
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


def fact(data: xr.Dataset, dotted: str, default: Any = None) -> Any:
    """Return a condition of the run as stored (text, number, list), or `default`."""
    found = _lookup(data.attrs.get("conditions", {}), dotted)
    return default if found is None else found


def condition(data: xr.Dataset, dotted: str, unit: str) -> Value:
    """Return a condition of the run as a Value in `unit`.

    A stored quantity is a mapping {"value", "sigma", "unit"}.

    Raises:
        AnalysisRefused: the bench did not state it.
    """
    found = _lookup(data.attrs.get("conditions", {}), dotted)
    if found is None:
        raise AnalysisRefused(f"{dotted!r} is not stated in the bench; add it to bench.yaml, in {unit}")
    if isinstance(found, Mapping):
        stored = str(found.get("unit", unit))
        nominal = to_unit(f"{float(found['value'])!r} {stored}" if stored != "1" else float(found["value"]), unit)
        sigma = float(found.get("sigma", 0.0) or 0.0)
        return Value(nominal, to_unit(f"{sigma!r} {stored}" if stored != "1" else sigma, unit), unit)
    return Value(to_unit(found, unit), 0.0, unit)


def result_to_json(result: Any) -> dict[str, Any]:
    """Return a frozen result as JSON data: values as mappings, arrays as lists."""
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        raise UsageError(f"an analysis returns a frozen dataclass, not {type(result).__name__}")
    return {field.name: _plain(getattr(result, field.name)) for field in dataclasses.fields(result)}


def _plain(item: Any) -> Any:
    if isinstance(item, Value):
        return {"__value__": item.to_json()}
    if isinstance(item, Mapping):
        return {str(key): _plain(value) for key, value in item.items()}
    if isinstance(item, np.ndarray):
        return item.tolist()
    if isinstance(item, np.generic):
        return item.item()
    if isinstance(item, (list, tuple)):
        return [_plain(value) for value in item]
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return result_to_json(item)
    json.dumps(item)
    return item


class StoredResult(Mapping[str, Any]):
    """A result read back from disk: its fields as attributes and as a mapping."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = {name: _revive(value) for name, value in fields.items()}

    def __getattr__(self, name: str) -> Any:
        fields: dict[str, Any] = self.__dict__.get("_fields", {})
        if name in fields:
            return fields[name]
        raise AttributeError(f"this stored result has no field {name!r}; it has {', '.join(fields)}")

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Any:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"StoredResult({', '.join(f'{name}={value}' for name, value in self._fields.items())})"


def _revive(item: Any) -> Any:
    if isinstance(item, Mapping):
        if set(item) == {"__value__"}:
            return Value.from_json(dict(item["__value__"]))
        return {key: _revive(value) for key, value in item.items()}
    if isinstance(item, list):
        return [_revive(value) for value in item]
    return item
