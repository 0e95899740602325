"""A line of CCD pixels: what photons become in the order in which a camera adds its noise (STYLE 1.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..noise import Floats

_DOUBLES = 7.0
"""K: silicon's dark current doubles over this."""


@dataclass(frozen=True)
class Sensor:
    """A fully binned sensor.

    Attributes:
        quantum_efficiency: electrons per photon.
        dark: electrons per s in a pixel of the binned line at `dark_at`.
        dark_at: degC.
        full_well: electrons that a pixel of the binned line holds.
        read_noise: electrons, rms.
        gain: electrons per count.
        offset: counts.
        full_scale: highest count.
    """

    quantum_efficiency: float = 0.9
    dark: float = 0.05
    dark_at: float = -65.0
    full_well: float = 2e5
    read_noise: float = 4.0
    gain: float = 1.2
    offset: float = 300.0
    full_scale: int = 65535

    def dark_rate(self, celsius: float) -> float:
        """Return the dark electrons per s and pixel at this sensor temperature."""
        return self.dark * math.pow(2.0, (celsius - self.dark_at) / _DOUBLES)

    def read(
        self,
        photons: Floats,
        seconds: float,
        celsius: float,
        rng: np.random.Generator,
        cosmics: Floats | None = None,
    ) -> NDArray[np.int64]:
        """Return the counts of one exposure, shape (n,).

        Photons and dark current make electrons (Poisson), cosmics add theirs, the well fills up, read noise comes,
        then gain, offset, the floor of the converter, and its ends.

        Args:
            photons: expected in each pixel, shape (n,).
            seconds: exposure.
            celsius: of the sensor.
            rng: of this camera alone.
            cosmics: electrons, shape (n,).
        """
        electrons = rng.poisson(self.quantum_efficiency * photons + self.dark_rate(celsius) * seconds).astype(float)
        if cosmics is not None:
            electrons += cosmics
        electrons = np.minimum(electrons, self.full_well)
        electrons += self.read_noise * rng.standard_normal(len(photons))
        counts = np.floor(electrons / self.gain + self.offset)
        found: NDArray[np.int64] = np.clip(counts, 0, self.full_scale).astype(np.int64)
        return found
