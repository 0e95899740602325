"""Which wavelength falls on which pixel: the grating equation of a spectrograph with a fixed angle between its arms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.core.errors import UsageError

from ..noise import Floats


@dataclass(frozen=True)
class Grating:
    """One grating, in first order, in front of a sensor. Wavelengths are vacuum nm.

    Attributes:
        grooves: per mm.
        focal: length of the spectrograph, mm.
        pitch: of the pixels, um.
        pixels: how many; their middle is at the centre wavelength.
        deviation: fixed angle between the incoming and the outgoing arm, deg (29.2 deg gives 7.9 pm/px at 539 nm with
            1800 grooves/mm, 750 mm and 15 um; chosen for that, unverified against the manual).
        scale: true dispersion over the nominal one (the focal length is not what the plate says).
    """

    grooves: float = 1800.0
    focal: float = 750.0
    pitch: float = 15.0
    pixels: int = 2000
    deviation: float = 29.2
    scale: float = 1.0

    def edges(self, centre: float, shift: float = 0.0) -> Floats:
        """Return the wavelengths at the borders of the pixels, nm, rising, shape (pixels + 1,).

        Args:
            centre: true wavelength in the middle of the sensor, nm.
            shift: by which the image has crept towards higher pixels, px.

        Raises:
            UsageError: no such wavelength leaves this grating.
        """
        return self._at(centre, np.arange(self.pixels + 1.0) - (self.pixels / 2.0 + shift))

    def wavelengths(self, centre: float, shift: float = 0.0) -> Floats:
        """Return the wavelengths in the middle of the pixels, nm, rising, shape (pixels,); arguments as `edges`."""
        return self._at(centre, np.arange(float(self.pixels)) - ((self.pixels - 1) / 2.0 + shift))

    def dispersion(self, centre: float) -> float:
        """Return nm per pixel in the middle of the sensor."""
        return self.scale * self._spacing * math.cos(self._leaving(centre)) * self.pitch / (1e3 * self.focal)

    @property
    def _spacing(self) -> float:
        return 1e6 / self.grooves

    def _leaving(self, centre: float) -> float:
        """Return the angle at which the centre wavelength leaves the grating, rad."""
        half = math.radians(self.deviation) / 2.0
        sine = centre / (2.0 * self._spacing * math.cos(half))
        if not 0.0 <= sine < math.cos(half):
            raise UsageError(f"{centre:g} nm is out of reach of a grating with {self.grooves:g} grooves/mm")
        return math.asin(sine) + half

    def _at(self, centre: float, pixels: Floats) -> Floats:
        leaving = self._leaving(centre)
        angle = np.arctan(self.scale * pixels * self.pitch / (1e3 * self.focal))
        found: Floats = centre + self._spacing * (np.sin(leaving + angle) - math.sin(leaving))
        return found
