"""The nanocrystal in the laser's spot: how often it is excited, and what the light leaves on it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..beam import Cell
from ..emitter import Emission
from ..noise import Floats
from ..session import Session
from .config import MagnetoConfig
from .focus import Focus
from .line_noise import LineNoise
from .mount import Mount


class Dot:
    """The sample of the world file in the light.

    Its `signal` is what the SPAD would count of it without field; what the field makes of that, `Glow` knows.

    Args:
        config: the world file.
        session: what this session drew.
        mount: where it is.
        focus: where the focus is.
        noise: of its brightness.
    """

    def __init__(self, config: MagnetoConfig, session: Session, mount: Mount, focus: Focus, noise: LineNoise) -> None:
        sample = config.sample
        self._session, self._mount, self._focus, self._noise = session, mount, focus, noise
        self._rayleigh = math.pi * session.waist**2 / config.laser.wavelength
        self._saturation = sample.saturation_power * (session.waist / config.optics.waist) ** 2
        self._brightness, self._background = sample.brightness, config.background * sample.brightness
        self._in_focus = config.optics.focus_position

    def excitations(self, power: Floats) -> Floats:
        """Return the mean excitations per pulse at this power in the middle of the spot (W)."""
        found: Floats = power / self._saturation
        return found

    def counts(self, excitations: Floats) -> Floats:
        """Return what the SPAD would count per second without field, at <N> on the emitter."""
        found: Floats = self._brightness * -np.expm1(-excitations)
        return found

    def overlap(self, times: Floats, x_um: Floats, y_um: Floats) -> Floats:
        """Return the irradiance at the emitter over that in the middle of a focused spot, shape (n,)."""
        x, y, z = self._mount.places(times)
        here = self._session
        away = 1e3 * (self._focus.at(times) - self._in_focus) - z
        wider = 1.0 + (away / self._rayleigh) ** 2
        squared = (x_um * 1e3 - here.off_centre_x - x) ** 2 + (y_um * 1e3 - here.off_centre_y - y) ** 2
        found: Floats = np.exp(-2.0 * squared / (here.waist**2 * wider)) / wider
        return found

    def emit(self, cells: list[Cell]) -> Emission:
        """Return what the light of each cell does, without field and analyser."""
        power, x_um, y_um, t0, t1 = np.array([(one.power, one.x_um, one.y_um, one.t0, one.t1) for one in cells]).T
        overlap = self.overlap((t0 + t1) / 2.0, x_um, y_um)
        axis = self.excitations(power)
        duty = self._noise.factors(np.column_stack([t0, t1]).ravel())[::2]
        grey: NDArray[np.bool_] = np.zeros((len(cells), 0), dtype=bool)
        peak = 2.0 / (math.pi * (self._session.waist * 1e-7) ** 2)
        return Emission(
            signal=self.counts(axis * overlap) * duty,
            background=self._background * axis,
            irradiance=peak * power * overlap,
            excitations=axis * overlap,
            duty=duty,
            grey=grey,
        )
