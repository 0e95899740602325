"""The base of all procedures: frozen, validated parameters, declared columns, one generator of rows."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import pydantic
from pydantic.fields import FieldInfo

from .columns import Column, Row
from .errors import ParameterError, UsageError, did_you_mean
from .sweep_text import as_sweep
from .sweeps import Sweep
from .units import show, to_unit

Rows = Generator[Row, None, None]


def param(
    default: Any,
    *,
    unit: str | None = None,
    doc: str,
    low: float | str | None = None,
    high: float | str | None = None,
    above: float | str | None = None,
) -> Any:
    """Declare a parameter of a procedure.

    Args:
        default: its default, as text with unit or a bare number in `unit`.
        unit: the unit in which `measure` sees it; None for counts, flags and words.
        doc: one line for help, schema and report.
        low: least allowed value (every point, for a sweep).
        high: greatest allowed value.
        above: every value must be greater than this one, which is not allowed itself; instead of `low`.

    Raises:
        UsageError: both `low` and `above`, or a bound in another unit.
    """
    if low is not None and above is not None:
        raise UsageError(f"give either low={low!r} or above={above!r}, not both")
    bounds = {"low": low, "high": high, "above": above}
    extra: dict[str, Any] = {"unit": unit}
    extra |= {name: to_unit(end, unit) if end is not None and unit else end for name, end in bounds.items()}
    return pydantic.Field(default=default, description=doc, json_schema_extra=extra, validate_default=True)


class Procedure(pydantic.BaseModel):
    """One measurement as a frozen value; its generator `measure` yields the rows.

    Subclasses declare parameters with `param`, `columns`, the `analyses` that run afterwards and the
    packaged `table` on which the procedure runs without arguments. Quantities may be given as text
    with a unit or as bare numbers in the declared unit; unknown names are refused.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    columns: ClassVar[tuple[Column, ...]] = ()
    analyses: ClassVar[tuple[str, ...]] = ()
    table: ClassVar[str] = ""

    def __init__(self, **parameters: Any) -> None:
        cls = type(self)
        problems: list[str] = []
        taken: dict[str, Any] = {}
        for name, value in parameters.items():
            info = cls.model_fields.get(name)
            if info is None:
                problems.append(f"no parameter {name!r}; {did_you_mean(name, cls.model_fields)}")
                continue
            try:
                taken[name] = _convert(name, value, info)
            except UsageError as error:
                problems.append(str(error) if name in str(error) else f"{name}: {error}")
        if not problems:
            taken = {name: _convert(name, info.default, info) for name, info in cls.model_fields.items()} | taken
            try:
                super().__init__(**taken)
            except pydantic.ValidationError as error:
                problems += [_told(e) for e in error.errors()]
        if problems:
            raise ParameterError(f"{cls.__name__} cannot run with these parameters:", problems)

    def measure(self, *args: Any, **roles: Any) -> Rows:
        """Yield one row after another; arguments are the bench's roles, by name alone."""
        raise TypeError(f"{type(self).__name__} does not say how to measure: write its `measure` generator")

    def why_power(self, watt: float) -> str:
        """Return which parameters ask for this power at the sample and what to change, where `power` alone does not."""
        return ""

    @classmethod
    def roles(cls) -> dict[str, RoleNeed]:
        """Return the roles that `measure` asks for: name -> annotation and whether it may be absent."""
        hints = typing.get_type_hints(cls.measure)
        needs = {}
        for name, parameter in inspect.signature(cls.measure).parameters.items():
            if name == "self" or parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
                continue
            kind = hints.get(name, object)
            options = [option for option in typing.get_args(kind) if option is not type(None)]
            needs[name] = RoleNeed(options[0] if options else kind, parameter.default is not inspect.Parameter.empty)
        return needs

    def replace(self, **changes: Any) -> typing.Self:
        """Return a copy with some parameters changed, validated again."""
        return type(self)(**{**self.parameters(), **changes})

    def parameters(self) -> dict[str, Any]:
        """Return all parameters by name, in the declared units."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as JSON data; `type(self)(**data)` makes the same procedure."""
        return {name: str(value) if isinstance(value, Sweep) else value for name, value in self.parameters().items()}

    def __repr__(self) -> str:
        changed = [
            f"{name}={value!r}"
            for name, value in self.parameters().items()
            if value != _convert(name, type(self).model_fields[name].default, type(self).model_fields[name])
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    __str__ = __repr__


def _told(error: Mapping[str, Any]) -> str:
    """Return what one of pydantic's errors says, after the parameter's name where it is about one alone."""
    # An error of the procedure's own: pydantic writes "Value error, " before it.
    own = error.get("ctx", {}).get("error")
    place = ".".join(map(str, error["loc"]))
    return (f"{place}: " if place else "") + str(error["msg"] if own is None else own)


class RoleNeed(typing.NamedTuple):
    """One role that a procedure asks for."""

    kind: Any
    """The protocol it must fulfil."""
    optional: bool
    """True where the procedure can do without."""


def extra_of(info: FieldInfo) -> dict[str, Any]:
    """Return unit, low, high and above of a parameter as declared with `param`."""
    extra = info.json_schema_extra
    return {"unit": None, "low": None, "high": None, "above": None} | (dict(extra) if isinstance(extra, dict) else {})


def _convert(name: str, value: Any, info: FieldInfo) -> Any:
    extra = extra_of(info)
    unit = extra.get("unit")
    kind = info.annotation
    optional = type(None) in typing.get_args(kind)
    if value is None and optional:
        return None
    if kind is Sweep:
        sweep = as_sweep(value, unit or "1")
        for point in sweep:
            _check_range(name, point, extra)
        return sweep
    if unit is not None:
        number = to_unit(value, unit)
        _check_range(name, number, extra)
        return number
    if isinstance(value, str) and kind in (int, float, bool):
        value = _from_text(name, value, kind)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_range(name, value, extra)
    return value


def _from_text(name: str, text: str, kind: Any) -> Any:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if kind is bool:
        if text.strip().lower() in words:
            return words[text.strip().lower()]
        raise UsageError(f"{name} = {text!r} must be yes or no")
    try:
        return kind(text)
    except ValueError as error:
        raise UsageError(f"{name} = {text!r} must be a {'whole ' if kind is int else ''}number") from error


def _check_range(name: str, number: float, extra: dict[str, Any]) -> None:
    unit, low, high, above = extra.get("unit") or "1", extra.get("low"), extra.get("high"), extra.get("above")
    if not math.isfinite(number):
        raise UsageError(f"{name} = {number} is not a finite number")
    if above is not None and (number <= above or (high is not None and number > high)):
        most = "" if high is None else f" and at most {show(high, unit)}"
        raise UsageError(
            f"{name} = {show(number, unit)} must be above {show(above, unit)}{most} (range set by the procedure)"
        )
    if (low is not None and number < low) or (high is not None and number > high):
        allowed = " .. ".join("any" if end is None else show(end, unit) for end in (low, high))
        raise UsageError(f"{name} = {show(number, unit)} is outside {allowed} (range set by the procedure)")
