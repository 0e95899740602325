"""Roles around a spectrum: the spectrometer, the monochromator before its camera, and the analyser."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Spectrum(NamedTuple):
    """One exposure of the camera, as read: no dark, no correction."""

    counts: NDArray[np.float64]
    """Analogue-to-digital counts, shape (pixels,)."""
    exposure: float
    """Of the camera itself, in s."""
    saturated: int
    """Pixels at full scale."""
    sensor: float
    """Temperature of the sensor in degC; 20 where the instrument does not tell."""


@runtime_checkable
class Spectrometer(Protocol):
    """Takes spectra on a known axis."""

    def pixels(self) -> int:
        """Return the number of pixels."""

    def wavelengths(self) -> NDArray[np.float64]:
        """Return the wavelength in vacuum of each pixel by calibration, in nm, shape (pixels,)."""

    def expose(self, seconds: float) -> Spectrum:
        """Expose once and return the spectrum.

        Raises:
            HardwareFault: the sensor is warmer than the bench allows, or the camera did not deliver.
        """


@runtime_checkable
class Spectrograph(Spectrometer, Protocol):
    """A spectrometer whose window can be moved."""

    def centre_on(self, nanometre: float) -> float:
        """Turn the grating, always from the same side, and return the wavelength in vacuum of the middle pixel."""


@runtime_checkable
class Analyser(Protocol):
    """Lets one linear polarisation through."""

    def set_angle(self, degrees: float) -> float:
        """Turn to a polarisation angle in the lab's frame and return the angle reached, in deg."""
