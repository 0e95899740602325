"""Sweeps: the points of a scan as one frozen, iterable value with a short text form.

Examples:
    >>> list(Linspace(0, 1, 3))
    [0.0, 0.5, 1.0]
    >>> sweep = there_and_back(Logspace("1 uW", "100 uW", 3))
    >>> str(sweep)
    "there_and_back(Logspace('1 uW', '100 uW', 3))"
    >>> parse_sweep(str(sweep)) == sweep
    True
    >>> list(sweep.in_unit("W"))
    [1e-06, 1e-05, 0.0001, 0.0001, 1e-05, 1e-06]
"""

from __future__ import annotations

import ast
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from .errors import UsageError, did_you_mean
from .units import to_unit

Point = float | str


class Sweep(ABC):
    """The ordered points of a scan; equal, hashed and stored by its text form."""

    __slots__ = ()

    @abstractmethod
    def values(self) -> tuple[float, ...]:
        """Return all points in order; points given as text must be brought to a unit first."""

    @abstractmethod
    def in_unit(self, unit: str) -> Sweep:
        """Return the same sweep with every point a plain number in `unit`."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the text form; `parse_sweep` reads it back."""

    def __iter__(self) -> Iterator[float]:
        return iter(self.values())

    def __len__(self) -> int:
        return len(self.values())

    def __add__(self, other: Sweep) -> Sweep:
        if not isinstance(other, Sweep):
            return NotImplemented
        return _Joined(self, other)

    def __repr__(self) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sweep) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a sweep is frozen; make a new one instead of changing {name!r}")


def _freeze(sweep: Sweep, **fields: object) -> None:
    for name, value in fields.items():
        object.__setattr__(sweep, name, value)


def _point(value: Any) -> Point:
    if isinstance(value, str):
        return value.strip()
    number = float(value)
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


def _text(point: Point) -> str:
    return repr(point)


class Linspace(Sweep):
    """Evenly spaced points from `start` to `stop`, both included."""

    __slots__ = ("num", "start", "stop")
    start: Point
    stop: Point
    num: int

    def __init__(self, start: Point, stop: Point, num: int) -> None:
        _freeze(self, start=_point(start), stop=_point(stop), num=_count(num, 1))

    def values(self) -> tuple[float, ...]:
        """Return the points."""
        return tuple(np.linspace(_bare(self.start), _bare(self.stop), self.num).tolist())

    def in_unit(self, unit: str) -> Linspace:
        """Return the sweep in `unit`."""
        return Linspace(to_unit(self.start, unit), to_unit(self.stop, unit), self.num)

    def __str__(self) -> str:
        return f"Linspace({_text(self.start)}, {_text(self.stop)}, {self.num})"


class Logspace(Sweep):
    """Points from `start` to `stop`, both included, evenly spaced in their logarithm."""

    __slots__ = ("num", "start", "stop")
    start: Point
    stop: Point
    num: int

    def __init__(self, start: Point, stop: Point, num: int) -> None:
        _freeze(self, start=_point(start), stop=_point(stop), num=_count(num, 1))
        if all(isinstance(end, float) and end <= 0 for end in (self.start, self.stop)) or any(
            isinstance(end, float) and end <= 0 for end in (self.start, self.stop)
        ):
            raise UsageError(f"a logarithmic sweep needs positive ends; got {self}")

    def values(self) -> tuple[float, ...]:
        """Return the points."""
        start, stop = _bare(self.start), _bare(self.stop)
        points = np.geomspace(start, stop, self.num)
        return tuple(float(f"{point:.12g}") for point in points)

    def in_unit(self, unit: str) -> Logspace:
        """Return the sweep in `unit`."""
        return Logspace(to_unit(self.start, unit), to_unit(self.stop, unit), self.num)

    def __str__(self) -> str:
        return f"Logspace({_text(self.start)}, {_text(self.stop)}, {self.num})"


class Values(Sweep):
    """The points named one by one."""

    __slots__ = ("points",)
    points: tuple[Point, ...]

    def __init__(self, *points: Point) -> None:
        _freeze(self, points=tuple(_point(point) for point in points))
        if not points:
            raise UsageError("Values() names no point")

    def values(self) -> tuple[float, ...]:
        """Return the points."""
        return tuple(_bare(point) for point in self.points)

    def in_unit(self, unit: str) -> Values:
        """Return the sweep in `unit`."""
        return Values(*(to_unit(point, unit) for point in self.points))

    def __str__(self) -> str:
        return f"Values({', '.join(_text(point) for point in self.points)})"


class _Joined(Sweep):
    """One sweep after another."""

    __slots__ = ("first", "then")
    first: Sweep
    then: Sweep

    def __init__(self, first: Sweep, then: Sweep) -> None:
        _freeze(self, first=first, then=then)

    def values(self) -> tuple[float, ...]:
        return self.first.values() + self.then.values()

    def in_unit(self, unit: str) -> Sweep:
        return _Joined(self.first.in_unit(unit), self.then.in_unit(unit))

    def __str__(self) -> str:
        return f"{self.first} + {self.then}"


class _Ordered(Sweep):
    """Another sweep's points in another order."""

    __slots__ = ("of",)
    of: Sweep
    word = ""

    def __init__(self, of: Sweep) -> None:
        _freeze(self, of=of)

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
        _freeze(self, of=of, seed=_count(seed, 0))

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


_WORDS: dict[str, Any] = {
    "Linspace": Linspace,
    "Logspace": Logspace,
    "Values": Values,
    "there_and_back": there_and_back,
    "backwards": backwards,
    "shuffled": shuffled,
}


def parse_sweep(text: str) -> Sweep:
    """Read a sweep from its text form; nothing is evaluated but sweeps, numbers and quoted quantities.

    Raises:
        UsageError: the text is no sweep.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{text!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24)") from error
    built = _build(tree, text)
    if not isinstance(built, Sweep):
        raise UsageError(f"{text!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24) or Values(1, 2, 5)")
    return built


def _build(node: ast.expr, text: str) -> Any:
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _build(left, text) + _build(right, text)
        case ast.Constant(value=(bool() | None)):
            pass
        case ast.Constant(value=(int() | float() | str()) as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=(int() | float()) as value)):
            return -value
        case ast.List(elts=points) | ast.Tuple(elts=points):
            return Values(*(_build(point, text) for point in points))
        case ast.Call(func=ast.Name(id=word), args=args, keywords=keywords):
            if word not in _WORDS:
                raise UsageError(f"{word!r} in {text!r} is no sweep; {did_you_mean(word, _WORDS)}")
            named = {keyword.arg: _build(keyword.value, text) for keyword in keywords if keyword.arg}
            try:
                return _WORDS[word](*(_build(arg, text) for arg in args), **named)
            except TypeError as error:
                raise UsageError(f"{text!r}: {error}") from error
    raise UsageError(f"{text!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24)")


def as_sweep(value: object, unit: str) -> Sweep:
    """Return `value` (a sweep, its text, a number or a sequence) as a sweep in `unit`.

    Raises:
        UsageError: it cannot be read as one.
    """
    if isinstance(value, Sweep):
        return value.in_unit(unit)
    if isinstance(value, str):
        try:
            return parse_sweep(value).in_unit(unit)
        except UsageError:
            if "(" in value or "[" in value:
                raise
            return Values(*(to_unit(part, unit) for part in value.split(",")))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Values(value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return Values(*(to_unit(point, unit) for point in value))
    raise UsageError(f"{value!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24)")
