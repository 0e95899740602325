"""The sample in the beam: excitation, emission, blinking, and the background around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .beam import FRAME, Cell
from .config import WorldConfig
from .noise import Floats, FrameNoise, generator, relative_gamma
from .optics import kappa, peak_fluence, photon_order, two_photon_strength
from .photons.blinking import Telegraph
from .photons.dot import Dot, SteadyLight, g2_zero_pulsed
from .sections import BRIGHTNESS_RATE
from .session import Session
from .yields import YieldTable, jitter_nodes, ladder_ratios

STEADY_BELOW = 0.1
"""<N> below which the noise of the emission fades out in proportion (PHYSICS 9: non-blinking below 0.1)."""

_STATES = 700
_LOWEST = 1e-6
"""<N> that stands for the limit of no light."""


@dataclass(frozen=True)
class Emission:
    """Detected emission in each cell, shapes (n,)."""

    signal: Floats
    """cps of an unbleached sample."""
    background: Floats
    """cps."""
    irradiance: Floats
    """W/cm^2 at the emitter, averaged over time."""
    excitations: Floats
    """<N> of the emitter, per pulse or, under continuous light, per lifetime."""
    duty: Floats
    """Factor on the brightness."""
    grey: NDArray[np.bool_]
    """Which of the emitters are grey, shape (n, emitters)."""


class Emitter:
    """The sample of a world file.

    Args:
        config: the world file.
        session: what this session drew.
        seed: of the world.
        start: clock time at which the world begins, in s.
    """

    def __init__(self, config: WorldConfig, session: Session, seed: int, start: float = 0.0) -> None:
        sample, laser = config.sample, config.laser
        self._cw, self._wavelength, self._session = config.is_cw, laser.wavelength, session
        self._rate = 1.0 if self._cw else laser.repetition_rate
        self._leak = config.imperfections.one_photon_leak
        self.emitters, self.is_laser = sample.emitters, sample.kind == "laser"
        self.order = photon_order(laser.wavelength, sample.wavelength)
        self.dot = Dot(
            sample.brightness / BRIGHTNESS_RATE,
            sample.lifetime * 1e-9,
            sample.biexciton_lifetime * 1e-12,
            ladder_ratios(sample.ladder, sample.biexciton_ratio, _STATES),
        )
        pulsed = sample.brightness * self._rate / BRIGHTNESS_RATE
        most = self.dot.efficiency / self.dot.lifetime if self._cw else pulsed
        self.plateau = self.emitters * most
        self.strength = self._strength(config)
        self._background = config.background * self.plateau
        self.grey_yield = config.grey_yield
        self.nodes, self.weights = jitter_nodes(config.imperfections.pulse_energy_jitter, self.order)
        self._levels = [self._level(config, 1.0)]
        self.telegraphs: list[Telegraph] = []
        if self.grey_yield is not None:
            self._levels.append(self._level(config, self.grey_yield))
            names = [f"blinking.{number}" for number in range(self.emitters)]
            self.telegraphs = [Telegraph(sample.blinking, generator(seed, name), start) for name in names]
        frame_sigma = config.imperfections.blinking / math.sqrt(FRAME)
        self._duty = FrameNoise(seed, "blinking", relative_gamma(frame_sigma))

    def _strength(self, config: WorldConfig) -> float:
        """Return alpha of <N> = alpha F^n, with F in photons/cm^2 per pulse, or per second under continuous light."""
        sample, laser = config.sample, config.laser
        lasting = self.dot.lifetime if self._cw else 1.0
        if self.order == 1:
            return sample.one_photon_cross_section * lasting
        if self._cw:
            return kappa(sample.two_photon_convention, 2) * sample.two_photon_cross_section * 1e-50 * lasting
        return two_photon_strength(
            sample.two_photon_cross_section,
            sample.two_photon_convention,
            laser.pulse_shape,
            self._session.pulse_duration,
        )

    def _level(self, config: WorldConfig, share: float) -> YieldTable | SteadyLight:
        """Return the yields of the state whose yield and lifetime are `share` of those of the neutral one."""
        dot = self.dot.charged(share) if share < 1.0 else self.dot
        if self._cw:
            return SteadyLight(dot)
        jitter = config.imperfections.pulse_energy_jitter
        ladder, ratio = config.sample.ladder, config.sample.biexciton_ratio
        return YieldTable(ladder, ratio, self.survival(dot), jitter, self.order)

    def survival(self, dot: Dot) -> float:
        """Return the probability that an exciton lives until the next pulse."""
        return 0.0 if self._cw else math.exp(-1.0 / (self._rate * dot.lifetime))

    def excitations(self, power: Floats, x_um: Floats, y_um: Floats) -> tuple[Floats, Floats]:
        """Return (<N> of the emitter, <N> on the beam axis) per pulse, or per lifetime under continuous light.

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
        middles = np.array([(cell.t0 + cell.t1) / 2.0 for cell in cells])
        grey = np.array([one.is_grey(middles) for one in self.telegraphs], dtype=bool).reshape(-1, len(cells)).T
        return Emission(
            signal=self.plateau * self.relative(here, grey) * duty,
            background=self._background * axis,
            irradiance=peak * self._overlap(x_um, y_um),
            excitations=here,
            duty=duty,
            grey=grey,
        )

    def relative(self, x: Floats, grey: NDArray[np.bool_]) -> Floats:
        """Return the signal over the plateau at <N> = x, shape (n,), with these emitters grey, shape (n, emitters)."""
        if self.is_laser:
            return x
        neutral = self._levels[0].at(x)
        if self.grey_yield is None:
            return neutral
        # Continuous light is counted per lifetime, and the plateau is efficiency / lifetime: its scale drops out.
        faster = self.dot.charged(self.grey_yield).lifetime / self.dot.lifetime
        dim = self._levels[1].at(x * faster if self._cw else x)
        share = grey.mean(axis=1)
        mixed: Floats = (1.0 - share) * neutral + share * dim * self.grey_yield / (faster if self._cw else 1.0)
        return mixed

    def g2_zero(self, x: float) -> float:
        """Return what an ideal correlator finds at zero lag, at <N> = x of the neutral emitters; 0 is the limit."""
        if self.is_laser:
            return 1.0
        x = max(x, _LOWEST)
        single = (
            SteadyLight(self.dot).g2_zero(x)
            if self._cw
            else g2_zero_pulsed(x, self.dot.ratios, self.survival(self.dot), self.nodes, self.weights)
        )
        return 1.0 + (single - 1.0) / self.emitters

    def background_beside(self, x: float) -> float:
        """Return the background in cps while the emitter, with the scanner at zero, sees <N> = x."""
        return self._background * x / float(self._overlap(np.zeros(1), np.zeros(1))[0]) ** self.order

    def antibunching_time(self, x: float) -> float:
        """Return 1/(1/lifetime + W) in ns at x = W lifetime; only under continuous light, else the lifetime."""
        return self.dot.lifetime * 1e9 / (1.0 + (x if self._cw else 0.0))

    def _overlap(self, x_um: Floats, y_um: Floats) -> Floats:
        """Return the fluence at the emitter over that on the beam axis."""
        squared = (x_um * 1e3 - self._session.off_centre_x) ** 2 + (y_um * 1e3 - self._session.off_centre_y) ** 2
        overlap: Floats = np.exp(-2.0 * squared / self._session.waist**2)
        return overlap
