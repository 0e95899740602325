"""Least squares of the law to stripes of one fluence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2 as chi2_law

from perovskite_meas.analyses.pulses.rows import Array

from . import law
from .bands import Seen
from .law import Law, Pump, Stripes

STEPS = np.array([0.02, 0.02, 0.5, 0.5, 0.02, 0.05, 0.05, 0.02, 1e-3, 1e-5, 0.5, 0.02])
"""Of the numeric derivatives, by parameter."""
WEAR = 0.3
"""How much ln of the light may change from the first exposure to the last."""
MOST = 25
"""Turns of the search."""
CALM = 0.05
"""Change of chi2 at which it ends."""


@dataclass(frozen=True)
class Prior:
    """What is known of the parameters beforehand."""

    middle: Array
    """As `law.NAMES`."""
    sigma: Array
    """1-sigma."""


@dataclass(frozen=True)
class Fit:
    """The law fitted to some stripes."""

    pump: Pump
    seen: Seen
    theta: Array
    """As `law.NAMES`."""
    levels: Array
    """ln of the spontaneous light, (b,)."""
    filters: Array
    """ln of true over stated transmission, by place, and last what the film loses of ln of its light, (k + 1,)."""
    covariance: Array
    """Of theta, levels, filters."""
    chi2: float
    freedom: int

    @property
    def place(self) -> Array:
        """Return theta, levels and filters in one."""
        return np.concatenate([self.theta, self.levels, self.filters])

    @property
    def p(self) -> float:
        """Probability of a chi2 this large or larger."""
        return float(chi2_law.sf(self.chi2, max(self.freedom, 1)))

    @property
    def widened(self) -> float:
        """Factor on sigmas for what the law misses."""
        return math.sqrt(max(1.0, self.chi2 / max(self.freedom, 1)))

    def net(self, theta: Array | None = None) -> float:
        """Return the net gain at its maximum in the middle of the pump, 1/cm."""
        own = self.theta if theta is None else theta
        pairs = np.exp(own[law.LN_PAIRS : law.LN_PAIRS + 1])
        material = math.exp(own[law.LN_GAIN]) * float(law.relative_gain(pairs, self.pump)[0])
        return material - float(own[law.LOSS] + own[law.EXCESS])

    @property
    def net_sigma(self) -> float:
        """1-sigma of the net gain, 1/cm."""
        size = self.theta.size
        slope = np.zeros(size)
        for k in (law.LN_GAIN, law.LN_PAIRS, law.LOSS, law.EXCESS):
            moved = np.zeros(size)
            moved[k] = STEPS[k] / 4
            slope[k] = (self.net(self.theta + moved) - self.net(self.theta - moved)) / (2 * moved[k])
        return self.widened * math.sqrt(float(slope @ self.covariance[:size, :size] @ slope))

    def sigma(self, index: int) -> float:
        """Return the 1-sigma of a parameter of `law.NAMES`."""
        return self.widened * math.sqrt(float(self.covariance[index, index]))


class Problem:
    """Stripes of one fluence, the law, and what is known beforehand.

    Args:
        seen: what is fitted.
        pump: of the law.
        prior: of the parameters.
        filters: relative 1-sigma of the transmission, by place of the filter.
        reading: relative rms of one energy reading.
    """

    def __init__(self, seen: Seen, pump: Pump, prior: Prior, filters: dict[int, float], reading: float) -> None:
        self.seen, self.pump, self.prior = seen, pump, prior
        self._reading, self._known = reading, filters
        every = np.concatenate(seen.pulses)
        self._law = Law(pump, Stripes(seen.length, seen.near, seen.borders, float(every.min()), float(every.max())))
        self._filters = np.array([*(filters[step] for step in sorted(filters)), WEAR])
        places = np.searchsorted(sorted(filters), seen.step)
        self._linear = np.column_stack([np.eye(len(filters))[places], -seen.time])
        pairs = [seen.noise(row, reading) for row in range(seen.length.size)]
        self._sloped = np.isfinite(seen.slope[:, 0])
        self._white = np.array([_whitening(value) for value, _ in pairs])
        self._steep = np.array([_whitening(slope) for _, slope in pairs])[self._sloped]
        self._pulses, self._mean, self._rise = _padded(seen.pulses)

    def solve(self, theta: Array, levels: Array | None = None, filters: Array | None = None) -> Fit:
        """Return the best fit from this start on."""
        levels = self._first(theta) if levels is None else levels
        filters = np.zeros(self._filters.size) if filters is None else filters
        place = np.concatenate([theta, levels, filters])
        damping, residual = 1e-3, self._residual(place)
        best = float(residual @ residual)
        for _ in range(MOST):
            slope = self._slope(place, residual)
            normal, pull = slope.T @ slope, slope.T @ residual
            calm = True
            for _ in range(6):
                step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -pull)
                step[: theta.size] = np.clip(step[: theta.size], -40 * STEPS, 40 * STEPS)
                trial = self._residual(place + step)
                new = float(trial @ trial)
                if np.isfinite(new) and new < best:
                    calm = best - new < CALM
                    place, residual, best, damping = place + step, trial, new, max(damping / 10, 1e-7)
                    break
                damping *= 8
            if calm:
                break
        size, bands = theta.size, levels.size
        data = self._data(place)
        return Fit(
            self.pump, self.seen, place[:size], place[size : size + bands], place[size + bands :],
            np.asarray(np.linalg.pinv(normal), np.float64), best, data.size - bands - size,
        )  # fmt: skip

    def of(self, seen: Seen) -> Problem:
        """Return the same for other exposures."""
        return Problem(seen, self.pump, self.prior, self._known, self._reading)

    def covariance(self, row: int) -> tuple[Array, Array]:
        """Return the covariances of value and slope of one exposure, both (b, b)."""
        return self.seen.noise(row, self._reading)

    def at_reference(self, place: Array) -> Array:
        """Return ln of the light of every exposure at the reference fluence, without its filter, (n, b)."""
        size, bands = len(law.NAMES), self.seen.value.shape[1]
        theta, levels = place[:size], place[size : size + bands]
        share = np.exp(levels - levels.max())
        share /= share.sum()
        guided, alone = self._law(theta, share)
        pulled = self._law.pulled(theta)
        run = np.einsum("nk,nkb->nb", self._law.weights(pulled[0]), guided)
        left = np.einsum("nk,nk->n", self._law.weights(pulled[1]), alone)
        found: Array = np.log(np.exp(run) + np.exp(left)[:, None] * share) + math.log(float(np.exp(levels).sum()))
        return found

    def told(self, place: Array, raised: float = 0.0) -> tuple[Array, Array]:
        """Return values and slopes of the law, both (n, b), the gain's line raised by so much of its maximum."""
        size, bands = len(law.NAMES), self.seen.value.shape[1]
        theta, levels, filters = place[:size], place[size : size + bands], place[size + bands :]
        share = np.exp(levels - levels.max())
        share /= share.sum()
        guided, alone = self._law(theta, share, raised)
        pulled = self._law.pulled(theta)
        run = self._law.weights(self._pulses + pulled[0][:, None]) @ guided
        left = np.einsum("njk,nk->nj", self._law.weights(self._pulses + pulled[1][:, None]), alone)
        light = np.exp(run) + np.exp(left)[..., None] * share
        y = np.log(light)
        value = np.where(
            self.seen.alone[:, None],
            np.einsum("nj,njb->nb", self._mean, y),
            np.log(np.einsum("nj,njb->nb", self._mean, light)),
        )
        slope = np.where(self._sloped[:, None], np.einsum("nj,njb->nb", self._rise, y), np.nan)
        return value + math.log(float(np.exp(levels).sum())) + (self._linear @ filters)[:, None], slope

    def _data(self, place: Array) -> Array:
        value, slope = self.told(place)
        off = (self._white @ (value - self.seen.value)[..., None]).ravel()
        steep = (self._steep @ (slope - self.seen.slope)[self._sloped][..., None]).ravel()
        return np.concatenate([off, steep])

    def _residual(self, place: Array) -> Array:
        size = len(law.NAMES)
        known = (place[:size] - self.prior.middle) / self.prior.sigma
        filters = place[size + self.seen.value.shape[1] :] / np.maximum(self._filters, 1e-6)
        return np.concatenate([self._data(place), known, filters])

    def _slope(self, place: Array, residual: Array) -> Array:
        size, bands = len(law.NAMES), self.seen.value.shape[1]
        found = np.zeros((residual.size, place.size))
        for k in range(size):
            moved = place.copy()
            moved[k] += STEPS[k] / 4
            found[:, k] = (self._residual(moved) - residual) / (STEPS[k] / 4)
        rows = len(self._white)
        found[: rows * bands, size : size + bands] = self._white.reshape(-1, bands)
        through = self._white.sum(axis=2)[..., None] * self._linear[:, None, :]
        found[: rows * bands, size + bands :] = through.reshape(rows * bands, -1)
        at = (rows + len(self._steep)) * bands
        last = np.arange(self._filters.size)
        found[at + size + last, size + bands + last] = 1 / np.maximum(self._filters, 1e-6)
        return found

    def _first(self, theta: Array) -> Array:
        shortest = int(np.argmin(self.seen.length + 1e3 * (self.seen.series != "stripe")))
        levels: Array = self.seen.value[shortest].copy()
        for _ in range(2):
            place = np.concatenate([theta, levels, np.zeros(self._filters.size)])
            levels += self.seen.value[shortest] - self.told(place)[0][shortest]
        return levels


def _padded(pulses: tuple[Array, ...]) -> tuple[Array, Array, Array]:
    """Return ln fluences, and what makes mean and slope of their light, all (n, most pulses)."""
    most = max(one.size for one in pulses)
    logs, mean, rise = (np.zeros((len(pulses), most)) for _ in range(3))
    for row, x in enumerate(pulses):
        off = x - x.mean()
        logs[row, : x.size], mean[row, : x.size] = x, 1 / x.size
        rise[row, : x.size] = off / max(float(off @ off), 1e-12)
    return logs, mean, rise


def _whitening(covariance: Array) -> npt.NDArray[np.float64]:
    found: Array = np.linalg.inv(np.linalg.cholesky(covariance))
    return found
