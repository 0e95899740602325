"""The slow part of one decay: an exponential over a floor, by the photons' likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.rows import Array

LATE = 16.0
"""ns after the peak from which the bright states are gone."""
FEWEST_PHOTONS = 200.0
BINS = 120


@dataclass(frozen=True)
class Slow:
    """The slow part of one decay."""

    rate: float
    """1/ns."""
    sigma: float
    light: float
    """Photons after the start of the window."""
    floor: float
    """Photons per ns that do not decay."""
    deviance: float


def slow_part(counts: Array, step: float, peak: int) -> Slow | None:
    """Return the slow part of one decay; None where there is none."""
    start = peak + max(3, math.ceil(LATE / step))
    tail = counts[start:]
    if tail.size < 20 or tail.sum() < FEWEST_PHOTONS:
        return None
    edges = np.unique(np.concatenate([[0], np.geomspace(1, tail.size, BINS).astype(int)]))
    number = np.add.reduceat(tail, edges[:-1])
    times = edges * step
    total = float(times[-1])
    width = np.diff(times)
    floor = max(float(np.median(number[-10:] / width[-10:])) * 0.5, 1e-9)
    best: Slow | None = None
    for guess in np.geomspace(2.0 / total, 0.5, 8):
        found = _poisson(number, times, np.array([math.log(guess), 1.0, floor]))
        if found is not None and (best is None or found.deviance < best.deviance):
            best = found
    return None if best is None or best.sigma > 0.5 * best.rate else best


def _poisson(number: Array, times: Array, start: Array) -> Slow | None:
    """Return one exponential over a floor by the photons' likelihood (Fisher scoring); None where it does not show."""
    width = np.diff(times)
    rate, floor = math.exp(start[0]), float(start[2])
    light = max(float(number.sum()) - floor * float(width.sum()), 1.0)

    def parts(k: float) -> tuple[Array, Array]:
        decayed = np.exp(-k * times)
        return -np.diff(decayed), -np.diff(-times * decayed)

    deviance = math.inf
    covariance: Array = np.eye(3)
    for _ in range(40):
        law, by_rate = parts(rate)
        model = np.maximum(light * law + floor * width, 1e-9)
        now = 2 * float((model - number + number * np.log(np.maximum(number, 1e-9) / model)).sum())
        jacobian = np.stack([light * by_rate * rate, law, width], axis=1)
        normal = jacobian.T @ (jacobian / model[:, None])
        covariance[:] = np.linalg.pinv(normal)
        step = covariance @ (jacobian.T @ (number / model - 1))
        rate *= math.exp(float(np.clip(step[0], -0.7, 0.7)))
        light, floor = max(light + float(step[1]), 1e-3), max(floor + float(step[2]), 0.0)
        if abs(now - deviance) < 1e-6:
            break
        deviance = now
    if not (math.isfinite(rate) and light > 5 * math.sqrt(max(float(covariance[1, 1]), 0.0))):
        return None
    return Slow(rate, rate * math.sqrt(max(float(covariance[0, 0]), 0.0)), light, floor, deviance)
