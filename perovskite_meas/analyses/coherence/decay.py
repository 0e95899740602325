"""Visibility against delay: the decay of the line, convolved with the laser's field autocorrelation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, wofz

from .rows import Array
from .setup import HBAR

FIELD_WIDTH = 1 / math.sqrt(2 * math.log(2))
"""rms of the field autocorrelation of a transform-limited Gaussian pulse over its intensity FWHM: 0.849."""
SECH = 1 / (2 * math.acosh(math.sqrt(2)))
"""T0 of sech(t/T0) over the intensity FWHM."""
SHORTEST = 1e-3
"""ps; shorter pulses are no different."""

Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Line:
    """Decay of the coherence: exp(-t/t2 - (sigma t)^2/2) (1 + rho exp(i omega t))/(1 + rho)."""

    t2: float
    """ps; infinite without homogeneous width."""
    sigma: float = 0.0
    """Gaussian rms, in ueV."""
    beat: float = 0.0
    """Splitting, in meV."""
    rho: float = 0.0
    """Weight of the second line over that of the first."""


def coherence(line: Line, delay: Array, duration: float, shape: str) -> Array:
    """Return the visibility over that at zero delay, (n,); `delay` and `duration` (intensity FWHM) in ps.

    The excited population after two weak pulses is the Fourier integral of laser spectrum times line, so its fringes
    decay as the convolution of the line's decay with the pulse's field autocorrelation.
    """
    times = np.concatenate([[0.0], np.abs(delay)])
    if shape == "gauss":
        field = _gauss(line, times, max(FIELD_WIDTH * duration, SHORTEST))
    else:
        field = _numeric(line, times, max(duration, SHORTEST), shape)
    size = np.abs(field)
    relative: Array = size[1:] / size[0]
    return relative


def field_autocorrelation(delay: Array, duration: float, shape: str) -> Array:
    """Return the laser's own visibility over that at zero delay; delay and intensity FWHM in ps."""
    duration = max(duration, SHORTEST)
    if shape == "gauss":
        return np.exp(-0.5 * (delay / (FIELD_WIDTH * duration)) ** 2)
    if shape == "rect":
        return np.clip(1 - np.abs(delay) / duration, 0.0, None)
    x = np.clip(np.abs(delay) / (SECH * duration), 1e-9, 300.0)
    shown: Array = x / np.sinh(x)
    return shown


def _gauss(line: Line, times: Array, s: float) -> Complex:
    """Return the convolution with exp(-t^2/2s^2) in closed form, up to a constant."""
    omega = line.beat * 1e3 / HBAR
    total = np.zeros(times.size, dtype=np.complex128)
    for weight, frequency in ((1.0, 0.0), (line.rho, omega)):
        if weight:
            total += weight * (_half(line, times, s, frequency) + _half(line, -times, s, -frequency))
    return total


def _half(line: Line, times: Array, s: float, omega: float) -> Complex:
    """Return the integral over u > 0 of exp(-u/t2 - (sigma u)^2/2 + i omega u - (t-u)^2/2s^2) up to a constant."""
    a = 0.5 * (line.sigma / HBAR) ** 2 + 0.5 / s**2
    b = (0.0 if math.isinf(line.t2) else 1 / line.t2) - 1j * omega - times / s**2
    c = 0.5 * (times / s) ** 2
    z = b / (2 * math.sqrt(a))
    near = np.real(z) >= 0
    folded = np.where(near, z, -z)
    inner = wofz(1j * folded) if omega else erfcx(np.real(folded))
    tail = np.exp(-c) * inner
    whole = np.where(near, tail, 2 * np.exp(np.where(near, 0.0, z**2 - c)) - tail) / math.sqrt(a)
    return np.asarray(whole, np.complex128)


def _numeric(line: Line, times: Array, duration: float, shape: str) -> Complex:
    reach = duration if shape == "rect" else 16 * SECH * duration
    u = np.linspace(-reach, reach, 601)
    field = field_autocorrelation(u, duration, shape)
    t = times[:, None] - u[None, :]
    rate = 0.0 if math.isinf(line.t2) else 1 / line.t2
    decay = np.exp(-np.abs(t) * rate - 0.5 * (line.sigma * t / HBAR) ** 2)
    beating = 1 + line.rho * np.exp(1j * line.beat * 1e3 / HBAR * t)
    return np.asarray((decay * beating) @ field, dtype=np.complex128)
