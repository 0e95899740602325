"""What stripes of a film emit from its edge: light that grows along them and saturates, and light that does not run.

In a slice of the film across the stripe: dI/dx = c S(E) e(N) + [G(N) line(E)/(1 + T/T_sat) - a] I with T the light of
all colours, G at a two-fold band edge with Poisson statistics, N ~ F^n. The rest, (1 - c) S e(N), leaves at once. The
slices add up: the pump is brightest in the middle of the line, and so is the gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.pulses import inversion
from perovskite_meas.analyses.pulses.rows import Array

NAMES = (
    "ln_gain", "ln_pairs", "loss", "centre", "ln_width", "ln_saturation", "coupling", "slope", "middle", "offset",
    "excess", "stretch",
)  # fmt: skip
"""ln of the gain at full inversion (1/cm) and of <N> at the reference fluence; loss where nothing is pumped (1/cm);
middle (meV) and ln FWHM of the gain's line; ln of the light (of full spontaneous emission from 1 cm) that halves the
gain; logit of the share of the spontaneous light that runs along the stripe; what ln of that light misses per ln <N>;
middle of the pump from the film's edge, what every length is too short by (cm); loss where it is pumped, beyond the
other (1/cm); ln of the pump's true over its stated extent along the stripe."""
LN_GAIN, LN_PAIRS, LOSS, CENTRE, LN_WIDTH, LN_SATURATION, COUPLING, SLOPE, MIDDLE, OFFSET, EXCESS, STRETCH = range(
    len(NAMES)
)
ACROSS = 12
"""Slices across half the stripe."""
REACH = 1.6
"""Farthest slice in 1/e^2 radii."""
NODES = 7
"""Fluences at which light is computed; those of the pulses lie between."""
FARTHEST = 0.9
"""Part of the film's pumped end by which the middle of the pump may be off a stripe."""
LONGEST = 0.005
"""cm: steps along the stripe are not longer."""
KEPT = 12
"""Results that are kept: half of the parameters change nothing of how light grows."""
COLOURS = 2
"""In each band: by its edges light grows at rates too different for one."""
PLACES = np.polynomial.legendre.leggauss(COLOURS)[0]
ALONG, SHARES_ALONG = np.polynomial.legendre.leggauss(6)
DEPTHS, DEPTH_SHARES = np.polynomial.legendre.leggauss(3)


@dataclass(frozen=True)
class Pump:
    """What is taken for granted of pump and film."""

    photons: int
    gaussian: bool
    """Profile across the stripe, else a top hat."""
    waist: float
    """1/e^2 radius along the stripe, cm; infinite: even."""
    depth: float
    """ln of incident over transmitted pump light."""
    charged: float
    """Fraction of nanocrystals that hold a charge."""
    biexciton: float
    """Quantum yield of the biexciton over that of the exciton."""


@dataclass(frozen=True)
class Stripes:
    """n stripes, and the bands and fluences for which light is wanted."""

    length: Array
    """cm, (n,)."""
    near: Array
    """Where each begins, cm from the edge, (n,)."""
    borders: Array
    """Of the bands, meV, (b + 1,)."""
    low: float
    """ln of the least fluence over the reference."""
    high: float
    """ln of the highest."""


def relative_gain(pairs: Array, pump: Pump) -> Array:
    """Return the gain over that at full inversion, mean over the depth, with so many <N> at the surface, same shape."""
    local = pairs[..., None] * np.exp(-pump.photons * pump.depth * (DEPTHS + 1) / 2)
    found: Array = inversion.relative_gain(local, pump.charged) @ (DEPTH_SHARES / 2)
    return found


def emission(pairs: Array, pump: Pump) -> Array:
    """Return spontaneous photons over those of one exciton, mean over the depth, same shape."""
    local = pairs[..., None] * np.exp(-pump.photons * pump.depth * (DEPTHS + 1) / 2)
    decay = np.exp(-local)
    found: Array = (-np.expm1(-local) + pump.biexciton * (1 - (1 + local) * decay)) @ (DEPTH_SHARES / 2)
    return found


def line(borders: Array, centre: float, width: float) -> Array:
    """Return the gain's line, 1 at its maximum, at the colours that stand for each band, (b * COLOURS,).

    Args:
        borders: of the bands, meV, (b + 1,).
        centre: meV.
        width: FWHM, meV.
    """
    middle, half = (borders[1:] + borders[:-1]) / 2, np.diff(borders) / 2
    colours = (middle[:, None] + half[:, None] * PLACES).ravel()
    found: Array = np.exp(-4 * math.log(2) * ((colours - centre) / width) ** 2)
    return found


