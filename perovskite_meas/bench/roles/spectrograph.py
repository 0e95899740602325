"""A spectrometer whose grating turns: always from the same side, on a calibrated axis; and its planning twins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import CalibrationError, HardwareFault, UsageError
from ..handle import Handle
from ..spectral_calibrations import SpectralCalibration
from .base import PlannedHandle, RoleSpec, Table
from .spectrometer import SpectrometerAdapter

_SAME = 5e-4
"""nm within which two positions of a dial are one; drives show 1 pm."""
_MISS = 0.02
"""nm by which the dial may miss where it was sent."""
_SPEED = 20.0
"""nm/s of a planned monochromator."""
_READOUT = 0.05
"""s of a planned readout."""


class SpectrographAdapter(SpectrometerAdapter):
    """The same with a monochromator: its window can be moved, and its axis follows the dial by calibration."""

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._dial: Handle = self.handles["monochromator"]
        self._left_at: float | None = None

    def wavelengths(self) -> NDArray[np.float64]:
        """Return the wavelength in vacuum of each pixel at the present dial, in nm, shape (pixels,).

        Raises:
            CalibrationError: dial or grating are not those of the calibration.
        """
        self._require_grating()
        return self._calibrated().wavelengths(float(self._dial.get()), self._pixels)

    def centre_on(self, nanometre: float) -> float:
        """Turn the grating, always upwards at the end, and return the wavelength in vacuum of the middle pixel, in nm.

        Where it stands there already since its last move, it stays: the calibration measured there goes on holding.

        Raises:
            UsageError: not a wavelength.
            CalibrationError: beyond where the axis was calibrated, or another grating is in; nothing has moved.
            HardwareFault: it did not arrive.
        """
        if not 0 < nanometre < 1e5:
            raise UsageError(f"{self.label}: {nanometre} nm is no wavelength; state one in vacuum, in nm")
        calibration = self._calibrated()
        target = nanometre - calibration.offset[0]
        self._check(calibration, target)
        self._require_grating()
        stands = float(self._dial.get())
        if self._left_at is None or abs(stands - self._left_at) > _SAME or abs(stands - target) > _SAME:
            stands = self._go(target, stands)
        return stands + calibration.offset[0]

    def _go(self, target: float, stands: float) -> float:
        self._left_at = None
        approach: float = self.option("approach")
        if approach and stands > target - approach:
            self._dial.set(target - approach)
        self._dial.set(target)
        self.clock.sleep(self.option("settle"))
        reached = float(self._dial.get())
        if not abs(reached - target) <= _MISS:
            raise HardwareFault(
                f"{self.label}: the monochromator was sent to {target:.4f} nm but shows {reached:.4f} nm: see that "
                "nothing blocks the grating, and initialise the drive"
            )
        self._left_at = reached
        return reached

    def _require_grating(self) -> None:
        wanted, handle = self._calibrated().grating, self.handles.get("grating")
        if handle is not None and wanted is not None and int(handle.get()) != wanted:
            raise CalibrationError(
                f"{self.label}: grating {int(handle.get())} is in, but calibration {self.option('calibration')!r} is "
                f"for grating {wanted}; turn the turret, or name the calibration of this grating"
            )

    def _calibrated(self) -> SpectralCalibration:
        found: SpectralCalibration = self.calibration(self.option("calibration"))
        return found

    def _check(self, calibration: SpectralCalibration, dial: float) -> None:
        calibration.check_dial(dial)


class PlannedSpectrometer(SpectrometerAdapter):
    """The same in a dry run: an exposure takes its time, and what it would show is not known."""

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a monochromator at its calibrated place, with the grating that belongs there."""
        found = table.calibrations.get(self.role.options["calibration"] or "")
        if option == "monochromator" and isinstance(found, SpectralCalibration):
            return PlannedDial(dotted, table.clock, found.centre)
        grating = found.grating if option == "grating" and isinstance(found, SpectralCalibration) else 0.0
        return PlannedHandle(dotted, table.clock, grating or 0.0)

    def wavelengths(self) -> NDArray[np.float64]:
        """Return the calibrated axis; a rising one for an instrument that knows its own, which is not asked."""
        if "wavelengths" in self.handles:
            return np.linspace(400.0, 800.0, self._pixels)
        return super().wavelengths()

    def _require_cold(self) -> float:
        return -100.0 if self._cold is None else self._cold

    def _take(self, seconds: float) -> tuple[NDArray[np.float64], float]:
        self.clock.sleep(seconds + _READOUT)
        return np.full(self._pixels, np.nan), seconds


class PlannedSpectrograph(PlannedSpectrometer, SpectrographAdapter):
    """Likewise with a monochromator: what is beyond its calibration is noted, and the plan goes on."""

    def wavelengths(self) -> NDArray[np.float64]:
        """Return the axis at the planned dial, held inside the calibration."""
        calibration = self._calibrated()
        return calibration.wavelengths(calibration.centre, self._pixels) + float(self._dial.get()) - calibration.centre

    def _check(self, calibration: SpectralCalibration, dial: float) -> None:
        try:
            calibration.check_dial(dial)
        except CalibrationError as error:
            self.guard.note(f"window of {self.role.name}", abs(dial - calibration.centre), str(error))


class PlannedDial(PlannedHandle):
    """A monochromator for a dry run, which takes its time for the way."""

    def set(self, value: Any) -> None:
        """Remember a dial after the time of the move."""
        self._clock.sleep(0.5 + abs(float(value) - float(self._value)) / _SPEED)
        super().set(value)


SpectrometerAdapter.twin = PlannedSpectrometer
