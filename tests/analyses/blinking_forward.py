"""An independent forward model of a blinking dot: dwell by dwell, then photons at random; no code of the analysis."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dot:
    """A dot that switches between two levels; times in s, rates of all detectors together in cps."""

    exponent_on: float = 1.5
    exponent_off: float = 1.7
    shortest: float = 1e-3
    cutoff_on: float = 2.0
    cutoff_off: float = 5.0
    bright: float = 1e5
    grey: float = 0.2
    darks: float = 400.0
    noise: float = 0.0
    """Relative slow scatter of the brightness, drawn anew every 50 ms."""

    def dwell(self, rng: np.random.Generator, exponent: float, cutoff: float, count: int) -> np.ndarray:
        """Draw dwell times by inverting the pure power law and rejecting with the cut-off."""
        found = np.empty(0)
        while len(found) < count:
            tried = self.shortest * (1.0 - rng.random(2 * count + 16)) ** (-1.0 / (exponent - 1.0))
            kept = rng.random(len(tried)) < np.exp(-(tried - self.shortest) / cutoff)
            found = np.concatenate([found, tried[kept]])
        return found[:count]

    def switches(self, rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, bool]:
        """Return the times at which the dot switches within [0, seconds], and whether it starts on."""
        start_on = bool(rng.random() < 0.5)
        burn = 60.0  # so that the record begins within a dwell, as it would
        count = 2000
        while True:
            on = self.dwell(rng, self.exponent_on, self.cutoff_on, count)
            off = self.dwell(rng, self.exponent_off, self.cutoff_off, count)
            pairs = np.stack([on, off] if start_on else [off, on], axis=1).ravel()
            ends = np.cumsum(pairs)
            if ends[-1] > burn + seconds:
                break
            count *= 2
        begun = int(np.searchsorted(ends, burn))
        inside = ends[(ends > burn) & (ends < burn + seconds)] - burn
        return inside, start_on ^ bool(begun % 2)

    def steps(self, rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the edges of constant rate, the rates between them, and the fraction of the time that it was on."""
        switched, on = self.switches(rng, seconds)
        edges = np.concatenate([[0.0], switched, [seconds]])
        bright = (np.arange(len(edges) - 1) % 2 == 0) == on
        lengths = np.diff(edges)
        rates = np.where(bright, 1.0, self.grey) * self.bright
        if self.noise:
            ticks = np.arange(0.05, seconds, 0.05)
            all_edges = np.union1d(edges, ticks)
            inside = np.searchsorted(edges, all_edges[:-1], side="right") - 1
            scatter = 1 + self.noise * rng.standard_normal(len(ticks) + 1)
            rates = rates[inside] * scatter[np.searchsorted(ticks, all_edges[:-1], side="right")]
            return all_edges, rates + self.darks, float(lengths[bright].sum() / seconds)
        return edges, rates + self.darks, float(lengths[bright].sum() / seconds)


def counts(rng: np.random.Generator, edges: np.ndarray, rates: np.ndarray, bin_width: float) -> np.ndarray:
    """Return photons per bin: Poisson numbers of the exact integral of the rate over each bin."""
    total = np.concatenate([[0.0], np.cumsum(np.diff(edges) * rates)])
    bins = round(edges[-1] / bin_width)
    integral = np.interp(np.arange(bins + 1) * bin_width, edges, total)
    return rng.poisson(np.diff(integral)).astype(np.int64)


def arrivals(rng: np.random.Generator, edges: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return sorted arrival times in ps, int64: a uniform process stretched by the integral of the rate."""
    total = np.concatenate([[0.0], np.cumsum(np.diff(edges) * rates)])
    number = rng.poisson(total[-1])
    unit = np.cumsum(rng.exponential(size=number + 1))
    return np.round(np.interp(unit[:-1] * (total[-1] / unit[-1]), total, edges) * 1e12).astype(np.int64)


def delays(
    rng: np.random.Generator,
    times: np.ndarray,
    edges: np.ndarray,
    rates: np.ndarray,
    darks: float,
    period: float,
    lifetime: float,
    cables: tuple[float, float] = (8000.0, 11200.0),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return channels, pulse numbers and delays (ps): the lifetime (ps) follows the level, darks know no pulse."""
    own = rates[np.minimum(np.searchsorted(edges, times * 1e-12, side="right") - 1, len(rates) - 1)]
    level = (own - darks) / (rates.max() - darks)
    dark = rng.random(len(times)) < darks / own
    found = np.where(dark, rng.uniform(0, period, len(times)), rng.exponential(size=len(times)) * lifetime * level)
    channels = rng.integers(0, 2, len(times)).astype(np.uint8)
    jitter = rng.normal(0, 150, len(times)) + (rng.random(len(times)) < 0.1) * rng.exponential(300, len(times))
    late = found + jitter + np.asarray(cables)[channels]
    pulses = np.floor(times / period).astype(np.int64) + np.floor(late / period).astype(np.int64)
    order = np.argsort(pulses, kind="stable")
    return channels[order], pulses[order], (late % period)[order]
