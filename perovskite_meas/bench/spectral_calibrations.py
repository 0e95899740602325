"""Calibrations of a spectrum: its axis, and how light, field and crystal stand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import CalibrationError
from .calibrations import Calibration, Measured, quantity

REACH = 2.0
"""nm from `centre` within which the axis of a spectrograph holds: its dispersion changes with the grating's angle."""


@dataclass(frozen=True)
class SpectralCalibration(Calibration):
    """The axis of a spectrograph, u = p - (pixels - 1)/2 the pixel from the middle of its sensor.

    lambda(p) = dial + offset + dispersion (u - u^3 / (2 focal^2)) + curvature u^2. The cubic term is that of any
    grating in front of a flat sensor: d (sin(b + atan(u/focal)) - sin b) to third order in u/focal.
    """

    centre: float
    """Dial of the monochromator at which it was measured, in nm."""
    offset: Measured
    """Wavelength in vacuum of the middle of the sensor less the dial, in nm."""
    dispersion: Measured
    """nm per pixel; negative where the wavelength falls along the sensor."""
    curvature: Measured
    """nm per pixel squared."""
    focal: float | None
    """Focal length in pixels, for the cubic term; None where not stated, and there is none."""
    grating: int | None
    """Which grating of the turret; None where not stated."""
    lamp: str
    """The lamp, in the lab's own words."""

    def wavelengths(self, dial: float, pixels: int) -> NDArray[np.float64]:
        """Return the wavelength in vacuum of each pixel, in nm, shape (pixels,).

        Raises:
            CalibrationError: the dial is too far from where it was measured.
        """
        self.check_dial(dial)
        u = np.arange(pixels) - (pixels - 1) / 2
        bent = u if self.focal is None else u - u**3 / (2 * self.focal**2)
        axis: NDArray[np.float64] = dial + self.offset[0] + self.dispersion[0] * bent + self.curvature[0] * u**2
        return axis

    def check_dial(self, dial: float) -> None:
        """Refuse a position of the monochromator for which the axis was not measured.

        Raises:
            CalibrationError: naming dial, range, source, date and what to do.
        """
        if not abs(dial - self.centre) <= REACH * (1 + 1e-9):
            raise CalibrationError(
                f"the monochromator at {dial:.4f} nm is more than {REACH:g} nm from {self.centre:.4f} nm, where "
                f"calibration {self.name!r} ({self.source}, {self.date.isoformat()}) was measured; go nearer, or state "
                "the nominal axis there as a calibration and run WavelengthCalibration"
            )

    def facts(self) -> dict[str, Any]:
        """Return what it adds to the conditions of a run."""
        found: dict[str, Any] = {
            "centre": quantity((self.centre, 0.0), "nm"),
            "offset": quantity(self.offset, "nm"),
            "dispersion": quantity(self.dispersion, "nm/px"),
            "curvature": quantity(self.curvature, "nm/px^2"),
            "date": self.date.isoformat(),
        }
        found |= {} if self.focal is None else {"focal": quantity((self.focal, 0.0), "px")}
        found |= {} if self.grating is None else {"grating": self.grating}
        return found | ({"lamp": self.lamp} if self.lamp else {})


@dataclass(frozen=True)
class GeometryCalibration(Calibration):
    """How field, viewing direction and crystal stand to each other, as stated by the lab."""

    field_angle: Measured
    """Angle between field and viewing direction, in deg: 90 Voigt, 0 Faraday."""
    na: float
    """Numerical aperture with which the emission is collected."""
    viewing: str
    """Direction in the crystal along which it is seen, in the lab's own words; 'unknown' where it is not known."""
    coil: Measured
    """True field over nominal field of the coil."""
    faraday_passes: float
    """How often the reference laser passes the rotating glass for each pass of the emission."""

    def facts(self) -> dict[str, Any]:
        """Return what it adds to the conditions of a run."""
        return {
            "field_angle": quantity(self.field_angle, "deg"),
            "na": self.na,
            "viewing": self.viewing,
            "coil": quantity(self.coil, "1"),
            "faraday_passes": self.faraday_passes,
            "date": self.date.isoformat(),
        }
