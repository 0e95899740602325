"""The fields of a result as a reader wants them: with their units."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.plugins import find
from perovskite_meas.core.value import Value

_MOST_WORDS = 12
"""Longer lists are data, not text, and stay out of the tables."""
_NONE = ("1", "")


def table(name: str, result: Any) -> list[tuple[str, str]]:
    """Return (field, text) for every field of the result of an analysis that is no array.

    The unit of a plain number is `metadata={"unit": ...}` of its field; "%" stands for a fraction, shown in per cent.
    """
    units = field_units(name, result)
    fields = result if isinstance(result, Mapping) else vars(result)
    lines = []
    for field, value in fields.items():
        unit = units.get(field, "")
        if isinstance(value, Mapping):
            found = ((f"{field}: {key}", cell(item, unit)) for key, item in value.items())
            lines += [(key, text) for key, text in found if text is not None]
        elif (text := cell(value, unit)) is not None:
            lines.append((field, text))
    return lines


def field_units(name: str, result: Any) -> dict[str, str]:
    """Return the unit by field of the result of an analysis; of a stored one, as the installed analysis declares it."""
    kind: Any = result if dataclasses.is_dataclass(result) else _declared(name)
    if not dataclasses.is_dataclass(kind):
        return {}
    return {field.name: str(field.metadata["unit"]) for field in dataclasses.fields(kind) if "unit" in field.metadata}


def _declared(name: str) -> Any:
    try:
        function = find("analyses", name).function
        only = types.SimpleNamespace(__annotations__={"return": function.__annotations__["return"]})
        return typing.get_type_hints(only, globalns=function.__globals__)["return"]
    except (UsageError, AttributeError, KeyError, NameError, TypeError):
        return None  # an analysis that is not installed here, or not annotated: its numbers stand without units


def cell(value: Any, unit: str = "") -> str | None:
    """Return a value as text; None for what is no text."""
    if isinstance(value, Value):
        value = value.prefixed()
        parts = [str(value)]
        if value.statistical is not None and value.systematic is not None:
            parts.append(f"(stat. {value.statistical:.2g}, syst. {value.systematic:.2g})")
        return " ".join(parts)
    if value is None:
        return "none"
    if isinstance(value, (str, bool)):
        return str(value)
    if isinstance(value, (int, float)) and unit == "%":
        return f"{100 * value:.3g} %"
    if isinstance(value, (int, float)):
        text = str(value) if isinstance(value, int) else f"{value:.4g}"
        return text if unit in _NONE else f"{text} {unit}"
    if isinstance(value, (list, tuple)) and len(value) <= _MOST_WORDS and all(isinstance(item, str) for item in value):
        return "; ".join(value) or "none"
    return None
