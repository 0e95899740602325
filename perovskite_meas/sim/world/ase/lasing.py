"""Narrow modes of a film in which light finds cavities."""

from __future__ import annotations

import math

import numpy as np

from ..noise import Floats, generator
from .colours import HC
from .film_sample import FilmSample
from .growth import REFERENCE
from .material import Material

_REACH = 1.2
"""Modes stand within so many gain widths on either side of its maximum."""
_UNEVEN = 0.05
"""1-sigma of a mode's place, over the spacing."""
_STEEP = 4.0 * math.log(2.0)
_SECH = 2.0 * math.acosh(math.sqrt(2.0))
"""FWHM of sech^2(x)."""


class Modes:
    """A comb of cavity modes, each in a crystal of its own.

    In the steady state a mode holds I = s/(loss - g/(1 + I/I_sat)): below threshold a little narrow light, above it
    as much as clamps its gain to its loss. Its threshold is where its gain reaches `loss`; the first mode's lies
    just above `threshold_fluence`.

    Args:
        sample: the film.
        material: its cross-section.
        seed: of the world; it places the modes.

    Attributes:
        places: vacuum wavelengths, nm, ascending, shape (m,).
    """

    def __init__(self, sample: FilmSample, material: Material, seed: int) -> None:
        self._sample, self._material = sample, material
        middle = sample.energy + 1e-3 * sample.gain_shift
        ends = [HC / (middle + sign * 1e-3 * _REACH * sample.gain_width) for sign in (1.0, -1.0)]
        rng = generator(seed, "film/modes")
        comb = np.arange(ends[0] + sample.mode_spacing * rng.random(), ends[1], sample.mode_spacing)
        self.places: Floats = np.sort(comb + _UNEVEN * sample.mode_spacing * rng.standard_normal(len(comb)))
        offsets = 1e3 * (HC / self.places - sample.energy)
        self._gain = np.exp(-_STEEP * ((offsets - sample.gain_shift) / sample.gain_width) ** 2)
        shares = np.exp(-_STEEP * (offsets / sample.linewidth) ** 2)
        self._shares = shares / shares.sum()

    def light(self, pairs: Floats) -> Floats:
        """Return the light of each mode over `brightness` if 0.5 mm were pumped evenly, shape (n, m).

        Args:
            pairs: <N> at the surface, shape (n,).
        """
        sample, centimetres = self._sample, 0.1 * REFERENCE
        gain = sample.gain * np.multiply.outer(self._material.gain(pairs), self._gain)
        source = np.multiply.outer(self._material.emission(pairs), self._shares)
        source = sample.spontaneous_coupling / centimetres * source
        steep = self._gain.sum() / sample.saturation
        half = (sample.loss - gain - source * steep) / 2.0
        root = np.sqrt(half**2 + sample.loss * steep * source)
        # Two forms of one root: each loses no digits on its side of the threshold.
        held = np.where(half > 0.0, source / (half + root), (root - half) / (sample.loss * steep))
        found: Floats = held * sample.loss * centimetres
        return found

    def pixels(self, edges: Floats) -> Floats:
        """Return the share of each mode in each pixel, shape (m, pixels); the lines are sech^2 in wavelength."""
        below = np.tanh((edges - self.places[:, None]) * _SECH / self._sample.mode_width) / 2.0
        found: Floats = np.abs(np.diff(below, axis=1))
        return found
