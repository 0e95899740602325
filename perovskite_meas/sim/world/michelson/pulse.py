"""The laser pulse: its field in time, its spectrum, and what an interferometer makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from perovskite_meas.core.errors import UsageError

from ..noise import Floats

SHAPES = ("gauss", "sech2", "rect")
"""Of the intensity; their places are the codes that the compiled loops know."""

_SECH = 2.0 * math.acosh(math.sqrt(2.0))
"""FWHM of sech^2(t/t0) over t0."""
_CUT = {"gauss": 2.75, "sech2": 6.5, "rect": 0.5}
"""Where the field is cut, in durations from its middle: below 3e-5 of its peak."""
_WIDEST = {"gauss": 10.0, "sech2": 20.0, "rect": 400.0}
"""Where the spectrum is cut, in rad per duration: the power beyond is below 1e-7 (1e-3 for `rect`)."""
_POINTS = 1 << 15


@dataclass(frozen=True)
class Pulse:
    """A transform-limited pulse.

    Attributes:
        duration: FWHM of its intensity, ps.
        shape: of its intensity: gauss, sech2 or rect.
    """

    duration: float
    shape: str = "gauss"

    def __post_init__(self) -> None:
        if self.duration <= 0.0 or self.shape not in SHAPES:
            raise UsageError(
                f"a pulse of {self.duration} ps, {self.shape!r}, cannot be: above 0 ps, one of {', '.join(SHAPES)}"
            )

    @property
    def code(self) -> int:
        """The shape as a number."""
        return SHAPES.index(self.shape)

    @property
    def half_width(self) -> float:
        """Time from the middle beyond which there is no field, ps."""
        return _CUT[self.shape] * self.duration

    @property
    def scale(self) -> float:
        """The field is exp(-x^2/2), sech(x) or 1 with x = t / scale; ps."""
        if self.shape == "gauss":
            return self.duration / (2.0 * math.sqrt(math.log(2.0)))
        return self.duration / _SECH if self.shape == "sech2" else self.duration

    @property
    def unit_area(self) -> float:
        """Integral of the field of peak 1 over time, ps."""
        return self.scale * {"gauss": math.sqrt(2.0 * math.pi), "sech2": math.pi, "rect": 1.0}[self.shape]

    @property
    def bandwidth(self) -> float:
        """Distance from the carrier beyond which the spectrum is left out, rad/ps."""
        return _WIDEST[self.shape] / self.duration

    def spectrum(self, omega: Floats) -> Floats:
        """Return the Fourier transform of the field of area 1 at these distances from the carrier (rad/ps)."""
        x = omega * self.scale
        found: Floats
        if self.shape == "gauss":
            found = np.exp(-0.5 * x**2)
        elif self.shape == "sech2":
            fall = np.exp(-0.5 * math.pi * np.abs(x))
            found = 2.0 * fall / (1.0 + fall**2)
        else:
            found = np.sinc(x / (2.0 * math.pi))
        return found

    def autocorrelation(self, tau: Floats) -> Floats:
        """Return the normalised field autocorrelation without its carrier, 1 at tau = 0 (ps): a spectral integral."""
        times, values = _autocorrelation(self)
        return np.interp(np.abs(tau), times, values, right=0.0)


@lru_cache(maxsize=16)
def _autocorrelation(pulse: Pulse) -> tuple[Floats, Floats]:
    """Return (tau in ps, autocorrelation) on a fine grid: the Fourier transform of the power spectrum."""
    period = 6.0 * pulse.half_width
    omega: Floats = 2.0 * math.pi / period * np.asarray(np.fft.fftfreq(_POINTS, 1.0 / _POINTS), dtype=np.float64)
    wave = np.real(np.fft.fft(pulse.spectrum(omega) ** 2))[: _POINTS // 2]
    times: Floats = period / _POINTS * np.arange(_POINTS // 2, dtype=np.float64)
    return times, wave / wave[0]
