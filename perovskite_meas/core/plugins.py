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
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{GROUPS[group]} {name!r} is registered as {point.value!r} but cannot be loaded: {error}"
        ) from error
