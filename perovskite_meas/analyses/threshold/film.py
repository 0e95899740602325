"""What a film under a stripe of light emits, by its own quadrature: the physical law of the gain model.

Pairs per nanocrystal are Poisson distributed at a two-fold band edge; gain 1 - e^-x (2 + x) neutral and
1 - e^-x (3/2 + x/2) singly charged; spontaneous light by `spontaneous`; <N> = x ~ F^n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expi

from perovskite_meas.analyses.pulses.inversion import relative_gain, transparency
from perovskite_meas.analyses.pulses.rows import Array

NAMES = ("ln_a", "ln_beta", "ln_gain", "ln_threshold", "loss", "ln_saturation", "biexciton")
THRESHOLD = 3
CELL = 0.08
"""Step of the grid in ln <N>."""
NODES = 48
REACH = 1.3
"""Farthest place across the stripe, over the 1/e^2 radius."""
COLOURS = np.linspace(0.0, 1.2, 5)
"""Photon energy from the maximum of the gain, over its FWHM of 35 meV."""
NARROW = 0.35
"""That FWHM over the part of the spontaneous spectrum that matters: shares of the colours."""
ELEMENTS = 8


@dataclass(frozen=True)
class Shape:
    """What is assumed of a film and its pump beside the unknowns."""

    photons: int
    charged: float
    """Fraction of nanocrystals that hold a charge."""
    depth: float
    """ln of incident over transmitted pump light."""
    gaussian: bool
    """Profile across the stripe: Gaussian, else a top hat."""
    along: float
    """Half the stripe over the 1/e^2 radius of the pump along it; 0: even."""
    sizes: float
    """1-sigma of ln <N> among nanocrystals."""
    layered: bool = False
    """Light grows in each depth on its own, else in one guided mode."""
    clamped: bool = True
    """Gain falls as the light grows, I' = s + (g/(1 + I/I_sat) - a) I; else the amplification saturates."""
    capped: bool = False
    """More than two pairs emit as two do; else as `spontaneous` tells."""


def spontaneous(x: Array, biexciton: float, *, capped: bool = False) -> Array:
    """Return the photons of a nanocrystal per pulse over those of one pair, by mean number of pairs x, same shape.

    m pairs emit 1 + q + ... + 2q/(m(m - 1)), the statistical ladder of Auger and radiative rates; their mean over the
    Poisson distribution is closed. `capped`: 1 - e^-x + q (1 - (1 + x) e^-x), no more than two pairs.
    """
    one, decay = -np.expm1(-x), np.exp(-x)
    if capped:
        two: Array = one + biexciton * (1.0 - (1.0 + x) * decay)
        return two
    inverse = decay * (expi(np.maximum(x, 1e-12)) - np.euler_gamma - np.log(np.maximum(x, 1e-12)))
    every: Array = one + 2.0 * biexciton * np.maximum(one - inverse, 0.0)
    return every


class Film:
    """The law ln I(ln F) of one shape, for fluences within a range.

    Unknowns: ln of the plateau of the spontaneous light, ln of the part of it that is guided, ln of gain times
    length at full inversion, ln of the threshold (zero material gain at the peak of the incident fluence), loss times
    length, ln of the saturation, quantum yield of the biexciton over that of the exciton.

    Args:
        shape: what is assumed.
        low: lowest ln fluence asked for.
        high: highest ln fluence.
    """

    def __init__(self, shape: Shape, low: float, high: float) -> None:
        self.shape = shape
        n = shape.photons
        self._at = transparency(shape.charged)
        inner = [_along(shape, n), _sizes(shape)]
        outer = [_across(shape, n)]
        (outer if shape.layered else inner).append(_depth(shape, n))
        self._inner, below_in, above_in = _joined(inner)
        self._outer, below_out, above_out = _joined(outer)
        first = n * low - (below_in + below_out + 2) * CELL
        cells = math.ceil((n * high - first) / CELL) + above_in + above_out + 4
        self._wide: Array = np.asarray(first + CELL * np.arange(cells), np.float64)
        self._places: Array = self._wide[below_in + below_out : cells - above_in - above_out]

    def __call__(self, theta: Array, log_fluence: Array) -> Array:
        """Return ln of the emission per pulse, for the averaging of `law`."""
        ln_a, ln_beta, ln_gain, ln_threshold, loss, ln_saturation, q = theta
        n = self.shape.photons
        x = self._at * np.exp(np.clip(self._wide - n * ln_threshold, -50.0, 6.0))
        emitted = np.convolve(spontaneous(x, q, capped=self.shape.capped), self._inner, "valid")
        gain = math.exp(min(ln_gain, 6.0)) * np.convolve(relative_gain(x, self.shape.charged), self._inner, "valid")
        guided = self._grown(gain, emitted, loss, math.exp(ln_beta), ln_saturation)
        total = np.convolve(emitted + guided, self._outer, "valid")
        level: Array = np.log(np.maximum(total, 1e-30))
        found: Array = ln_a + _between(self._places, level, np.asarray(n * log_fluence, np.float64))
        return found

    def _grown(self, gain: Array, emitted: Array, loss: float, beta: float, ln_saturation: float) -> Array:
        lines = np.exp(-4.0 * math.log(2.0) * COLOURS**2)
        share = np.exp(-4.0 * math.log(2.0) * (COLOURS * NARROW) ** 2)
        share /= share.sum()
        source = beta * emitted[:, None] * share
        top = math.exp(min(ln_saturation, 60.0))
        if not self.shape.clamped:
            net = np.clip(gain[:, None] * lines - loss, -60.0, 60.0)
            grown = np.expm1(net) / np.where(np.abs(net) < 1e-6, 1e-6, net)
            saturated: Array = (source * grown / (1.0 + grown / top)).sum(axis=1)
            return saturated
        light = np.zeros(source.shape)
        for _ in range(ELEMENTS):
            before = light.sum(axis=1)
            guess = _through(light, source, gain / (1.0 + before / top), lines, loss).sum(axis=1)
            light = _through(light, source, gain / (1.0 + 0.5 * (before + guess) / top), lines, loss)
        total: Array = light.sum(axis=1)
        return total


