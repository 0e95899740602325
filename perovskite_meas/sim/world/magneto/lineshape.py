"""The shape of one emission line: zero-phonon line, acoustic-phonon wing, resolution of the spectrograph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..noise import Floats
from .kinetics import K_B

_STEP = 2e-3
"""meV between points of the table."""
_POINTS = 65536
_REFERENCE = 4.0
"""K: the weight of the wing is stated at this temperature."""
_WING_STEP = 0.01
_COLDEST = 0.5
_ROUNDED = 0.02
"""K: temperatures closer than this share a table."""


@dataclass(frozen=True)
class LineShape:
    """What a transition at one energy looks like on the camera.

    Attributes:
        linewidth: homogeneous FWHM (Lorentz), ueV.
        resolution: of the spectrograph, FWHM (Gauss), ueV.
        wing: share of the photons in the acoustic-phonon wing at 4 K; it grows with temperature.
        phonon_energy: where the wing of a cold crystal is highest, below the zero-phonon line, meV.
    """

    linewidth: float
    resolution: float
    wing: float = 0.0
    phonon_energy: float = 0.6

    def spectrum(self, edges: Floats, energies: Floats, photons: Floats, kelvin: float) -> Floats:
        """Return the photons in each pixel, shape (n,).

        Args:
            edges: of the pixels, meV, monotonic either way, shape (n + 1,).
            energies: of the zero-phonon lines, meV, shape (m,).
            photons: in each line with its wing, shape (m,).
            kelvin: of the sample, K.
        """
        total = np.zeros(len(edges))
        for energy, number in zip(np.asarray(energies).tolist(), np.asarray(photons).tolist(), strict=True):
            if number:
                total += number * self.below(edges - energy, kelvin)
        found: Floats = np.abs(np.diff(total))
        return found

    def below(self, offsets: Floats, kelvin: float) -> Floats:
        """Return the share of the photons below these offsets (meV) from the zero-phonon line, shape (n,)."""
        warm = _ROUNDED * round(max(kelvin, _COLDEST) / _ROUNDED)
        table = _table(self.linewidth, self.resolution, self.wing, self.phonon_energy, warm)
        place = np.clip(offsets / _STEP + _POINTS / 2.0, 0.0, _POINTS - 1.000001)
        low = place.astype(np.int64)
        found: Floats = table[low] + (place - low) * (table[low + 1] - table[low])
        return found

    def weight(self, kelvin: float) -> float:
        """Return the share of the photons in the wing at this temperature."""
        return _weight(self.wing, self.phonon_energy, max(kelvin, _COLDEST))


@lru_cache(maxsize=16)
def _table(linewidth: float, resolution: float, wing: float, phonon_energy: float, kelvin: float) -> Floats:
    """Return the share below each point of the grid, shape (points,), from the characteristic function."""
    t = 2.0 * math.pi * np.fft.rfftfreq(_POINTS, _STEP)
    sigma = 1e-3 * resolution / (2.0 * math.sqrt(2.0 * math.log(2.0)))
    zero_phonon = np.exp(-0.5e-3 * linewidth * t - 0.5 * (sigma * t) ** 2)
    share = _weight(wing, phonon_energy, kelvin)
    shape = zero_phonon.astype(np.complex128)
    if share:
        offsets, heights = _wing(phonon_energy, kelvin)
        grid = np.zeros(_POINTS)
        np.add.at(grid, np.rint(offsets / _STEP).astype(np.int64) % _POINTS, heights / np.sum(heights))
        shape *= (1.0 - share) + share * np.fft.rfft(grid)
    density = np.fft.fftshift(np.fft.irfft(shape, _POINTS))
    below = np.cumsum(density) - 0.5 * density
    found: Floats = (below - below[0]) / (below[-1] - below[0])
    return found


def _wing(phonon_energy: float, kelvin: float) -> tuple[Floats, Floats]:
    """Return (offset from the zero-phonon line in meV, height) of the one-phonon wing.

    A super-ohmic bath, J(w) ~ w^3 exp(-(w/w_c)^2): the height is J/w^2 times n + 1 below, times n above the line.
    """
    cut = math.sqrt(2.0) * phonon_energy
    w = _WING_STEP * (np.arange(round(4.0 * cut / _WING_STEP)) + 0.5)
    bath = w * np.exp(-((w / cut) ** 2))
    absorbed = bath / np.expm1(w / (K_B * kelvin))
    return np.concatenate([-w, w]), np.concatenate([bath + absorbed, absorbed])


def _weight(wing: float, phonon_energy: float, kelvin: float) -> float:
    """Return the share of photons in the wing: 1 - exp(-S) with S growing as the mean of 2n + 1."""
    if wing == 0.0:
        return 0.0
    here, there = (float(np.sum(_wing(phonon_energy, one)[1])) for one in (kelvin, _REFERENCE))
    return -math.expm1(math.log1p(-wing) * here / there)
