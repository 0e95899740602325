"""Photon energies on which light grows, and what of them falls into each pixel."""

from __future__ import annotations

import math

import numpy as np

from ..noise import Floats
from .film_sample import FilmSample

HC = 1239.84198
"""eV nm: photon energy times vacuum wavelength (PHYSICS 0)."""

_NODES = 104
_WIDTHS = 2.2
"""Half the range over the FWHM of the spontaneous emission: 5.2 sigma."""
_FINE = 25.0
"""meV round the gain's maximum where nodes are closest."""
_STEEP = 4.0 * math.log(2.0)
_INSIDE = (np.polynomial.legendre.leggauss(3)[0], np.polynomial.legendre.leggauss(3)[1] / 2.0)


class Colours:
    """Nodes of photon energy, densest where gain narrows the light.

    Args:
        sample: the film.

    Attributes:
        spontaneous: density of the spontaneous emission, 1/meV, shape (m,); its integral is 1.
        gain: the gain's line shape, 1 at its maximum, shape (m,).
        weights: of an integral over energy, meV, shape (m,).
    """

    def __init__(self, sample: FilmSample) -> None:
        self._peak, self._shift = sample.energy, sample.gain_shift
        reach = _WIDTHS * max(sample.linewidth, sample.gain_width)
        self._low, high = (math.asinh((end - sample.gain_shift) / _FINE) for end in (-reach, reach))
        self._step = (high - self._low) / (_NODES - 1)
        stretched = self._low + self._step * np.arange(_NODES)
        offsets = sample.gain_shift + _FINE * np.sinh(stretched)
        self.weights: Floats = _FINE * np.cosh(stretched) * self._step
        shape = np.exp(-_STEEP * (offsets / sample.linewidth) ** 2)
        self.spontaneous: Floats = shape / (shape @ self.weights)
        self.gain: Floats = np.exp(-_STEEP * ((offsets - sample.gain_shift) / sample.gain_width) ** 2)

    def pixels(self, edges: Floats) -> Floats:
        """Return what turns densities (1/meV) at the nodes into light per pixel, shape (m, pixels).

        Args:
            edges: of the pixels, vacuum wavelength in nm, monotonic, shape (pixels + 1,).
        """
        meV = 1e3 * (HC / edges - self._peak)
        width = np.abs(np.diff(meV))
        inside = (meV[:-1] + meV[1:])[:, None] / 2.0 + width[:, None] / 2.0 * _INSIDE[0]
        place = (np.arcsinh((inside - self._shift) / _FINE) - self._low) / self._step
        seen = (place >= 0.0) & (place <= _NODES - 1.0)
        rows, shares = cubic(place, _NODES)
        shares = shares * (seen * _INSIDE[1] * width[:, None])[..., None]
        found = np.zeros((len(width), _NODES))
        pixel = np.broadcast_to(np.arange(len(width))[:, None, None], rows.shape)
        np.add.at(found, (pixel, rows), shares)
        return found.T.copy()


def cubic(place: Floats, nodes: int) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], Floats]:
    """Return the four nodes round each place of an even lattice and their Lagrange weights, shapes (..., 4).

    Places outside are extrapolated from the four outermost nodes.
    """
    first = np.clip(np.floor(place).astype(np.int64) - 1, 0, nodes - 4)
    t = place - first
    a, b, c, d = t, t - 1.0, t - 2.0, t - 3.0
    shares = np.stack([b * c * d / -6.0, a * c * d / 2.0, a * b * d / -2.0, a * b * c / 6.0], axis=-1)
    return first[..., None] + np.arange(4), shares