def _through(light: Array, source: Array, gain: Array, lines: Array, loss: float) -> Array:
    net = np.clip((gain[:, None] * lines - loss) / ELEMENTS, -20.0, 20.0)
    more = np.expm1(net)
    safe = np.where(np.abs(net) < 1e-6, 1e-6, net)
    grown: Array = light * (1.0 + more) + source / ELEMENTS * np.where(np.abs(net) < 1e-6, 1.0, more / safe)
    return grown


def _between(places: Array, values: Array, x: Array) -> Array:
    """Return values of an even grid at x by cubics with a steady slope; the grid reaches one cell beyond x."""
    at = np.clip((x - places[0]) / CELL, 1.0, places.size - 2.000001)
    whole = at.astype(np.intp)
    t = at - whole
    before, low, high, after = (values[whole + k] for k in (-1, 0, 1, 2))
    bend = 2.0 * before - 5.0 * low + 4.0 * high - after
    found: Array = low + 0.5 * t * (high - before + t * (bend + t * (3.0 * (low - high) + after - before)))
    return found


Kernel = tuple[Array, Array]
"""Moves of ln <N> and their weights."""


def _across(shape: Shape, n: int) -> Kernel:
    if not shape.gaussian:
        return np.zeros(1), np.ones(1)
    y = (np.arange(NODES) + 0.5) * REACH / NODES
    return -2.0 * n * y**2, np.full(NODES, 1.0 / NODES)


def _along(shape: Shape, n: int) -> Kernel:
    y = (np.arange(NODES) + 0.5) * shape.along / NODES
    return -2.0 * n * y**2, np.full(NODES, 1.0 / NODES)


def _depth(shape: Shape, n: int) -> Kernel:
    z = (np.arange(NODES) + 0.5) / NODES
    return -n * shape.depth * z, np.full(NODES, 1.0 / NODES)


def _sizes(shape: Shape) -> Kernel:
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    return shape.sizes * nodes - 0.5 * shape.sizes**2, weights / weights.sum()


def _joined(kernels: list[Kernel]) -> tuple[Array, int, int]:
    """Return all moves on one grid, to be convolved, and how many cells it reaches below and above."""
    moves, weights = np.zeros(1), np.ones(1)
    for more, shares in kernels:
        moves, weights = np.add.outer(moves, more).ravel(), np.outer(weights, shares).ravel()
    place = moves / CELL
    low = math.floor(place.min())
    cells = np.zeros(math.ceil(place.max()) - low + 2)
    whole = np.floor(place).astype(int) - low
    part = place - np.floor(place)
    np.add.at(cells, whole, weights * (1.0 - part))
    np.add.at(cells, whole + 1, weights * part)
    low = min(low, 0)
    cells = np.pad(cells, (math.floor(place.min()) - low, 0)) if low < math.floor(place.min()) else cells
    high = low + cells.size - 1
    if high < 0:
        cells, high = np.pad(cells, (0, -high)), 0
    # np.convolve turns its kernel round, and a move of +k asks for the cell k places further.
    return cells[::-1], -low, high
