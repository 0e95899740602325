"""The one shape that all lines share: a Lorentzian through a Gaussian instrument, with a wing of phonons.

The wing gives the energy x to phonons with weight x/(1 - exp(-x/kT)) exp(-|x|/epsilon), both signs of x; it is
broadened like the line itself. The shape is built in Fourier space, where the derivatives are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from .rows import Array
from .setup import K_B

WINGS = 32
"""Transforms that are kept."""
COARSE, FINE = (4096, 0.006), (16384, 0.0015)
"""Points and step in meV of the table, for usual instruments and for those finer than SHARP."""
SHARP = 0.025
"""meV, rms."""
LOWEST, HIGHEST = np.array([0.003, 0.0, 0.15, 0.3]), np.array([3.0, 0.6, 2.5, 6.0])
START = np.array([0.12, 0.08, 0.6, 1.0])


@dataclass(frozen=True)
class Profile:
    """Table of the shape and of its derivatives on x = E - E_line."""

    table: Array
    """Value, d/dx and d/dparameter, per meV, (2 + 4, points)."""
    first: float
    """x of the first point, in meV."""
    step: float


class Shape:
    """Makes profiles for one instrument width and temperature."""

    def __init__(self, psf: float, temperature: float, split: float = 0.0) -> None:
        """Take the Gaussian rms of the instrument in meV, the temperature in K and a splitting of every line in meV."""
        self.psf = psf
        self.heat = K_B * max(temperature, 0.5)
        self._points, self._step = COARSE if psf > SHARP else FINE
        self._x = (np.arange(self._points) - self._points // 2) * self._step
        self._t = 2 * np.pi * np.fft.rfftfreq(self._points, self._step)
        self._gauss = np.exp(-0.5 * (self._t * psf) ** 2) * np.cos(0.5 * split * self._t)
        self._wings: dict[tuple[float, float], Array] = {}
        self._last: dict[bool, tuple[tuple[float, ...], Profile]] = {}

    def profile(self, parameters: Array, slopes: bool = True) -> Profile:
        """Return the table for linewidth (FWHM, meV), wing (weight), phonon (meV) and warmth (of the wing, in T)."""
        key = tuple(float(p) for p in parameters)
        for whole_table in (True,) if slopes else (True, False):
            if whole_table in self._last and self._last[whole_table][0] == key:
                return self._last[whole_table][1]
        made = self._made(key, slopes)
        self._last[slopes] = (key, made)
        return made

    def _made(self, key: tuple[float, ...], slopes: bool) -> Profile:
        linewidth, weight, phonon, warmth = key
        t = self._t
        line = self._gauss * np.exp(-0.5 * linewidth * t)
        wing = self._wing(phonon, warmth)
        whole = line * (1 - weight + weight * wing)
        parts = [whole, 1j * t * whole]
        if slopes:
            by_phonon = (self._wing(phonon * 1.002, warmth) - self._wing(phonon * 0.998, warmth)) / (0.004 * phonon)
            by_warmth = (self._wing(phonon, warmth * 1.01) - self._wing(phonon, warmth * 0.99)) / (0.02 * warmth)
            parts += [-0.5 * t * whole, line * (wing - 1), line * weight * by_phonon, line * weight * by_warmth]
        table = np.fft.fftshift(scipy.fft.irfft(np.array(parts), self._points, axis=1), axes=1) / self._step
        return Profile(np.ascontiguousarray(table), float(self._x[0]), self._step)

    def _wing(self, phonon: float, warmth: float) -> Array:
        """Return the Fourier transform of the wing of unit area."""
        if (phonon, warmth) in self._wings:
            return self._wings[phonon, warmth]
        lost = -self._x / (self.heat * warmth)
        safe = np.where(np.abs(lost) < 1e-6, 1e-6, lost)
        law = safe / -np.expm1(-np.clip(safe, -200, 200)) * np.exp(-np.abs(self._x) / phonon)
        transformed: Array = scipy.fft.rfft(np.fft.ifftshift(law / law.sum()))
        if len(self._wings) >= WINGS:
            self._wings.clear()
        self._wings[phonon, warmth] = transformed
        return transformed


def clip_shape(parameters: Array) -> Array:
    """Return the parameters of the shape within their bounds."""
    clipped: Array = np.clip(parameters, LOWEST, HIGHEST)
    return clipped
