"""Photons per pulse from a ladder of multiexcitons, for Poisson numbers of excitations.

A pulse adds Poisson(x) excitons to what is left of the previous ones. All but the last decay at once
(Auger), the step m -> m-1 giving Q_m/Q_X photons per photon of the single exciton; the last one lives
for its lifetime and outlives the period with probability r. Just before a pulse an exciton is there
with probability p = r P(n >= 1 after the pulse), so p = r (1 - e^-x)/(1 - r e^-x), and

    S/A = (1 - r) P(n >= 1) + SUM_{m>=2} (Q_m/Q_X) [(1-p) P(N >= m) + p P(N >= m-1)],  N ~ Poisson(x).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import gammainc

from .rows import Array

LAWS = {"slow": 0.5, "central": 1.0, "fast": 2.0, "two_steps": np.inf}
"""Q_m = q (2/(m(m-1)))^gamma for m >= 2: the law's name and gamma. 'two_steps': nothing above the biexciton."""
_LOWEST, _HIGHEST, _STEPS = 1e-7, 300.0, 500


@lru_cache(maxsize=8)
def _tables(law: str) -> tuple[CubicSpline, CubicSpline]:
    x = np.geomspace(_LOWEST, _HIGHEST, 400)
    m = np.arange(2, _STEPS)
    gamma = LAWS[law]
    weight = (m == 2).astype(float) if np.isinf(gamma) else (2.0 / (m * (m - 1.0))) ** gamma
    empty = gammainc(m[None, :], x[:, None]) @ weight
    occupied = gammainc(m[None, :] - 1, x[:, None]) @ weight
    return CubicSpline(np.log(x), np.log(empty)), CubicSpline(np.log(x), np.log(occupied))


def photons(x: Array, q: Array | float, survival: float, law: str = "central") -> Array:
    """Return S/A, the signal in units of the single-exciton plateau.

    Args:
        x: mean excitations per pulse, any shape.
        q: Q_BX/Q_X, broadcast against x.
        survival: r = exp(-T/tau).
        law: key of `LAWS`.
    """
    x = np.clip(x, _LOWEST, _HIGHEST)
    log_x = np.log(x)
    empty_table, occupied_table = _tables(law)
    occupied = -np.expm1(-x) / (1.0 - survival * np.exp(-x))
    ladder = np.exp(empty_table(log_x))
    if survival > 0:
        before = survival * occupied
        ladder = (1.0 - before) * ladder + before * np.exp(occupied_table(log_x))
    result: Array = (1.0 - survival) * occupied + q * ladder
    return result
