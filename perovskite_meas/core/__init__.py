"""The vocabulary: sweeps, procedures and their columns, roles, time, values and analyses."""

from .analysis import Analysis, Forecast, StoredResult, analysis, condition, fact
from .clock import Clock, WallClock, wait_until
from .columns import Column, Row, RowCheck
from .procedure import Procedure, Rows, param
from .sweep_text import parse_sweep
from .sweeps import Linspace, Logspace, Sweep, Values, backwards, shuffled, there_and_back
from .units import show, to_unit, with_sigma
from .value import Value

__all__ = [
    "Analysis",
    "Clock",
    "Column",
    "Forecast",
    "Linspace",
    "Logspace",
    "Procedure",
    "Row",
    "RowCheck",
    "Rows",
    "StoredResult",
    "Sweep",
    "Value",
    "Values",
    "WallClock",
    "analysis",
    "backwards",
    "condition",
    "fact",
    "param",
    "parse_sweep",
    "show",
    "shuffled",
    "there_and_back",
    "to_unit",
    "wait_until",
    "with_sigma",
]
