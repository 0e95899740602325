"""One nanocrystal in the beam: excitation, emission, blinking, bleaching, and the background around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .beam import FRAME, Cell
from .config import BRIGHTNESS_RATE, WorldConfig
from .noise import Floats, FrameNoise, relative_gamma
from .optics import peak_fluence, photon_order, two_photon_strength
from .session import Session
from .yields import YieldTable

STEADY_BELOW = 0.1
"""<N> below which blinking fades out in proportion (PHYSICS 9: non-blinking below 0.1)."""


@dataclass(frozen=True)
class Emission:
    """Detected emission in each cell, shapes (n,)."""

    signal: Floats
    """cps of an unbleached emitter."""
    background: Floats
    """cps."""
    irradiance: Floats
    """W/cm^2 at the emitter, averaged over time."""


class Emitter:
    """The sample of kind `cspbi3_single_RT`.

    Args:
        config: the world file.
        session: what this session drew.
        seed: of the world.
    """

    def __init__(self, config: WorldConfig, session: Session, seed: int) -> None:
        sample, laser = config.sample, config.laser
        self._rate, self._wavelength, self._session = laser.repetition_rate, laser.wavelength, session
        self._leak = config.imperfections.one_photon_leak
        self.order = photon_order(laser.wavelength, sample.wavelength)
        self.plateau = sample.brightness * laser.repetition_rate / BRIGHTNESS_RATE
        self.strength = self._strength(config)
        self._background = config.background
        survival = math.exp(-1e9 / (laser.repetition_rate * sample.lifetime))
        jitter = config.imperfections.pulse_energy_jitter
        self._yields = YieldTable(sample.ladder, sample.biexciton_ratio, survival, jitter, self.order)
        frame_sigma = config.imperfections.blinking / math.sqrt(FRAME)
        self._duty = FrameNoise(seed, "blinking", relative_gamma(frame_sigma))

    def _strength(self, config: WorldConfig) -> float:
        """Return alpha of <N> = alpha F^n, with F in photons/cm^2."""
        sample, laser = config.sample, config.laser
        if self.order == 1:
            return sample.one_photon_cross_section
        return two_photon_strength(
            sample.two_photon_cross_section,
            sample.two_photon_convention,
            laser.pulse_shape,
            self._session.pulse_duration,
        )

    def excitations(self, power: Floats, x_um: Floats, y_um: Floats) -> tuple[Floats, Floats]:
        """Return (<N> of the emitter, <N> on the beam axis) per pulse.

        Args:
            power: W at the sample plane.
            x_um: position of the spot.
            y_um: position of the spot.
        """
        per_watt = peak_fluence(1.0 / self._rate, self._session.waist, self._wavelength)
        axis = self.strength * (power * per_watt) ** self.order
        here = axis * self._overlap(x_um, y_um) ** self.order
        if self._leak and self.order > 1:
            here = here + self._leak * here ** (1.0 / self.order)
        return here, axis

    def emit(self, cells: list[Cell]) -> Emission:
        """Return what the detector would count per second in each cell, before it counts."""
        power, x_um, y_um = np.array([(cell.power, cell.x_um, cell.y_um) for cell in cells]).T
        here, axis = self.excitations(power, x_um, y_um)
        depth = np.minimum(1.0, here / STEADY_BELOW)
        duty = 1.0 + depth * (self._duty.at(np.array([cell.frame for cell in cells])) - 1.0)
        peak = 2.0 * power / (math.pi * (self._session.waist * 1e-7) ** 2)
        return Emission(
            signal=self.plateau * self._yields.at(here) * duty,
            background=self._background * self.plateau * axis,
            irradiance=peak * self._overlap(x_um, y_um),
        )

    def _overlap(self, x_um: Floats, y_um: Floats) -> Floats:
        """Return the fluence at the emitter over that on the beam axis."""
        squared = (x_um * 1e3 - self._session.off_centre_x) ** 2 + (y_um * 1e3 - self._session.off_centre_y) ** 2
        overlap: Floats = np.exp(-2.0 * squared / self._session.waist**2)
        return overlap
