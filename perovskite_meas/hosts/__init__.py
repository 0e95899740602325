"""The host frameworks: the only code besides drivers that imports QCoDeS or PyMeasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bridge import PyMeasureInstrument, as_pymeasure

__all__ = ["PyMeasureInstrument", "as_pymeasure"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import bridge

        return getattr(bridge, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
