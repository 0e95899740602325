"""The delay between the arms at any moment: stage, piezo, and the unrest of the air."""

from __future__ import annotations

import math
import threading

import numpy as np

from perovskite_meas.core.delay_scale import LIGHT

from ..noise import Floats, generator
from ..ports import Diary
from .config import MichelsonConfig
from .interferometer import PathNoise
from .piezo import Errors, Fine
from .response import HBAR
from .stage import Coarse, Screw

_PER_NM = 2.0 * math.pi * LIGHT * 1e6
"""rad/ps of light of 1 nm."""


class Geometry:
    """Both mirrors of the interferometer.

    Args:
        config: the world file.
        seed: of the world.
        start: clock time at which the world begins, s.
        diary: what light has seen already is not changed.
        lock: of the world.

    Attributes:
        zero: stage position of zero delay, approached from below, in mm: what this session drew.
        coarse: the stage.
        fine: the piezo.
    """

    def __init__(self, config: MichelsonConfig, seed: int, start: float, diary: Diary, lock: threading.RLock) -> None:
        sizes, optics = config.imperfections, config.optics
        zero, scale = (
            float(generator(seed, f"session.{name}").standard_normal()) for name in ("zero_offset", "piezo_scale")
        )
        phase = 2.0 * math.pi * float(generator(seed, "session.stage_cyclic").random())
        screw = Screw(sizes.stage_backlash * 1e-3, sizes.stage_cyclic * 1e-3, optics.cyclic_period, phase)
        errors = Errors(
            hysteresis=(sizes.piezo_hysteresis_open, sizes.piezo_hysteresis_closed),
            nonlinearity=(sizes.piezo_nonlinearity, sizes.piezo_nonlinearity_closed),
            creep=sizes.piezo_creep,
            scale=1.0 + sizes.piezo_scale * scale,
        )
        self.zero = optics.zero_position + sizes.zero_offset * 1e-3 * zero
        self.piezo_scale = errors.scale
        self.coarse = Coarse(start, screw, diary, lock)
        self.fine = Fine(start, optics.fine_range, errors, diary, lock, optics.fine_sensitivity)
        self._origin = screw.from_below(self.zero)
        self._per_length = config.scale.per_length
        self._lost = sizes.overlap_drift / 10.0
        self.noise = PathNoise(
            seed,
            config.laser.wavelength,
            drift=sizes.phase_drift,
            walk=sizes.phase_walk,
            acoustic=sizes.acoustic,
            acoustic_frequency=optics.acoustic_frequency,
            start=start,
        )

    def delay(self, times: Floats) -> Floats:
        """Return the true delay of arm b at these clock times (s, sorted), in ps, shape (n,)."""
        coarse = self.coarse.mirror(times) - self._origin
        found: Floats = self._per_length * (coarse + self.fine.mirror(times) * 1e-3) + self.noise.delay_error(times)
        return found

    def overlap(self, delay: Floats) -> Floats:
        """Return the factor by which the arms overlap less at these delays (ps) than at zero."""
        found: Floats = np.clip(1.0 - self._lost * delay / self._per_length, 0.0, 1.0)
        return found


def line_frequency(energy: float) -> float:
    """Return the angular frequency of a photon energy (eV), in rad/ps."""
    return energy * 1e6 / HBAR


def laser_frequency(wavelength: float) -> float:
    """Return the angular frequency of a vacuum wavelength (nm), in rad/ps."""
    return _PER_NM / wavelength
