"""An attenuator of single pulses: a half-wave plate in a mount before a polariser, calibrated in J."""

from __future__ import annotations

from typing import ClassVar

from ...core.errors import CalibrationError, UsageError
from ...core.units import show
from ..calibrations import SpotCalibration
from ..pulse_calibrations import EnergyCalibration
from .plate import PlateAdapter, plate_options


class PulseAttenuatorAdapter(PlateAdapter):
    """Sets the energy of the pulses at the sample, in J, inside the calibrated range and the limits.

    Fluence is the incident one at the centre of the focus, by calibrations.spot: F0 = 2E/(pi w_x w_y) of a Gaussian.
    """

    options: ClassVar = plate_options("an energy calibration")

    def set_energy(self, joule: float) -> float:
        """Set the energy of a pulse and return the one reached, in J, from the angle read back. Only in the dark.

        Raises:
            CalibrationError: outside the calibrated range.
            LimitError: above a limit; nothing has moved.
            UsageError: the shutter is open.
        """
        calibration = self._energies()
        try:
            angle = calibration.angle_for(joule)
        except CalibrationError as error:
            raise CalibrationError(f"{error}{self._as_fluence(joule)}") from error
        self.guard.pulses.check(joule)
        reached = calibration.energy_at(self._mount.turn(angle))
        self.guard.pulses.energy_is(reached)
        return reached

    def set_fluence(self, fluence: float) -> float:
        """Set the incident peak fluence and return the one reached, in J/cm^2. Only in the dark.

        Raises:
            CalibrationError: the energy that it takes is outside the calibrated range, or the focus is not stated.
            LimitError: above a limit; nothing has moved.
            UsageError: the shutter is open.
        """
        per_energy = self._focus().peak_per_energy
        return self.set_energy(fluence / per_energy) * per_energy

    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest energy of a pulse that is calibrated, in J."""
        return self._energies().range

    def fluence(self, joule: float) -> float:
        """Return the incident peak fluence in J/cm^2 of a pulse of so many J, by the spot's calibration."""
        return joule * self._focus().peak_per_energy

    def minimum(self) -> None:
        """Turn to the least transmission; also with light on, since that only lowers it."""
        calibration = self._energies()
        reached = self._mount.turn_anyway(calibration.angle_of_minimum)
        self.guard.pulses.energy_is(calibration.energy_at(reached))

    def _as_fluence(self, joule: float) -> str:
        """Return the same refusal in terms of fluence, where the focus is stated."""
        spot = self.table.calibrations.get("spot")
        if not isinstance(spot, SpotCalibration):
            return ""
        asked, low, high = (
            show(energy * spot.peak_per_energy, "J/cm^2") for energy in (joule, *self._energies().range)
        )
        return f" (an incident peak fluence of {asked}, where {low} .. {high} can be had)"

    def _energies(self) -> EnergyCalibration:
        found: EnergyCalibration = self.calibration(self.option("calibration"))
        return found

    def _focus(self) -> SpotCalibration:
        found = self.calibration("spot")
        if not isinstance(found, SpotCalibration):
            raise UsageError(
                f"{self.label}: calibration 'spot' ({found.source}) is not one of kind spot; state the focus there, "
                "e.g. spot: {date: ..., waist: 1.5 mm, waist_y: 100 um}"
            )
        return found


class PlannedPulseAttenuator(PulseAttenuatorAdapter):
    """The same in a dry run: an energy outside the calibration is noted, and the plan goes on."""

    def set_energy(self, joule: float) -> float:
        """Set the energy and return it."""
        try:
            return super().set_energy(joule)
        except CalibrationError as error:
            middle = sum(self._energies().range) / 2
            self.guard.note(f"range of {self.role.name}", abs(joule - middle), str(error))
            self.guard.pulses.check(joule)
            self.guard.pulses.energy_is(joule)
            return joule


PulseAttenuatorAdapter.twin = PlannedPulseAttenuator
