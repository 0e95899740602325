"""g2(0) while the photons come in: simple estimates with honest errors, good enough to know when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNKNOWN = -1.0
"""Stands for an estimate that cannot be made yet: every stored number must be finite."""

_TIMES = np.geomspace(0.3, 30.0, 13) * 1e3


class Running:
    """Adds up accumulation chunks of one power and estimates g2(0) from all of them.

    Pulsed: the central peak over the mean of all others, by pulse numbers, less the cross-talk that reference light
    shows. Continuous: the depth of an exponential
    dip, linear least squares over a grid of antibunching times, without the timing response. Uncorrelated
    background is taken off by g2 = 1 + rho_a rho_b (g - 1) where it was measured.

    Args:
        zero: lag of simultaneous photons, in ps.
        control: row of pulsed reference light; tells the cross-talk of the detectors.
    """

    def __init__(self, zero: float = 0.0, control: Mapping[str, Any] | None = None) -> None:
        self._zero = zero
        self._background: dict[str, float] = {}
        self._crosstalk = (0.0, 0.0) if control is None else _crosstalk(control, zero)
        self._counts = {"a": 0.0, "b": 0.0}
        self._live = 0.0
        self._pairs = self._histogram = np.zeros(0)

    def background(self, row: Mapping[str, Any]) -> None:
        """Take the rates beside the emitter for the background."""
        self._background = {side: row[f"singles_{side}"] / row["live_time"] for side in "ab"}

    def add(self, row: Mapping[str, Any]) -> tuple[float, float]:
        """Add one chunk on the emitter; return (g2(0), 1-sigma), or (-1, -1) while it is too early."""
        if not self._live:
            self._pairs, self._histogram = np.zeros(len(row["pulse_pairs"])), np.zeros(len(row["histogram"]))
        self._live += row["live_time"]
        self._pairs = self._pairs + row["pulse_pairs"]
        self._histogram = self._histogram + row["histogram"]
        for side in self._counts:
            self._counts[side] += row[f"singles_{side}"]
        raw = self._pulsed() if row["period"] > 0 else self._continuous(float(row["bin_width"]))
        purity = math.prod(self._purity(side) for side in self._counts)
        if raw is None or purity <= 0.05:
            return UNKNOWN, UNKNOWN
        return 1.0 + (raw[0] - 1.0) / purity, raw[1] / purity

    def _purity(self, side: str) -> float:
        counts = self._counts[side]
        return 1.0 - self._background.get(side, 0.0) * self._live / counts if counts else 0.0

    def _pulsed(self) -> tuple[float, float] | None:
        middle = len(self._pairs) // 2
        others = np.delete(self._pairs, middle)
        mean = others.mean() if len(others) else 0.0
        if mean <= 0:
            return None
        photons = sum(self._counts.values())
        ratio = (self._pairs[middle] - self._crosstalk[0] * photons) / mean
        variance = max(self._pairs[middle], 1.0) + ratio**2 * mean / len(others) + (self._crosstalk[1] * photons) ** 2
        return ratio, math.sqrt(variance) / mean

    def _continuous(self, bin_width: float) -> tuple[float, float] | None:
        counts = self._histogram
        if counts.sum() < 100:
            return None
        lags = (np.arange(len(counts)) + 0.5 - len(counts) / 2) * bin_width - self._zero
        weights = 1.0 / np.maximum(counts.mean(), 1.0)
        best: tuple[float, float, float] | None = None
        for time in _TIMES[(_TIMES > bin_width) & (_TIMES < len(counts) * bin_width / 8)]:
            basis = np.stack([np.ones_like(lags), -np.exp(-np.abs(lags) / time)])
            normal = (basis * weights) @ basis.T
            if np.linalg.cond(normal) > 1e10:
                continue
            covariance = np.linalg.inv(normal)
            floor, depth = covariance @ ((basis * weights) @ counts)
            misfit = float(weights * np.sum((counts - floor + depth * np.exp(-np.abs(lags) / time)) ** 2))
            if floor > 0 and (best is None or misfit < best[0]):
                best = misfit, 1.0 - depth / floor, math.sqrt(covariance[1, 1]) / floor
        return None if best is None else best[1:]


def _crosstalk(row: Mapping[str, Any], zero: float) -> tuple[float, float]:
    """Return the pairs per photon, and their 1-sigma, that prompt light shows beside lag zero: flashes of avalanches.

    The flash of one detector reaches the other within some 10 ns; prompt light itself has faded by 2.5 ns.
    """
    counts = np.asarray(row["histogram"], np.float64)
    away = np.abs((np.arange(len(counts)) + 0.5 - len(counts) / 2) * float(row["bin_width"]) - zero)
    ring, outside = (away > 2500) & (away < 11_000), (away > 15_000) & (away < 60_000)
    if not ring.any() or not outside.any():
        return 0.0, 0.0
    floor = counts[outside].mean() * np.count_nonzero(ring)
    photons = max(1.0, float(row["singles_a"] + row["singles_b"]))
    return max(0.0, counts[ring].sum() - floor) / photons, math.sqrt(counts[ring].sum() + 1.0) / photons
