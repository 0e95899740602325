"""A nanocrystal in one charge state, and the moments of the light that it emits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..noise import Floats

CW_LEVELS = 4
"""Exciton numbers 0 to 3 under continuous light, where more hardly ever meet."""
_DIM = 1e-3
"""The lifetime of a state without any yield, over that of the neutral one."""


@dataclass(frozen=True)
class Dot:
    """What decides when a nanocrystal emits, in one of its charge states."""

    efficiency: float
    """Detected photons per recombination of the last exciton."""
    lifetime: float
    """Of the last exciton, s."""
    biexciton_lifetime: float
    """s."""
    ratios: Floats
    """Q_m/Q_X for m = 0 ..."""

    def charged(self, grey_yield: float) -> Dot:
        """Return the same dot with another way to decay: yields and lifetimes scale together (PHYSICS 3.10b)."""
        faster = max(grey_yield, _DIM)
        return replace(
            self,
            efficiency=self.efficiency * grey_yield,
            lifetime=self.lifetime * faster,
            biexciton_lifetime=self.biexciton_lifetime * faster,
        )

    def decay_rates(self, levels: int) -> Floats:
        """Return the decay rate of m = 0 ... levels-1 excitons in 1/s: 0, that of one, Auger ~ m^2 (m - 1)."""
        m = np.arange(levels, dtype=float)
        rates = m * m * (m - 1.0) / (4.0 * self.biexciton_lifetime)
        rates[1] = 1.0 / self.lifetime
        return rates


class SteadyLight:
    """Emission under continuous excitation: the stationary state of a birth and death process."""

    def __init__(self, dot: Dot) -> None:
        self._dot = dot
        self._rates = dot.decay_rates(CW_LEVELS)

    def at(self, x: Floats) -> Floats:
        """Return photons per lifetime over Q_X at x excitations per lifetime, shape (n,)."""
        emitted: Floats = self._dot.lifetime * (self._populations(x) @ (self._rates * self._dot.ratios[:CW_LEVELS]))
        return emitted

    def g2_zero(self, x: float) -> float:
        """Return g2 at zero lag: a second photon can only come from a state that still holds an exciton."""
        emission = self._rates * self._dot.ratios[:CW_LEVELS]
        populations = self._populations(np.array([x]))[0]
        pairs = float(np.sum(populations[1:] * emission[1:] * emission[:-1]))
        return pairs / float(populations @ emission) ** 2

    def _populations(self, x: Floats) -> Floats:
        steps = np.divide.outer(x / self._dot.lifetime, self._rates[1:])
        weights = np.concatenate([np.ones((len(x), 1)), np.cumprod(steps, axis=1)], axis=1)
        populations: Floats = weights / weights.sum(axis=1, keepdims=True)
        return populations


def g2_zero_pulsed(x: float, ratios: Floats, survival: float, nodes: Floats, weights: Floats) -> float:
    """Return g2 at zero lag of one dot under pulses: pairs from the same excitation over pairs of strangers.

    From the factorial moments of the chain, summed number by number. A photon of the cascade and that of
    the exciton left behind count as a pair as long as no pulse excites the dot in between.

    Args:
        x: mean excitations per pulse.
        ratios: Q_m/Q_X, m = 0 ...
        survival: probability that an exciton lives until the next pulse.
        nodes: factors on x that a pulse may have.
        weights: their probabilities.
    """
    highest = min(len(ratios) - 2, int(x * nodes.max() + 12.0 * math.sqrt(x * nodes.max()) + 30.0))
    n = np.arange(highest + 1)
    logs = np.multiply.outer(np.log(x * nodes), n) - np.array([math.lgamma(k + 1.0) for k in n])
    added = weights @ np.exp(logs - (x * nodes)[:, None])
    none = float(weights @ np.exp(-x * nodes))
    some = float(weights @ -np.expm1(-x * nodes))
    left = survival * some / (1.0 - survival * none)
    cascade = np.concatenate([[0.0, 0.0], np.cumsum(ratios[2 : highest + 2])])
    squares = np.concatenate([[0.0, 0.0], np.cumsum(ratios[2 : highest + 2] ** 2)])
    last = (1.0 - survival) / (1.0 - survival * none)
    pairs = cascade**2 - squares + 2.0 * cascade * last
    excited = added[1:] * ((1.0 - left) * pairs[1:-1] + left * pairs[2:])
    photons = added[1:] * ((1.0 - left) * cascade[1:-1] + left * cascade[2:])
    mean = float(np.sum(photons)) + some * last
    return float(np.sum(excited)) / mean**2
