"""What falls from the sample onto the signal detector: the dot's emission, background and scattered laser light."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..beam import Cell
from ..emitter import Emission
from ..noise import Floats
from ..session import Session
from .config import MichelsonConfig
from .geometry import laser_frequency, line_frequency
from .interferometer import balance_visibility
from .pulse import Pulse
from .response import HBAR, Line, TwoPulse

STEP = 0.05
"""Between the logarithms of the powers at which the response is worked out; linear in between."""
_LEAST = 1e-13
"""W on the dot below which it is dark."""
_STRIDE, _SLOW = 8, 0.01
"""The response is worked out once in so many pieces, while the delay changes by less than this share of a pulse."""

Arms = tuple[bool, bool]


class Waves(NamedTuple):
    """How the two pulses of each pair stand to each other, in pieces of time; shapes (n,)."""

    tau: Floats
    """Delay, ps."""
    smear: Floats
    """rad by which the laser's phase changes within the piece, over which fringes average."""
    overlap: Floats
    """Of the arms, over that at equal paths."""
    detuning: Floats
    """Of the line, ueV."""

    def at(self, here: NDArray[np.int64]) -> Waves:
        """Return some of the pieces."""
        return Waves(*(column[here] for column in self))


class Dot:
    """The sample of the world file in the light of both arms.

    Args:
        config: the world file.
        session: what this session drew.
    """

    def __init__(self, config: MichelsonConfig, session: Session) -> None:
        sample, laser = config.sample, config.laser
        self._session, self._shares = session, config.shares
        self.is_laser = sample.kind == "laser"
        self.pulse = Pulse(session.pulse_duration, laser.pulse_shape)
        self.visibility = config.optics.mode_overlap * balance_visibility(config.optics.arm_balance)
        self.omega = line_frequency(sample.energy)
        carrier = laser_frequency(laser.wavelength)
        self._carrier = carrier if self.is_laser else self.omega
        offset = (carrier - self.omega) * HBAR
        line = Line(sample.t2, sample.t1, sample.splitting, sample.splitting_ratio)
        self.response = TwoPulse(line, self.pulse, sample.response, offset)
        self._weak = TwoPulse(line, self.pulse, "linear", offset)
        self._overlap, self._brightness = config.optics.mode_overlap, sample.brightness
        self._pi_power = sample.pi_power / self._share(config.optics.waist)
        self._background = config.background * self._weak_rate
        self._leakage = config.imperfections.leakage * self._weak_rate

    def area(self, power: float, arm: int = 0) -> float:
        """Return the area of the pulses of one arm, rad, at this power of both arms on the dot (W)."""
        return math.pi * math.sqrt(max(0.0, power) * self._shares[arm] / self._pi_power)

    def on_dot(self, x_um: Floats, y_um: Floats) -> Floats:
        """Return the irradiance at the dot over that on the beam axis, shape (n,)."""
        here = self._session
        squared = (x_um * 1e3 - here.off_centre_x) ** 2 + (y_um * 1e3 - here.off_centre_y) ** 2
        found: Floats = np.exp(-2.0 * squared / here.waist**2)
        return found

    def emitted(self, power: Floats, arms: Arms, waves: Waves) -> Floats:
        """Return the counts per second of a bright dot, shape (n,).

        Args:
            power: of both arms on the dot, W, shape (n,).
            arms: which of them are open.
            waves: of n pieces.
        """
        lit = power > _LEAST
        if not lit.any() or not any(arms):
            return np.zeros(len(power))
        mean = np.zeros(len(power))
        first, second = np.zeros(len(power), dtype=complex), np.zeros(len(power), dtype=complex)
        place = np.log(np.where(lit, power, 1.0)) / STEP
        low = np.floor(place)
        for node in np.unique(low[lit]).tolist():
            here = np.flatnonzero(lit & (low == node))
            rest = place[here] - node
            for step, part in ((0, 1.0 - rest), (1, rest)):
                at = math.exp(STEP * (node + step))
                share = part * power[here] / at
                slow = self._amplitudes(at, arms, waves.tau[here], waves.detuning[here])
                for whole, found in zip((mean, first, second), slow, strict=True):
                    whole[here] += share * found
        turn = np.exp(1j * (self._carrier + waves.detuning / HBAR) * waves.tau)
        once = self._overlap * waves.overlap
        fringes = once * np.sinc(waves.smear / (2.0 * math.pi)) * (first * turn).real
        fringes += once**2 * np.sinc(waves.smear / math.pi) * (second * turn**2).real
        rate: Floats = self._brightness * np.maximum(mean + fringes, 0.0)
        return rate

    def _amplitudes(
        self, power: float, arms: Arms, tau: Floats, detuning: Floats
    ) -> tuple[Floats | float, Floats | complex, Floats | complex]:
        """Return mean, first and second harmonic of the fringes, without their carrier, shapes (n,) or one for all.

        They change slowly, so that one in a few pieces is worked out where the delay does.
        """
        a, b = (self.area(power, arm) if is_open else 0.0 for arm, is_open in enumerate(arms))
        if self.is_laser:
            return (a * a + b * b) / 4.0, a * b / 2.0 * self.pulse.autocorrelation(tau), 0j
        if not (a and b):
            return self.response.single(a or b), 0j, 0j
        few = np.append(np.arange(0, len(tau) - 1, _STRIDE), len(tau) - 1)
        if np.max(np.abs(np.diff(tau[few])), initial=0.0) > _SLOW * self.pulse.duration:
            few = np.arange(len(tau))
        mean, first, second = self.response.curve(tau[few], a, b, detuning[few])
        turn = np.exp(-1j * detuning[few] / HBAR * tau[few])
        every = np.arange(len(tau))
        return np.interp(every, few, mean), np.interp(every, few, first * turn), np.interp(every, few, second * turn**2)

    def beside(self, power: Floats) -> Floats:
        """Return the background in counts per second at this power at the sample (W, open arms alone)."""
        return self._background * power

    def leaked(self, power: Floats) -> Floats:
        """Return the scattered laser light in counts per second, before interference, likewise."""
        return self._leakage * power

    def mean_rate(self, power: float) -> float:
        """Return the counts per second of a bright dot, both arms open, fringes and overlap of the pulses averaged."""
        a, b = self.area(power), self.area(power, 1)
        if self.is_laser or not (a and b):
            return self._brightness * (a * a + b * b) / 4.0
        far = 4.0 * self.pulse.half_width
        return self._brightness * self.response.pair(far, a, b).mean

    def intercept(self, t2: float) -> float:
        """Return V of the law V e^(-tau/T2) that weak pulses follow once they have parted; `t2` in ps.

        It exceeds the visibility at zero delay, which pulses of finite length lower most.
        """
        far = 2.0 * self.pulse.half_width
        weak = self._weak.pair(far, 1e-3, 1e-3)
        return self.visibility * abs(weak.first) / weak.mean * math.exp(far / t2)

    def emit(self, cells: list[Cell]) -> Emission:
        """Return what the light of each cell leaves on the dot; its photons are worked out elsewhere."""
        power, x_um, y_um = np.array([(cell.power * cell.share, cell.x_um, cell.y_um) for cell in cells]).T
        here, nothing = power * self.on_dot(x_um, y_um), np.zeros(len(cells))
        excitations: Floats = (math.pi / 2.0) ** 2 * here / self._pi_power
        grey: NDArray[np.bool_] = np.zeros((len(cells), 0), dtype=bool)
        peak = 2.0 / (math.pi * (self._session.waist * 1e-7) ** 2)
        return Emission(nothing, nothing, peak * here, np.minimum(excitations, 2.0), np.ones(len(cells)), grey)

    @property
    def _weak_rate(self) -> float:
        """Counts per second and W, at little power, of a dot in the middle."""
        return self._brightness * (math.pi / 2.0) ** 2 / self._pi_power

    def _share(self, nominal_waist: float) -> float:
        """Return the peak irradiance of this session's spot over that of the nominal one."""
        return (nominal_waist / self._session.waist) ** 2
