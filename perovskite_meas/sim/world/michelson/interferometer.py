"""The interferometer as the light sees it: its unrest, and the laser's own fringes."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.delay_scale import LIGHT
from perovskite_meas.core.errors import UsageError

from ..noise import Floats, generator
from .pulse import Pulse
from .wander import Wander


class PathNoise:
    """How far the path between the arms is off, against time: drift, random walk, and an acoustic line (PHYSICS 2).

    Sizes are in rad of the optical phase at `wavelength`. A function of the seed and of time alone.

    Args:
        seed: of the world.
        wavelength: vacuum wavelength at which the sizes hold, nm.
        drift: steady, rad/s; its sign is the seed's.
        walk: random walk, rad/sqrt(s).
        acoustic: rms of the acoustic line, rad.
        acoustic_frequency: Hz.
        start: clock time at which the world begins, s; walk and drift are 0 there.
    """

    def __init__(
        self,
        seed: int,
        wavelength: float,
        *,
        drift: float = 0.0,
        walk: float = 0.0,
        acoustic: float = 0.0,
        acoustic_frequency: float = 97.0,
        start: float = 0.0,
    ) -> None:
        rng = generator(seed, "path_noise.session")
        self._drift = drift * (1.0 if rng.random() < 0.5 else -1.0)
        self._sound, self._omega = math.sqrt(2.0) * acoustic, 2.0 * math.pi * acoustic_frequency
        self._begin = 2.0 * math.pi * rng.random()
        self._walk, self._start = Wander(seed, "path_noise.walk", walk, start=start), start
        self._period = wavelength * 1e-6 / LIGHT

    @property
    def drift(self) -> float:
        """The steady part with its sign, rad/s."""
        return self._drift

    def phase(self, times: Floats) -> Floats:
        """Return the error of the optical phase at these clock times (s), rad, shape (n,)."""
        since = np.asarray(times, dtype=float) - self._start
        return self._drift * since + self._walk.at(times) + self._sound * np.sin(self._omega * since + self._begin)

    def delay_error(self, times: Floats) -> Floats:
        """Return the error of the delay at these clock times (s), ps: what every wavelength and the dot sees."""
        return self.phase(times) * (self._period / (2.0 * math.pi))


class LaserFringes:
    """Interference of a laser with itself: intensity behind the interferometer over that without interference.

    Args:
        wavelength: in vacuum, nm.
        pulse: of the laser; None for a cw laser of long coherence.
        port: +1 for the port that the sample sees, -1 for the other, which has its bright fringes where that is dark.
    """

    def __init__(self, wavelength: float, pulse: Pulse | None, port: int) -> None:
        if port not in (1, -1):
            raise UsageError(f"an interferometer has the ports 1 and -1, not {port}")
        self._omega = 2.0 * math.pi * LIGHT / (wavelength * 1e-6)
        self._pulse, self._port = pulse, port

    def factor(self, tau: Floats, visibility: Floats | float) -> Floats:
        """Return 1 +- V g(tau) cos(omega tau) for true delays (ps), g the autocorrelation of the field, shape (n,).

        `visibility` is that of equal paths: mode overlap x 2 sqrt(r)/(1 + r).
        """
        tau = np.asarray(tau, dtype=float)
        envelope = 1.0 if self._pulse is None else self._pulse.autocorrelation(tau)
        found: Floats = 1.0 + self._port * visibility * envelope * np.cos(self._omega * tau)
        return found


def balance_visibility(ratio: float) -> float:
    """Return 2 sqrt(r)/(1 + r): the best visibility of two arms whose powers stand as r."""
    return 2.0 * math.sqrt(ratio) / (1.0 + ratio)