class Law:
    """The law of one pump for given stripes.

    Args:
        pump: what is taken for granted.
        stripes: for which light is wanted.
    """

    def __init__(self, pump: Pump, stripes: Stripes) -> None:
        self.pump, self.stripes = pump, stripes
        sides, shares = np.polynomial.legendre.leggauss(ACROSS)
        reach = REACH / math.sqrt(pump.photons)
        # Slices lie closest in the middle, where light grows most.
        places = reach * ((sides + 1) / 2) ** 1.5
        self._across = -2 * places**2 if pump.gaussian else np.zeros(1)
        self._shares = 0.75 * reach * shares * np.sqrt((sides + 1) / 2) if pump.gaussian else np.ones(1)
        points = np.cos(math.pi * (np.arange(NODES) + 0.5) / NODES)[::-1]
        # What the pump loses towards the ends of the line widens the range of fluences.
        away = FARTHEST * float((stripes.near + stripes.length).max()) / pump.waist
        self._falls = min(max(2 * away**2, 0.1), 1.5)
        low, high = stripes.low - self._falls, stripes.high + 0.02
        self._mid, self._half = (low + high) / 2, (high - low) / 2
        self._fluence = self._mid + self._half * points
        self._lagrange = np.linalg.inv(np.polynomial.chebyshev.chebvander(points, NODES - 1))
        self._where = np.unique(stripes.length, return_inverse=True)
        self._kept: dict[tuple[float, ...], Array] = {}

    def __call__(self, theta: Array, shape: Array, raised: float = 0.0) -> tuple[Array, Array]:
        """Return ln of the light of every stripe at the nodes of fluence.

        First what ran along it, (n, NODES, b), then what left at once, of all bands, (n, NODES).

        Args:
            theta: as in `NAMES`.
            shape: of the spontaneous emission, its sum is 1, (b,).
            raised: added to the gain's line in every band.
        """
        lengths, index = self._where
        u = (self._fluence[:, None] + self._across).ravel()
        pairs = np.exp(np.clip(theta[LN_PAIRS] + self.pump.photons * u, -30, 6))
        gain = math.exp(theta[LN_GAIN]) * relative_gain(pairs, self.pump)
        source = emission(pairs, self.pump) * np.exp(theta[SLOPE] * self.pump.photons * u)
        lines = line(self.stripes.borders, theta[CENTRE], math.exp(theta[LN_WIDTH])) + raised
        along = np.clip(lengths + theta[OFFSET], 1e-5, None)
        loss = theta[LOSS] + theta[EXCESS]
        key = (*np.delete(theta, (LOSS, EXCESS, COUPLING, MIDDLE, STRETCH)).tolist(), loss, raised, *shape.tolist())
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            grown = grow(gain, source, along, lines, loss, math.exp(theta[LN_SATURATION]), shape)
            self._kept[key] = np.log(self._shares @ grown.reshape(len(lengths), NODES, self._shares.size, -1))
        coupling = 1 / (1 + math.exp(-theta[COUPLING]))
        guided = math.log(coupling) + self._kept[key]
        alone = np.log((1 - coupling) * along[:, None] * (source.reshape(NODES, -1) @ self._shares))
        return guided[index] - (theta[LOSS] * self.stripes.near)[:, None, None], alone[index]

    def pulled(self, theta: Array) -> tuple[Array, Array]:
        """Return ln of the pump's mean along each stripe over its maximum, twice (n,).

        First for light that runs along it, whose first part is amplified by all the rest, then for light that does not.
        """
        if not math.isfinite(self.pump.waist):
            return np.zeros(self.stripes.length.size), np.zeros(self.stripes.length.size)
        pairs = np.exp(theta[LN_PAIRS : LN_PAIRS + 1])
        net = math.exp(theta[LN_GAIN]) * float(relative_gain(pairs, self.pump)[0]) - theta[LOSS] - theta[EXCESS]
        places = (ALONG + 1) / 2 * self.stripes.length[:, None]
        waist = self.pump.waist * math.exp(theta[STRETCH])
        here = -2 * ((self.stripes.near[:, None] + places - theta[MIDDLE]) / waist) ** 2
        # Where the pump is weaker by du at x, light from behind x loses: d ln I ~ e^{g l} - e^{g x}.
        rise = np.clip(net * self.stripes.length, -20, 20)[:, None]
        rise = np.where(np.abs(rise) < 1e-3, 1e-3, rise)
        share = np.expm1(rise * (1 - ALONG) / 2) * np.exp(rise * (ALONG - 1) / 2) / rise
        share = share * SHARES_ALONG
        guided = (here * share).sum(axis=1) / share.sum(axis=1)
        return np.maximum(guided, -self._falls), np.maximum(here @ SHARES_ALONG / 2, -self._falls)

    def weights(self, log_fluence: Array) -> Array:
        """Return what interpolates the nodes to these ln fluences, (..., NODES)."""
        scaled = np.clip((log_fluence - self._mid) / self._half, -1.0, 1.0)
        found: Array = np.polynomial.chebyshev.chebvander(scaled, NODES - 1) @ self._lagrange
        return found


def grow(
    gain: Array, source: Array, lengths: Array, lines: Array, loss: float, saturation: float, shape: Array
) -> Array:
    """Return the light that has run along stripes of these lengths (cm, rising), (n, u, b), for a source of shape."""
    fresh = np.repeat(source[:, None] * shape / COLOURS, COLOURS, axis=1)
    light = np.zeros(fresh.shape)
    total, born = np.zeros(gain.size), fresh.sum(axis=1)
    found = np.empty((lengths.size, gain.size, shape.size))
    at = 0.0
    for k, length in enumerate(lengths):
        number = max(1, math.ceil((length - at) / LONGEST))
        step = (length - at) / number
        for _ in range(number):
            # Half a step on, by the mean rate of all colours: gain saturates by the light there.
            entering = total + born * step / 2
            rate = ((light + fresh * step / 2) @ lines) / entering
            middle = entering
            for _ in range(2):
                mean = (entering + middle) / 2
                middle = entering * np.exp(np.minimum((gain * rate / (1 + mean / saturation) - loss) * step / 2, 9))
            exponent = (gain / (1 + middle / saturation))[:, None] * lines
            exponent -= loss
            exponent *= step
            np.clip(exponent, -50, 50, out=exponent)
            exponent[np.abs(exponent) < 1e-7] = 1e-7
            more = np.expm1(exponent)
            light += light * more + fresh * step * (more / exponent)
            total = light.sum(axis=1)
        found[k], at = light.reshape(gain.size, shape.size, COLOURS).sum(axis=2), length
    return found
