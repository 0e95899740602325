"""Durations and sorted times as the functions of photons take them."""

from __future__ import annotations

from ..core.errors import UsageError
from ..core.tags import Times
from . import checks
from .kernels.walk import in_order


def positive_ps(value: object, name: str) -> int:
    """Return a duration of at least 1 ps as whole ps; text carries its unit.

    Raises:
        UsageError: not a whole number of ps, or none above 0.
    """
    number = checks.picoseconds(value, name)
    if number < 1:
        raise UsageError(f"{name} is {number} ps; it must be at least 1 ps")
    return number


def sorted_times(values: object, name: str) -> Times:
    """Return one channel's tags as a contiguous array of int64 ps.

    Raises:
        UsageError: another type or shape, or not sorted.
    """
    times = checks.times(values, name)
    if not in_order(times, 0, len(times)):
        raise checks.disorder(times, name, f"sort it with {name} = np.sort({name})")
    return times
