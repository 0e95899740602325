"""Gain and spontaneous emission of the film's depth and its sizes, against <N> at the surface."""

from __future__ import annotations

import numpy as np

from ..noise import Floats
from ..yields import YieldTable, jitter_nodes
from .film_sample import FilmSample
from .gain import material_gain

_DEPTHS = 8
_LOGS = np.linspace(-14.0, 6.0, 4001)
"""ln <N> of the table: emission is proportional to <N> below it, and <N> never gets above."""


class Material:
    """What the film's cross-section emits and amplifies.

    A film thinner than a wavelength guides one mode: gain is averaged over depth and sizes before light grows,
    it is not grown in each layer. The pump falls off by Beer and Lambert.

    Args:
        sample: the film.
    """

    def __init__(self, sample: FilmSample) -> None:
        places, weights = np.polynomial.legendre.leggauss(_DEPTHS)
        depth = np.exp(-sample.photon_order * sample.optical_depth * (places + 1.0) / 2.0)
        sizes, shares = jitter_nodes(sample.size_spread, 1)
        factors, shares = np.outer(depth, sizes).ravel(), np.outer(weights / 2.0, shares).ravel()
        local = np.multiply.outer(np.exp(_LOGS), factors)
        self._gain = material_gain(local, sample.charged_fraction) @ shares
        emission = YieldTable("statistical", sample.biexciton_ratio, 0.0, 0.0, 1).at(local) @ shares
        self._emission = np.log(emission) - _LOGS

    def gain(self, pairs: Floats) -> Floats:
        """Return the mean gain over that at full inversion, with this <N> at the surface, same shape."""
        found: Floats = np.interp(_log(pairs), _LOGS, self._gain)
        return found

    def emission(self, pairs: Floats) -> Floats:
        """Return the mean photons per nanocrystal and pulse over those of one pair, same shape.

        Its ladder: Q_m = 2 q/(m (m - 1)) for m pairs, as for single nanocrystals.
        """
        found: Floats = pairs * np.exp(np.interp(_log(pairs), _LOGS, self._emission))
        return found


def _log(pairs: Floats) -> Floats:
    found: Floats = np.log(np.maximum(pairs, 1e-30))
    return found
