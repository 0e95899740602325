"""What stands on an optical table: the contract between the World and the physics of one kind of table."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .exposure import Light

Truth = float | str
"""A number in the unit of the world file, or a word."""


class Shot(NamedTuple):
    """One laser pulse that reached the sample."""

    t: float
    """s, clock time."""
    joule: float
    """Of the whole focus."""
    fluence: float
    """J/cm^2 in the middle of the focus."""
    x_mm: float
    """Where the sample's stage was."""
    y_mm: float


class Scene(Protocol):
    """One kind of optical table with its sample; the World holds its lock while it calls."""

    def ports(self) -> dict[str, Any]:
        """Return what instruments can touch, by name."""

    def advance(self, t: float) -> None:
        """Follow the light on the sample up to `t` (clock time, s)."""

    def light_log(self) -> list[Light]:
        """Return every interval of light on the sample, as far as it has been followed."""

    def shots(self) -> list[Shot]:
        """Return every laser pulse that reached the sample, as far as the light has been followed.

        Raises:
            UsageError: the pulses of this table are not followed one by one.
        """

    def truths(self) -> dict[str, Truth]:
        """Return every number and word that this table uses."""

    def at_power(self, power: float) -> dict[str, Truth]:
        """Return what depends on the light, for `power` (W at the sample plane)."""

    def describe(self) -> dict[str, str]:
        """Return what an experimenter may know without measuring: conventions, no numbers."""
