"""Checks of an analysis: declared needs, a frozen and documented result that survives JSON, a reasoned refusal."""

from __future__ import annotations

import collections.abc
import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from perovskite_meas.core.analysis import Analysis, StoredResult, result_to_json
from perovskite_meas.core.errors import AnalysisRefused, UsageError
from perovskite_meas.core.units import check_unit
from perovskite_meas.core.value import Value

from .source import attribute_docs, fail

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_SAMPLES: Mapping[Any, Any] = {
    Value: Value(1.5, 0.25, "nm", 0.2, 0.15),
    float: 0.1,
    int: 3,
    str: "word",
    bool: True,
    type(None): None,
    Any: [1.5, "word"],
}


def check_analysis(analysis: Analysis[Any], data: xr.Dataset | None = None) -> None:
    """Check an analysis in every way below.

    Args:
        analysis: made with the decorator `analysis`.
        data: rows of a run that it can analyse; with them the result itself and the figure are checked too.

    Raises:
        AssertionError: lists what is wrong.
    """
    for check in ANALYSIS_CHECKS:
        check(analysis, data=data)


def _states_what_it_needs_with_units(analysis: Analysis[Any], data: Any = None) -> None:
    problems = [] if (analysis.__doc__ or "").strip() else ["it has no docstring"]
    problems += [] if analysis.needs else ["it names no columns that it needs"]
    for name, unit in analysis.needs.items():
        if not name.isidentifier():
            problems.append(f"needs {name!r}, which is no column name")
        try:
            check_unit(unit)
        except UsageError as error:
            problems.append(f"needs {name!r} in {error}")
    fail(problems, analysis.name)


def _returns_a_frozen_documented_dataclass(analysis: Analysis[Any], data: Any = None) -> None:
    cls = result_class(analysis)
    problems = []
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        problems.append(f"{cls.__name__} is not frozen; write @dataclass(frozen=True)")
    doc = cls.__doc__ or ""
    if not doc.strip() or doc.startswith(f"{cls.__name__}("):
        problems.append(f"{cls.__name__} has no docstring")
    explained = attribute_docs(cls)
    problems += [
        f"{cls.__name__}.{field.name} is not explained; write a string below it, with the unit"
        for field in dataclasses.fields(cls)
        if field.name not in explained
    ]
    fail(problems, analysis.name)


def _result_survives_json(analysis: Analysis[Any], data: xr.Dataset | None = None) -> None:
    cls = result_class(analysis)
    fail(_changed_by_json(cls, _sample_of(cls)), analysis.name)


def _changed_by_json(cls: type[DataclassInstance], result: Any) -> list[str]:
    """Return what of a result does not come back from JSON as it was."""
    if not isinstance(result, cls):
        return [f"it returned a {type(result).__name__} where {cls.__name__} is annotated"]
    stored = StoredResult(json.loads(json.dumps(result_to_json(result))))
    values = {
        field.name: (getattr(result, field.name), getattr(stored, field.name)) for field in dataclasses.fields(cls)
    }
    return [
        f"{name} = {there!r:.80} came back as {back!r:.80}"
        for name, (there, back) in values.items()
        if not _equal(there, back)
    ]


def _refuses_an_empty_dataset(analysis: Analysis[Any], data: Any = None) -> None:
    columns = {name: ("row", np.empty(0), {"units": unit}) for name, unit in analysis.needs.items()}
    problems = []
    for what, empty in (("a dataset without columns", xr.Dataset()), ("a dataset without rows", xr.Dataset(columns))):
        try:
            result = analysis(empty)
        except AnalysisRefused as refusal:
            problems += [] if str(refusal).strip() else [f"it refused {what} without saying why"]
        else:
            problems.append(f"it made {result!r:.80} of {what}; raise AnalysisRefused and say what is missing")
    fail(problems, analysis.name)


def _is_a_pure_function_with_a_figure(analysis: Analysis[Any], data: xr.Dataset | None = None) -> None:
    if data is None:
        return
    from matplotlib.figure import Figure

    before = data.copy(deep=True)
    first, second = analysis(data), analysis(data)
    fail(_changed_by_json(result_class(analysis), first), analysis.name)
    figure = Figure()
    analysis.draw(data, first, figure)
    problems = [] if data.identical(before) else ["it changed the dataset that it was given"]
    texts = [json.dumps(result_to_json(result)) for result in (first, second)]
    problems += [] if texts[0] == texts[1] else ["two calls on the same data gave two results"]
    problems += [] if figure.axes else ["it draws nothing; register a function with @analysis.figure"]
    fail(problems, analysis.name)


def result_class(analysis: Analysis[Any]) -> type[DataclassInstance]:
    """Return the dataclass that the analysis is annotated to return.

    Raises:
        AssertionError: it is not annotated with one.
    """
    function = analysis.function
    only = types.SimpleNamespace(__annotations__={"return": function.__annotations__.get("return")})
    found = typing.get_type_hints(only, globalns=function.__globals__)["return"]
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise AssertionError(f"{analysis.name}: annotate the dataclass that it returns; found {found!r}")
    return found


def _sample_of(kind: Any) -> Any:
    """Return something of the annotated kind.

    Raises:
        AssertionError: results of this kind cannot be stored.
    """
    if kind in _SAMPLES:
        return _SAMPLES[kind]
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _sample_of(parts[0])
    if origin is tuple:
        return tuple(_sample_of(part) for part in parts if part is not Ellipsis)
    if origin in (list, collections.abc.Sequence):
        return [_sample_of(parts[0])]
    if origin in (dict, collections.abc.Mapping):
        return {"key": _sample_of(parts[1])}
    if origin is typing.Literal:
        return parts[0]
    if kind is np.ndarray or origin is np.ndarray:
        return np.array([1.0, 2.5])
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{field.name: _sample_of(hints[field.name]) for field in dataclasses.fields(kind)})
    raise AssertionError(
        f"a result field of kind {kind!r} cannot be stored; use Value, numbers, words, lists or mappings"
    )


def _equal(there: Any, back: Any) -> bool:
    if dataclasses.is_dataclass(there) and not isinstance(there, (Value, type)):
        there = {field.name: getattr(there, field.name) for field in dataclasses.fields(there)}
    if isinstance(there, Value):
        return isinstance(back, Value) and _equal(vars(there), vars(back))
    if isinstance(there, Mapping):
        return (
            isinstance(back, Mapping)
            and set(map(str, there)) == set(back)
            and all(_equal(value, back[str(key)]) for key, value in there.items())
        )
    if isinstance(there, np.ndarray):
        there = there.tolist()
    if isinstance(there, (list, tuple)):
        return isinstance(back, list) and len(there) == len(back) and all(map(_equal, there, back))
    if isinstance(there, float) and math.isnan(there):
        return isinstance(back, float) and math.isnan(back)
    return bool(there == back)


ANALYSIS_CHECKS: tuple[Callable[..., None], ...] = (
    _states_what_it_needs_with_units,
    _returns_a_frozen_documented_dataclass,
    _result_survives_json,
    _refuses_an_empty_dataset,
    _is_a_pure_function_with_a_figure,
)
