"""Rows keep to their declared columns, or say what is wrong."""

import numpy as np
import pytest

from perovskite_meas.core import Column, RowCheck
from perovskite_meas.core.errors import RowError, UsageError

COLUMNS = (Column("power", "W", "power"), Column("counts", "1", "counts"), Column("trace", "V", "trace", array=True))


def row(**changes: object) -> dict[str, object]:
    return {"power": 1.0, "counts": 3, "trace": np.zeros(4)} | changes


def test_numpy_scalars_and_zero_dimensional_arrays_become_plain_numbers() -> None:
    checked = RowCheck(COLUMNS)(row(power=np.float32(0.5), counts=np.array(7)))
    assert type(checked["power"]) is float
    assert type(checked["counts"]) is int


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row(powr=1), "row 0: undeclared column 'powr'; did you mean 'power'"),
        ({"power": 1.0, "counts": 2}, "no value for the declared column"),
        (row(power=float("nan")), "'power' is nan; every stored number must be finite"),
        (row(power="3 W"), "one number in W"),
        (row(counts=np.zeros(2)), "one number"),
        (row(trace=1.0), "declared as an array"),
        (row(trace=["a"]), "declared as an array"),
        ([1, 2], "yields mappings"),
    ],
)
def test_a_bad_row_is_refused_by_name(bad: object, says: str) -> None:
    with pytest.raises(RowError, match=says):
        RowCheck(COLUMNS)(bad)  # type: ignore[arg-type]


def test_an_array_may_not_change_its_shape_within_a_run() -> None:
    check = RowCheck(COLUMNS)
    check(row())
    with pytest.raises(RowError, match=r"row 1: column 'trace' changed its shape from \(4,\) to \(5,\)"):
        check(row(trace=np.zeros(5)))


def test_a_column_needs_a_known_unit_and_a_doc() -> None:
    with pytest.raises(UsageError, match="not a unit"):
        Column("x", "Wat", "x")
    with pytest.raises(RowError, match="doc"):
        Column("x", "W", "")
