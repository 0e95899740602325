"""Gain of an ensemble of nanocrystals whose electron-hole pairs are Poisson distributed."""

from __future__ import annotations

import numpy as np

from ..noise import Floats

_HIGHEST = 20.0
_STEPS = 100


def material_gain(pairs: Floats, charged_fraction: float) -> Floats:
    """Return the gain over that at full inversion, at so many pairs per nanocrystal on average, any shape.

    A two-fold band edge: neutral 1 - e^-x (2 + x), singly charged 1 - e^-x (3/2 + x/2) (PHYSICS 3.2a).

    Args:
        pairs: <N>, any shape.
        charged_fraction: of the nanocrystals, 0 to 1.
    """
    missing = (2.0 + pairs) - charged_fraction * (0.5 + 0.5 * pairs)
    found: Floats = 1.0 - np.exp(-pairs) * missing
    return found


def transparency(charged_fraction: float, level: float = 0.0) -> float:
    """Return the <N> at which the material's gain over that at full inversion is `level`, by default zero.

    1.1462 for neutral nanocrystals, 0.5831 for charged ones.

    Args:
        charged_fraction: of the nanocrystals, 0 to 1.
        level: less than 1; loss over gain at full inversion gives the <N> of no net gain.
    """
    low, high = 0.0, _HIGHEST
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if float(material_gain(np.array(middle), charged_fraction)) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
