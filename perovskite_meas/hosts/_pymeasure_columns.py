"""A procedure's columns under the names that a PyMeasure results file gives them."""

from __future__ import annotations

from collections.abc import Sequence

from pymeasure.experiment import Procedure as PyMeasureProcedure

from perovskite_meas.core.columns import Column

ROW = "row"


def label(column: Column) -> str:
    """Return the name of a column in a results file, with the unit where PyMeasure knows it.

    Examples:
        >>> label(Column("dose", "J/cm^2", "light taken"))
        'dose (J/cm**2)'
        >>> label(Column("counts", "1", "registered counts"))
        'counts'
        >>> label(Column("spectrum", "1", "raw counts", array=True))
        'spectrum [row of arrays.h5]'
    """
    if column.array:
        return f"{column.name} [row of arrays.h5]"
    if column.unit in ("1", ""):
        return column.name
    unit = column.unit.replace("^", "**").replace(" ", "*")
    named = f"{column.name} ({unit})"
    try:
        known = PyMeasureProcedure.parse_columns([named])
    except ValueError:
        known = {}
    return named if known else f"{column.name} [{column.unit}]"


def data_columns(columns: Sequence[Column]) -> list[str]:
    """Return PyMeasure's DATA_COLUMNS for a procedure: the row number, then its columns."""
    return [ROW, *(label(column) for column in columns)]
