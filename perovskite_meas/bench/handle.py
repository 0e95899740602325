"""What the bench needs of a host's parameter, whatever the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Handle(Protocol):
    """One readable or settable quantity of one instrument."""

    @property
    def name(self) -> str:
        """Dotted name as written in the bench file, such as 'ell14.angle'."""

    @property
    def unit(self) -> str:
        """Unit as text, '' where it has none."""

    @property
    def owner(self) -> object:
        """The instrument that the quantity belongs to."""

    def get(self) -> Any:
        """Ask the instrument."""

    def set(self, value: Any) -> None:
        """Tell the instrument, and return when it is done."""


Resolve = Callable[[str], Handle]
"""Turns a dotted name into a handle; raises UsageError with a suggestion where there is none."""
