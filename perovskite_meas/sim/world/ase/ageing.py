"""What pulses do to the film, and how one place differs from the next."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ..noise import Floats, generator
from .film_sample import FilmSample

_CELL = 0.2
"""mm over which the film's quality changes."""


class Ageing:
    """Wear, warmth and scatter of the film.

    Args:
        sample: the film.
        seed: of the world; it makes the places.
    """

    def __init__(self, sample: FilmSample, seed: int) -> None:
        self._sample, self._seed = sample, seed

    def brightness(self, dose: Floats) -> Floats:
        """Return the share of the light that is left after this dose on one place (J/cm^2), same shape."""
        if self._sample.degradation_dose is None:
            return np.ones_like(dose)
        found: Floats = np.exp(-dose / self._sample.degradation_dose)
        return found

    def threshold(self, dose: Floats, irradiance: Floats) -> Floats:
        """Return the threshold over that of the fresh, cold film, same shape.

        Args:
            dose: on this place so far, J/cm^2.
            irradiance: average over the past seconds, W/cm^2.
        """
        worn = 0.0 if self._sample.degradation_dose is None else 1.0 / self._sample.degradation_dose
        found: Floats = (1.0 + self._sample.degradation_threshold * worn * dose) * (
            1.0 + self._sample.heating * irradiance
        )
        return found

    def place(self, x_mm: float, y_mm: float) -> float:
        """Return the threshold at a place of the film over that of the film as a whole.

        Log-normal with median 1; places much farther apart than 0.2 mm know nothing of each other.
        """
        if self._sample.spot_scatter == 0.0:
            return 1.0
        (column, right), (row, up) = (divmod(at / _CELL, 1.0) for at in (x_mm, y_mm))
        shares = [(1.0 - right) * (1.0 - up), right * (1.0 - up), (1.0 - right) * up, right * up]
        corners = [(int(column) + dx, int(row) + dy) for dy in (0, 1) for dx in (0, 1)]
        draws = [_draw(self._seed, *corner) for corner in corners]
        normal = float(np.dot(shares, draws))
        return math.exp(self._sample.spot_scatter * normal / math.hypot(*shares))


@lru_cache(maxsize=4096)
def _draw(seed: int, column: int, row: int) -> float:
    """Return the normal number of one corner."""
    return float(generator(seed, f"film/place/{column}/{row}").standard_normal())
