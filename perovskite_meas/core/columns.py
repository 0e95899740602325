"""Declared columns, and the check that every row keeps to them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import RowError, did_you_mean
from .units import check_unit

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """One column of a procedure's rows.

    Args:
        name: a Python identifier.
        unit: unit as text, '1' for a plain number.
        doc: one line.
        array: True where each row holds an array, of one shape for the whole run.
        codes: for a column of categories, what each number means.
    """

    name: str
    unit: str
    doc: str
    array: bool = False
    codes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name == "row":
            raise RowError(f"column name {self.name!r} must be an identifier other than 'row'")
        if not self.doc:
            raise RowError(f"column {self.name!r} needs a doc line")
        check_unit(self.unit)

    def attrs(self) -> dict[str, Any]:
        """Return the attributes that this column carries in a dataset (CF conventions for codes)."""
        attrs: dict[str, Any] = {"units": self.unit, "long_name": self.doc}
        if self.codes:
            attrs["flag_values"] = list(self.codes.values())
            attrs["flag_meanings"] = " ".join(self.codes)
        return attrs


def meanings(attrs: Mapping[Any, Any], *, strict: bool = False) -> dict[int, str] | None:
    """Return code -> word of a column of categories, as `Column.attrs` wrote them; None where it did not.

    Args:
        attrs: of the column in a dataset.
        strict: whether codes and words of different number are an error; else the first ones count.

    Raises:
        ValueError: they are, in strict reading.
    """
    if "flag_values" not in attrs or "flag_meanings" not in attrs:
        return None
    codes = [int(code) for code in np.atleast_1d(attrs["flag_values"])]
    return dict(zip(codes, str(attrs["flag_meanings"]).split(), strict=strict))


def category_names(values: Any, meaning: Mapping[int, str]) -> np.ndarray[Any, np.dtype[np.str_]]:
    """Return the word of each code, shape (n,); '?' for codes that mean nothing."""
    codes = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return np.array([meaning.get(int(code), "?") if np.isfinite(code) else "?" for code in codes], dtype=np.str_)


class RowCheck:
    """Checks rows one by one against declared columns and remembers the arrays' shapes."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = {column.name: column for column in columns}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.count = 0

    def __call__(self, row: Row) -> dict[str, Any]:
        """Return the row as floats, ints and arrays, in the declared order.

        Raises:
            RowError: a column is missing, unknown, not finite, or changed its shape.
        """
        where = f"row {self.count}"
        if not isinstance(row, Mapping):
            raise RowError(f"{where}: a procedure yields mappings, not {type(row).__name__}")
        unknown = [name for name in row if name not in self._columns]
        if unknown:
            raise RowError(f"{where}: undeclared column {unknown[0]!r}; {did_you_mean(unknown[0], self._columns)}")
        missing = [name for name in self._columns if name not in row]
        if missing:
            raise RowError(f"{where}: no value for the declared column(s) {', '.join(missing)}")
        checked = {
            name: self._array(name, row[name], where) if column.array else _scalar(name, row[name], where, column)
            for name, column in self._columns.items()
        }
        self.count += 1
        return checked

    def _array(self, name: str, value: Any, where: str) -> np.ndarray[Any, Any]:
        array = np.asarray(value)
        if array.dtype.kind not in "iufb" or array.ndim == 0:
            raise RowError(f"{where}: column {name!r} is declared as an array of numbers; got {value!r:.60}")
        if self._shapes.setdefault(name, array.shape) != array.shape:
            raise RowError(
                f"{where}: column {name!r} changed its shape from {self._shapes[name]} to {array.shape} within one run"
            )
        return array


def _scalar(name: str, value: Any, where: str, column: Column) -> float | int:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, numbers.Real):
        raise RowError(f"{where}: column {name!r} is one number in {column.unit}; got {value!r:.60}")
    number: float | int = int(value) if isinstance(value, numbers.Integral) else float(value)
    if not math.isfinite(number):
        raise RowError(f"{where}: column {name!r} is {number}; every stored number must be finite")
    return number
