"""A power head: calibration, zero, noise, and the wavelength correction that the meter applies."""

from __future__ import annotations

import math
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .beam import Beam
from .noise import RandomWalk
from .session import HeadError

if TYPE_CHECKING:
    from .base import TableConfig

AVERAGING = 0.1
"""s: `imperfections.meter_noise` is that of a reading averaged over this time."""
_SHORTEST = 1e-3

# Silicon photodiode, A/W at nm: general knowledge of such diodes, unverified against a data sheet.
_NM = (300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 960.0, 1000.0, 1050.0, 1100.0)
_AMPERE_PER_WATT = (0.08, 0.19, 0.33, 0.42, 0.48, 0.54, 0.60, 0.62, 0.58, 0.35, 0.15)


@lru_cache(maxsize=256)
def responsivity(wavelength_nm: float) -> float:
    """Return the responsivity of a silicon head in A/W; constant beyond 300 to 1100 nm."""
    return float(np.interp(wavelength_nm, _NM, _AMPERE_PER_WATT))


class PowerHead:
    """A power head in the beam.

    Args:
        beam: the light.
        config: the world file.
        error: what this session drew for this head.
        behind_shutter: sees light only with the shutter (and, where there are arms, an arm) open.
        ratio: power on the head over power at the sample plane.
        drift: relative change of that ratio in time.
        rng: of this head alone.
        lock: of the world.
    """

    def __init__(
        self,
        beam: Beam,
        config: TableConfig,
        error: HeadError,
        *,
        behind_shutter: bool,
        ratio: float,
        drift: RandomWalk,
        rng: np.random.Generator,
        lock: threading.RLock,
    ) -> None:
        self._beam, self._error, self._behind = beam, error, behind_shutter
        self._wavelength, self._noise = config.laser.wavelength, config.imperfections.meter_noise
        self._ratio, self._drift, self._rng, self._lock = ratio, drift, rng, lock

    def watts(self, t0: float, t1: float, correction_nm: float) -> float:
        """Return one reading averaged over [t0, t1], in W.

        Args:
            t0: begin, clock time in s.
            t1: end.
            correction_nm: wavelength to which the meter is set.
        """
        with self._lock:
            noise = self._noise * float(self._rng.standard_normal())
            noise *= math.sqrt(AVERAGING / max(t1 - t0, _SHORTEST))
            seen = self._mean_power(t0, t1) + self._error.zero
            return self._scale(correction_nm) * seen * (1.0 + noise)

    def dark(self, t: float, correction_nm: float | None = None) -> float:
        """Return what a reading without light and noise would show at `t`, in W: the zero offset."""
        return self._scale(self._wavelength if correction_nm is None else correction_nm) * self._error.zero

    def _scale(self, correction_nm: float) -> float:
        return self._error.calibration * responsivity(self._wavelength) / responsivity(correction_nm)

    def _mean_power(self, t0: float, t1: float) -> float:
        """Return the power on the head averaged over [t0, t1], in W."""
        energy, lasting = 0.0, 0.0
        for cell in self._beam.cells(t0, max(t1, t0 + _SHORTEST)):
            seconds = cell.t1 - cell.t0
            lasting += seconds
            if cell.is_open or not self._behind:
                middle = (cell.t0 + cell.t1) / 2.0 - self._beam.start
                share = cell.share if self._behind else 1.0
                energy += cell.power * share * (1.0 + self._drift.at(middle)) * seconds
        return self._ratio * energy / lasting
