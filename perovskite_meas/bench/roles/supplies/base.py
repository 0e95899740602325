"""What the magnet role needs of a power supply, whatever its make."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from ....core.errors import UsageError
from ..unread import drop_unread


class Fitting(NamedTuple):
    """What the bench says of the magnet behind a supply."""

    switch: bool
    """Whether the coil has a persistent switch."""
    direction: tuple[float, float] | None
    """Polar and azimuthal angle of the field in deg, where a supply has three axes."""


class Supply:
    """One power supply, asked and told without ever waiting for it.

    Fields are of the coil in T (current times coil constant), rates in T/s. States are those of
    `core.cryogenics.MagnetReading`; 'persistent' is any coil whose switch is superconducting, also one without current.

    Args:
        owner: the instrument that the field parameter belongs to.
        field_name: last part of the dotted name of the field parameter.
        fitting: what the bench says of the magnet.
    """

    kind: ClassVar[str]
    """As the bench's `supply` names it."""
    fields: ClassVar[tuple[str, ...]] = ("field",)
    """Names of the parameters that are the field."""
    switchable: ClassVar[bool] = True
    """Whether a persistent switch can be worked through it."""
    resolution: ClassVar[float] = 0.0
    """T; what the read-back cannot tell apart."""

    def __init__(self, owner: Any, field_name: str, fitting: Fitting) -> None:
        if field_name not in self.fields:
            raise UsageError(
                f"{field_name!r} is not the field of a {type(owner).__name__}; name {' or '.join(self.fields)}"
            )
        self.owner = owner
        self._fitting = fitting

    def drop_unread(self) -> None:
        """Drop replies that nobody has read."""
        drop_unread(self.owner)

    def field(self) -> float:
        """Return the field of the coil, in T."""
        raise NotImplementedError

    def state(self) -> str:
        """Return the state as a word."""
        raise NotImplementedError

    def start(self, tesla: float, rate: float) -> None:
        """Begin to ramp the coil to a field in T at `rate` T/s, verified by what the supply has understood."""
        raise NotImplementedError

    def hold(self) -> None:
        """Stop where it is."""
        raise NotImplementedError

    def arrived(self) -> None:
        """Take note that the coil stands at its target, for supplies that go on sweeping there."""

    def ceiling(self) -> tuple[float, float]:
        """Return the highest field in T and rate in T/s that the supply and its driver allow; inf where not told."""
        return float("inf"), float("inf")

    def leads(self) -> float:
        """Return the field to which the current in the leads corresponds, in T."""
        raise self._no_switch()

    def start_leads(self, tesla: float, rate: float) -> None:
        """Begin to ramp the leads alone, the switch being superconducting."""
        raise self._no_switch()

    def heat(self, on: bool) -> None:
        """Turn the heater of the persistent switch on or off, without waiting."""
        raise self._no_switch()

    def switch_times(self) -> tuple[float, float] | None:
        """Return how long the switch takes to warm and to cool, in s; None where the supply does not know."""
        return None

    def _no_switch(self) -> UsageError:
        return UsageError(f"the persistent switch of a {self.kind} cannot be worked from here; state persistent: never")

    def _verify(self, what: str, told: float, understood: float, unit: str, slack: float = 1e-4) -> None:
        """Refuse to go on with a supply that has understood something else."""
        if not abs(understood - told) <= slack * max(1.0, abs(told)):
            raise UsageError(
                f"{type(self.owner).__name__} was told a {what} of {told:.6g} {unit} but took {understood:.6g} {unit}; "
                "look at its own limits, and whether its panel is set to remote control"
            )
