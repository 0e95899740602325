"""Roles around single laser pulses: laser and picker, energy meter, attenuator in fluence, filters, stages."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class PulseState(NamedTuple):
    """What the pulsed laser says of itself."""

    rate: float
    """Pulses per second that leave the picker when it is not held, in Hz."""
    duration: float
    """Intensity FWHM at the sample, in fs."""
    wavelength: float
    """In vacuum, in nm."""


@runtime_checkable
class Pulse(Protocol):
    """The pulsed laser that pumps the sample, and its pulse picker."""

    def state(self) -> PulseState:
        """Ask the laser how it is.

        Raises:
            HardwareFault: it has a fault, is not mode-locked, or is not at the wavelength that the bench states.
        """

    def set_rate(self, hertz: float) -> float:
        """Have the picker let through the highest rate not above `hertz`, and return that rate in Hz. In the dark.

        Raises:
            LimitError: no such rate within what the bench allows.
        """

    def gated(self) -> bool:
        """Return whether the picker can hold all pulses, and so count them out."""

    def hold(self) -> None:
        """Hold all pulses and confirm it; where the picker cannot, do nothing."""

    def releasing(self) -> AbstractContextManager[None]:
        """Let pulses out for the duration of a `with` block; held again however the block ends.

        Raises:
            HardwareFault: the picker does not report that it holds.
        """


class Shots(NamedTuple):
    """Laser pulses as the energy meter saw them, in order."""

    times: NDArray[np.float64]
    """When each was read, s on the bench's clock, shape (n,)."""
    energies: NDArray[np.float64]
    """Of each pulse at the sample, through the meter's calibration, in J, shape (n,)."""
    heads: NDArray[np.float64]
    """What the head itself showed, in J, shape (n,)."""


class EnergyRecording(Protocol):
    """Every pulse on an energy meter since its `with` block began."""

    def wait(self, shots: int, timeout: float) -> int:
        """Wait until so many pulses have been seen in all, and return how many there are.

        Raises:
            HardwareFault: they did not come within `timeout` s, the head is over its range or unplugged.
        """

    def shots(self) -> Shots:
        """Return all pulses so far; asks the meter once more."""


@runtime_checkable
class EnergyMeter(Protocol):
    """Reads the energy of single pulses."""

    def expect(self, joule: float) -> None:
        """Choose the range for pulses of about this energy at the sample, in J, with room for twice as much."""

    def recording(self) -> AbstractContextManager[EnergyRecording]:
        """Record every pulse for the duration of a `with` block."""

    def fastest(self) -> float:
        """Return the highest pulse rate of which every pulse is read, in Hz."""


@runtime_checkable
class PulseAttenuator(Protocol):
    """Sets the energy of the pulses at the sample."""

    def set_energy(self, joule: float) -> float:
        """Set the energy of a pulse and return the energy reached, in J, by calibration. Only in the dark."""

    def set_fluence(self, fluence: float) -> float:
        """Set the incident peak fluence and return the one reached, in J/cm^2. Only in the dark."""

    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest energy of a pulse that is calibrated, in J."""

    def fluence(self, joule: float) -> float:
        """Return the incident peak fluence in J/cm^2 of a pulse of so many J, by the spot's calibration."""

    def minimum(self) -> None:
        """Turn to the least transmission."""


@runtime_checkable
class Positioner(Protocol):
    """One motorised stage: a knife edge, or the blade of a slit."""

    def move_to(self, millimetre: float) -> float:
        """Move to a position in mm, always arriving from the same side, and return the position reached."""

    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest position that the bench allows, in mm."""


@runtime_checkable
class Filter(Protocol):
    """Neutral filters before the spectrometer, which keep it from saturating."""

    def transmissions(self) -> tuple[float, ...]:
        """Return the transmissions that there are, from the highest down."""

    def insert(self, step: int) -> float:
        """Put in the filter of this place in `transmissions`, wait until it stands, and return its transmission."""
