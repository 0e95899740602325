"""Sweeps: the points of a scan as one frozen, iterable value with a short text form.

Examples:
    >>> list(Linspace(0, 1, 3))
    [0.0, 0.5, 1.0]
    >>> sweep = there_and_back(Logspace("1 uW", "100 uW", 3))
    >>> str(sweep)
    "there_and_back(Logspace('1 uW', '100 uW', 3))"
    >>> list(sweep.in_unit("W"))
    [1e-06, 1e-05, 0.0001, 0.0001, 1e-05, 1e-06]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .errors import UsageError
from .sweep_base import Sweep as Sweep
from .sweep_base import freeze
from .units import to_unit

Point = float | str


def _point(value: Any) -> Point:
    if isinstance(value, str):
        return value.strip()
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"a sweep cannot visit {value!r}; its points are numbers or texts such as '1 uW'") from error
    if not math.isfinite(number):
        raise UsageError(f"a sweep cannot visit {value!r}")
    return number


def _count(num: Any, least: int) -> int:
    if isinstance(num, bool) or int(num) != num or num < least:
        raise UsageError(f"a sweep needs a whole number of points, at least {least}; got {num!r}")
    return int(num)


def _bare(point: Point) -> float:
    if isinstance(point, str):
        raise UsageError(f"{point!r} has a unit; bring the sweep to one with .in_unit('...') before iterating")
    return point


class _Span(Sweep):
    """Points from one end to the other, both included."""

    __slots__ = ("num", "start", "stop")
    start: Point
    stop: Point
    num: int

    def __init__(self, start: Point, stop: Point, num: int) -> None:
        freeze(self, start=_point(start), stop=_point(stop), num=_count(num, 1))

    def in_unit(self, unit: str) -> Self:
        """Return the sweep in `unit`."""
        return type(self)(to_unit(self.start, unit), to_unit(self.stop, unit), self.num)

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.start!r}, {self.stop!r}, {self.num})"


class Linspace(_Span):
    """Evenly spaced points from `start` to `stop`, both included."""

    __slots__ = ()

    def values(self) -> tuple[float, ...]:
        """Return the points."""
        return tuple(np.linspace(_bare(self.start), _bare(self.stop), self.num).tolist())


class Logspace(_Span):
    """Points from `start` to `stop`, both included, evenly spaced in their logarithm."""

    __slots__ = ()

    def __init__(self, start: Point, stop: Point, num: int) -> None:
        super().__init__(start, stop, num)
        if any(isinstance(end, float) and end <= 0 for end in (self.start, self.stop)):
            raise UsageError(f"a logarithmic sweep needs positive ends; got {self}")

    def values(self) -> tuple[float, ...]:
        """Return the points."""
        points = np.geomspace(_bare(self.start), _bare(self.stop), self.num)
        return tuple(float(f"{point:.12g}") for point in points)


class Values(Sweep):
    """The points named one by one, or in one list, tuple or array."""

    __slots__ = ("points",)
    points: tuple[Point, ...]

    def __init__(self, *points: Point | Sequence[Point] | np.ndarray) -> None:
        named: tuple[Any, ...] = points
        if len(points) == 1 and (isinstance(points[0], (list, tuple)) or np.ndim(points[0]) == 1):
            named = tuple(named[0])
        freeze(self, points=tuple(_point(point) for point in named))
        if not named:
            raise UsageError("Values() names no point")

    def values(self) -> tuple[float, ...]:
        """Return the points."""
        return tuple(_bare(point) for point in self.points)

    def in_unit(self, unit: str) -> Values:
        """Return the sweep in `unit`."""
        return Values(*(to_unit(point, unit) for point in self.points))

    def __str__(self) -> str:
        return f"Values({', '.join(map(repr, self.points))})"


class _Ordered(Sweep):
    """Another sweep's points in another order."""

    __slots__ = ("of",)
    of: Sweep
    word = ""

    def __init__(self, of: Sweep) -> None:
        freeze(self, of=of)

    def in_unit(self, unit: str) -> Sweep:
        return type(self)(self.of.in_unit(unit))

    def __str__(self) -> str:
        return f"{self.word}({self.of})"


class _ThereAndBack(_Ordered):
    __slots__ = ()
    word = "there_and_back"

    def values(self) -> tuple[float, ...]:
        points = self.of.values()
        return points + points[::-1]


class _Backwards(_Ordered):
    __slots__ = ()
    word = "backwards"

    def values(self) -> tuple[float, ...]:
        return self.of.values()[::-1]


class _Shuffled(Sweep):
    __slots__ = ("of", "seed")
    of: Sweep
    seed: int

    def __init__(self, of: Sweep, seed: int) -> None:
        freeze(self, of=of, seed=_count(seed, 0))

    def values(self) -> tuple[float, ...]:
        points = self.of.values()
        order = np.random.default_rng(self.seed).permutation(len(points))
        return tuple(points[index] for index in order)

    def in_unit(self, unit: str) -> Sweep:
        return _Shuffled(self.of.in_unit(unit), self.seed)

    def __str__(self) -> str:
        return f"shuffled({self.of}, {self.seed})"


def there_and_back(sweep: Sweep) -> Sweep:
    """Visit every point in order, then every point in reverse: the test for hysteresis."""
    return _ThereAndBack(sweep)


def backwards(sweep: Sweep) -> Sweep:
    """Visit the points in reverse."""
    return _Backwards(sweep)


def shuffled(sweep: Sweep, seed: int = 0) -> Sweep:
    """Visit the points in a random order that `seed` fixes: drift cannot mimic the signal."""
    return _Shuffled(sweep, seed)
