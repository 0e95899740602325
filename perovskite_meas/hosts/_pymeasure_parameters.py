"""The parameters of a procedure as PyMeasure inputs whose text in a results file reads back exactly."""

from __future__ import annotations

import math
import typing
from typing import Any
from urllib.parse import quote, unquote

from pymeasure.experiment import BooleanParameter, FloatParameter, IntegerParameter, ListParameter, Parameter

from perovskite_meas.core.procedure import Procedure, extra_of
from perovskite_meas.core.sweeps import Sweep

NONE = "none"
"""Text of an optional parameter that is left out; PyMeasure refuses to run with a real None."""

_QUOTED = "quoted:"
_LARGEST_INPUT = 2**31 - 1
_DECIMALS = 30


class Field:
    """One parameter of a procedure: reads what a person, a results file or an input box holds.

    Args:
        owner: the procedure's class.
        name: the parameter's name.
    """

    def __init__(self, owner: type[Procedure], name: str) -> None:
        info = owner.model_fields[name]
        extra = extra_of(info)
        options = [kind for kind in typing.get_args(info.annotation) if kind is not type(None)]
        self.owner = owner
        self.name = name
        self.optional = type(None) in typing.get_args(info.annotation)
        self.kind: Any = options[0] if self.optional else info.annotation
        self.unit: str | None = extra["unit"]
        self.low: float | None = extra["low"]
        self.high: float | None = extra["high"]
        self.doc = info.description or name

    def plain(self, value: Any) -> Any:
        """Return `value` as the procedure itself takes it, without checking it."""
        if not isinstance(value, str):
            return value
        text = _from_header(value)
        if self.optional and text.strip().lower() in (NONE, ""):
            return None
        if self.unit is None or self.kind is Sweep:
            return text
        try:
            return float(text.strip().removesuffix(self.unit))
        except ValueError:
            return text

    def read(self, value: Any) -> Any:
        """Return `value` checked and in the declared unit.

        Raises:
            ParameterError: of the wrong kind, unit or size.
        """
        return self.owner(**{self.name: self.plain(value)}).parameters()[self.name]

    def text(self, value: Any) -> str:
        """Return the short text of a checked value; `read` gives the same value again."""
        if value is None:
            return NONE
        if self.unit is not None and isinstance(value, (int, float)):
            return f"{value!r} {self.unit}"
        return str(value)

    def default(self) -> Any:
        """Return the default, checked and in the declared unit."""
        return self.owner().parameters()[self.name]


def parameter_of(field: Field) -> Any:
    """Return the PyMeasure parameter that stands for a field."""
    label = field.name.replace("_", " ")
    unit = "" if field.unit is None else f", in {field.unit}"
    default = field.default()
    if field.optional or field.kind is Sweep:
        return TextInput(label, field, default=field.text(default), description=field.doc + unit)
    common = {"default": default, "description": field.doc}
    if field.kind is bool:
        return BooleanParameter(label, **common)
    if field.kind is int and field.unit is None:
        low = -_LARGEST_INPUT if field.low is None else field.low
        high = _LARGEST_INPUT if field.high is None else field.high
        return IntegerParameter(label, minimum=low, maximum=high, **common)
    if field.kind in (int, float):
        return ExactFloat(label, field, **common)
    if typing.get_origin(field.kind) is typing.Literal:
        return ListParameter(label, choices=typing.get_args(field.kind), **common)
    return TextInput(label, field, default=field.text(default), description=field.doc)


class ExactFloat(FloatParameter):  # type: ignore[misc]
    """A float with unit that loses no digit in a results file and takes '100 ms' as well as 0.1."""

    def __init__(self, name: str, field: Field, **common: Any) -> None:
        self.field = field
        low = -math.inf if field.low is None else field.low
        high = math.inf if field.high is None else field.high
        super().__init__(name, units=field.unit, minimum=low, maximum=high, decimals=_DECIMALS, **common)

    def convert(self, value: Any) -> float:
        """Return the value in the declared unit.

        Raises:
            ParameterError: no such quantity, or out of range.
        """
        return float(self.field.read(value))

    def __str__(self) -> str:
        return self.field.text(self.value) if self.is_set() else ""


class TextInput(Parameter):  # type: ignore[misc]
    """A sweep, an optional quantity or a word, as its short text."""

    def __init__(self, name: str, field: Field, **common: Any) -> None:
        self.field = field
        super().__init__(name, **common)

    def convert(self, value: Any) -> str:
        """Return the canonical text of the value.

        Raises:
            ParameterError: the procedure does not take it.
        """
        return self.field.text(self.field.read(value))

    def __str__(self) -> str:
        return _to_header(self.value) if self.is_set() else ""


class BenchInput(Parameter):  # type: ignore[misc]
    """The path of a bench file, or the name of a packaged table."""

    def convert(self, value: Any) -> str:
        """Return the path as text."""
        return _from_header(str(value)).strip()

    def __str__(self) -> str:
        return _to_header(self.value) if self.is_set() else ""


def _to_header(text: str) -> str:
    """Write text so that PyMeasure's header, which escapes but never unescapes, gives it back unchanged."""
    if text.isascii() and text.isprintable() and "\\" not in text and not text.startswith(_QUOTED):
        return text
    return _QUOTED + quote(text)


def _from_header(text: str) -> str:
    return unquote(text.removeprefix(_QUOTED)) if text.startswith(_QUOTED) else text
