"""Roles around a cold sample: the magnet and the cryostat, in T and K."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable


class MagnetReading(NamedTuple):
    """What a magnet's supply says at one moment."""

    field: float
    """Of the coil, in T: current times coil constant, nothing corrected."""
    state: str
    """'ramping', 'holding', 'persistent', 'switching' (heater warms or cools), 'quench' or 'fault'."""


class CryostatReading(NamedTuple):
    """What the cryostat says at one moment."""

    temperature: float
    """Of the sample's thermometer, in K."""
    helium: float
    """Level in percent; -1 where the bench names no level meter."""


@runtime_checkable
class Magnet(Protocol):
    """Ramps a field within the rates that the bench allows, and holds it."""

    def ramp_to(self, tesla: float) -> MagnetReading:
        """Ramp to a field in T, wait until it has settled, and return the last reading.

        However it is interrupted, the magnet holds where it is.
        """

    def read(self) -> MagnetReading:
        """Return field and state."""

    def hold(self) -> None:
        """Stop ramping and stay at the present field; never ramps down."""

    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest field that the bench allows, in T."""


@runtime_checkable
class Cryostat(Protocol):
    """Keeps a temperature, and watches it."""

    def read(self) -> CryostatReading:
        """Return temperature and helium level.

        Raises:
            HardwareFault: the thermometer says that its reading means nothing.
        """

    def settle_at(self, kelvin: float) -> CryostatReading:
        """Go to a temperature in K, wait until it has settled, and return the last reading."""

    def require_steady(self, kelvin: float) -> CryostatReading:
        """Return the reading if it is within the bench's tolerance of `kelvin` and there is enough helium.

        Raises:
            HardwareFault: it is not; says by how much.
        """
