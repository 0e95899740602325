"""Roles around a spectrum: the spectrometer, the monochromator before its camera, and the analyser."""

from __future__ import annotations

from contextlib import AbstractContextManager
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


class Armed(Protocol):
    """A camera that takes frames while other things happen."""

    def taken(self) -> int:
        """Return how many frames are there."""

    def read(self) -> list[Spectrum]:
        """Return the frames in order, those that were taken so far; a frame that began is waited for."""


@runtime_checkable
class ArmedSpectrometer(Spectrometer, Protocol):
    """A spectrometer that can be started, and read later."""

    def armed(self, frames: int, seconds: float, *, triggered: bool) -> AbstractContextManager[Armed]:
        """Take up to `frames` frames of `seconds` each for the duration of a `with` block, and stop then.

        Args:
            frames: most frames.
            seconds: exposure of each.
            triggered: each frame begins with a trigger of the laser; else with the block, one after another.

        Raises:
            HardwareFault: the sensor is warmer than the bench allows.
        """

    def triggerable(self) -> bool:
        """Return whether the laser's trigger is wired to the camera."""

    def frame_time(self) -> float:
        """Return the seconds from one trigger to the next that it needs beside the exposure."""


@runtime_checkable
class Analyser(Protocol):
    """Lets one linear polarisation through."""

    def set_angle(self, degrees: float) -> float:
        """Turn to a polarisation angle in the lab's frame and return the angle reached, in deg."""
