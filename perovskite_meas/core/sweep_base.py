"""What every sweep is: frozen, iterable, equal by its text form, and joined with `+`."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, SupportsIndex


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
        """Return the text form; `sweep_text.parse_sweep` reads it back."""

    def __iter__(self) -> Iterator[float]:
        return iter(self.values())

    def __len__(self) -> int:
        return len(self.values())

    def __getitem__(self, index: SupportsIndex) -> float:
        """Return one point; a slice is no sweep and is refused."""
        points, number = self.values(), operator.index(index)
        if not -len(points) <= number < len(points):
            raise IndexError(f"{self} has {len(points)} points; there is none at {number}")
        return points[number]

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

    def __setstate__(self, state: Any) -> None:
        # What copy and pickle do by themselves would set attributes one by one.
        own, slots = state if isinstance(state, tuple) else (state, None)
        freeze(self, **(own or {}), **(slots or {}))


def freeze(sweep: Sweep, **fields: object) -> None:
    """Set the fields of a new sweep."""
    for name, value in fields.items():
        object.__setattr__(sweep, name, value)


class _Joined(Sweep):
    """One sweep after another."""

    __slots__ = ("first", "then")
    first: Sweep
    then: Sweep

    def __init__(self, first: Sweep, then: Sweep) -> None:
        freeze(self, first=first, then=then)

    def values(self) -> tuple[float, ...]:
        return self.first.values() + self.then.values()

    def in_unit(self, unit: str) -> Sweep:
        return _Joined(self.first.in_unit(unit), self.then.in_unit(unit))

    def __str__(self) -> str:
        return f"{self.first} + {self.then}"
