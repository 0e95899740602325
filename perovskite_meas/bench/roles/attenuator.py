"""An attenuator: a half-wave plate in a mount before a polariser, by its calibration."""

from __future__ import annotations

from typing import ClassVar

from ...core.errors import CalibrationError
from .plate import PlateAdapter, plate_options


class AttenuatorAdapter(PlateAdapter):
    """Sets the power at the sample, in W, inside the calibrated range and the limits."""

    options: ClassVar = plate_options("an attenuator calibration")

    def set_power(self, watt: float) -> float:
        """Set the power and return the power reached, in W, from the angle read back. Only in the dark.

        Raises:
            CalibrationError: outside the calibrated range.
            LimitError: above a limit; nothing has moved.
            UsageError: the shutter is open.
        """
        calibration = self.calibration(self.option("calibration"))
        angle = calibration.angle_for(watt)
        self.guard.check_power(watt)
        reached = float(calibration.power_at(self._mount.turn(angle)))
        self.guard.power_is(reached)
        return reached

    def minimum(self) -> None:
        """Turn to the least transmission; also with light on, since that only lowers it."""
        calibration = self.calibration(self.option("calibration"))
        reached = self._mount.turn_anyway(calibration.angle_of_minimum)
        self.guard.power_is(calibration.power_at(reached))


class PlannedAttenuator(AttenuatorAdapter):
    """The same in a dry run: a power outside the calibration is noted, and the plan goes on."""

    def set_power(self, watt: float) -> float:
        """Set the power and return it."""
        calibration = self.calibration(self.option("calibration"))
        try:
            return super().set_power(watt)
        except CalibrationError as error:
            self.guard.note(f"range of {self.role.name}", abs(watt - sum(calibration.range) / 2), str(error), watt)
            self.guard.check_power(watt)
            self.guard.power_is(watt)
            return watt


AttenuatorAdapter.twin = PlannedAttenuator
