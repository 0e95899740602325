"""Measurement procedures, drivers and a virtual laboratory for perovskite nanocrystal optics.

The names below are imported when first used, so that `import perovskite_meas` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core import Linspace, Logspace, Value, Values, there_and_back
    from .hosts.qcodes import Record, load_bench, load_record, run

__version__ = "0.1.0"

_HOMES = {
    "Linspace": ".core.sweeps",
    "Logspace": ".core.sweeps",
    "Values": ".core.sweeps",
    "there_and_back": ".core.sweeps",
    "Value": ".core.value",
    "load_bench": ".hosts.qcodes",
    "run": ".hosts.qcodes",
    "load_record": ".hosts.qcodes",
    "Record": ".hosts.qcodes",
}

__all__ = [
    "Linspace",
    "Logspace",
    "Record",
    "Value",
    "Values",
    "load_bench",
    "load_record",
    "run",
    "there_and_back",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
