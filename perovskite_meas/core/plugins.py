"""Procedures, analyses and role adapters of this package and of anyone else's, by entry point."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import UsageError, did_you_mean

GROUPS = {"procedures": "procedure", "analyses": "analysis", "roles": "role"}
"""Groups of entry points, and what one of each is called."""


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"perovskite_meas.{group}")}


def names(group: str) -> tuple[str, ...]:
    """Return the registered names of one group: 'procedures', 'analyses' or 'roles'."""
    return tuple(sorted(_points(group)))


def find(group: str, name: str) -> Any:
    """Return the registered object `name` of one group.

    Raises:
        UsageError: no such name, or the package that registers it cannot be imported.
    """
    points = _points(group)
    if name not in points:
        raise UsageError(f"no {name!r} among the {group}; {did_you_mean(name, points)}")
    point = points[name]
    try:
        return point.load()
    # Anybody's module is imported here, and each may fail in its own way; its error is kept as the cause.
    except Exception as error:
        what = str(error) if isinstance(error, (ImportError, AttributeError)) else f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{GROUPS[group]} {name!r} is registered as {point.value!r} but cannot be loaded: {what}"
        ) from error
