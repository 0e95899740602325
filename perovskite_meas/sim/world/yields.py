"""Photons per pulse of one dot: a Markov chain of the exciton number with fast Auger recombination."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Floats = NDArray[np.float64]

_LOWEST, _HIGHEST = 1e-5, 100.0
_GRID = 300
_STATES = 700


def ladder_ratios(ladder: str | tuple[float, ...], biexciton_ratio: float, states: int) -> Floats:
    """Return Q_m/Q_X for m = 0 ... states-1.

    `statistical` is 2 q/(m (m - 1)) for m >= 2 (the radiative rate grows like m^2, the Auger rate like
    m^2 (m - 1)); `truncated` is 0 from m = 3 on; a tuple names m = 3, 4, ... and is 0 beyond.
    """
    m = np.arange(states)
    ratios = np.zeros(states)
    ratios[1] = 1.0
    ratios[2] = biexciton_ratio
    if ladder == "statistical":
        ratios[2:] = 2.0 * biexciton_ratio / (m[2:] * (m[2:] - 1.0))
    elif not isinstance(ladder, str):
        ratios[3 : 3 + len(ladder)] = ladder
    return ratios


def photons_per_pulse(x: Floats, ratios: Floats, survival: float, nodes: Floats, weights: Floats) -> Floats:
    """Return emitted photons per pulse over Q_X, in the stationary state of the chain.

    Each pulse adds a Poisson number of excitons of mean x to the 0 or 1 left over from the pulse before;
    every state m above 1 falls to m - 1 at once and emits with Q_m on the way; the last exciton emits
    before the next pulse or survives until then.

    Args:
        x: mean excitations per pulse, any shape (k,).
        ratios: Q_m/Q_X, m = 0 ...
        survival: probability exp(-T/lifetime) that an exciton lives until the next pulse.
        nodes: factors on x that a pulse may have (pulse-energy jitter), shape (j,).
        weights: their probabilities.
    """
    mean = np.multiply.outer(nodes, x)
    cascade = np.concatenate([[0.0, 0.0], np.cumsum(ratios[2:])])  # all photons of m -> 1
    probability = np.exp(-mean)
    none = weights @ probability
    from_zero, from_one = np.zeros_like(x), np.zeros_like(x)
    highest = min(len(ratios) - 2, int(np.max(mean) + 12.0 * np.sqrt(np.max(mean)) + 30.0))
    for n in range(highest + 1):
        if n:
            probability = probability * mean / n
        averaged = weights @ probability
        from_zero += averaged * cascade[n]
        from_one += averaged * cascade[n + 1]
    left = survival * (1.0 - none) / (1.0 - survival * none)
    excited = 1.0 - (1.0 - left) * none
    total: Floats = (1.0 - survival) * excited + (1.0 - left) * from_zero + left * from_one
    return total


def jitter_nodes(jitter: float, order: int) -> tuple[Floats, Floats]:
    """Return factors on <N> and their probabilities for log-normal pulse energies of mean 1 and width `jitter`."""
    if jitter == 0.0:
        return np.ones(1), np.ones(1)
    width = math.sqrt(math.log1p(jitter**2))
    normal, weights = np.polynomial.hermite_e.hermegauss(5)
    return np.exp(order * (width * normal - width**2 / 2.0)), weights / weights.sum()


class YieldTable:
    """Photons per pulse over Q_X for any <N>, from an accurate table.

    Args:
        ladder: as in the world file.
        biexciton_ratio: Q_BX/Q_X.
        survival: probability that an exciton lives until the next pulse.
        jitter: relative width of the pulse energies.
        order: photons per absorption.
    """

    def __init__(
        self, ladder: str | tuple[float, ...], biexciton_ratio: float, survival: float, jitter: float, order: int
    ) -> None:
        x, y, tail = _table(ladder, biexciton_ratio, survival, jitter, order)
        self._curve = CubicSpline(np.log(x), np.log(y))
        self._slope = float(y[0] / x[0])
        self._end, self._tail = float(y[-1]), tail

    def at(self, x: Floats) -> Floats:
        """Return photons per pulse over Q_X at mean excitations x."""
        inside = np.exp(self._curve(np.log(np.clip(x, _LOWEST, _HIGHEST))))
        high = self._end + self._tail * (1.0 / _HIGHEST - 1.0 / np.maximum(x, _HIGHEST))
        found: Floats = np.where(x < _LOWEST, self._slope * x, np.where(x > _HIGHEST, high, inside))
        return found


@lru_cache(maxsize=32)
def _table(
    ladder: str | tuple[float, ...], biexciton_ratio: float, survival: float, jitter: float, order: int
) -> tuple[Floats, Floats, float]:
    nodes, weights = jitter_nodes(jitter, order)
    x = np.geomspace(_LOWEST, _HIGHEST, _GRID)
    y = photons_per_pulse(x, ladder_ratios(ladder, biexciton_ratio, _STATES), survival, nodes, weights)
    return x, y, 2.0 * biexciton_ratio if ladder == "statistical" else 0.0
