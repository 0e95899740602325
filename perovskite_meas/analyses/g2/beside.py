"""How late background light comes after its pulse: pairs of it with the emitter are narrower than the emitter's own."""

from __future__ import annotations

import math

import numpy as np

from .kernels import side_peaks, two_sided
from .rows import Array, Group, Rows

TIMES = (0.0, *(float(t) for t in np.geomspace(0.3, 30.0, 25)))
"""ns; decay times tried."""
FEWEST = 200.0
"""Background photons on both detectors below which their delay is not asked for."""
STEP = 0.25
"""ns; coarsest bin of the arrival histograms that tells a delay."""


def background_delay(rows: Rows) -> float:
    """Return the decay time of the background light in ns, from the arrival times beside the emitter; 0 if unknown.

    Exponential after the pulse, on a flat floor of darks; least squares over both detectors.
    """
    off = rows.off
    if off is None or not off.period:
        return 0.0
    counts, places = [], []
    for side in "ab":
        seen = _arrivals(off, side, rows.on.mean(f"arrival_{side}") * 1e-3)
        if seen is None:
            return 0.0
        counts.append(seen[0])
        places.append(seen[1])
    n, u = np.concatenate(counts), np.concatenate(places)
    best = (math.inf, 0.0)
    for time in TIMES:
        shape = np.where(u < 1.5 * STEP, 1.0, 0.0)
        if time:
            shape = np.exp(-u / time) / -math.expm1(-off.period / time)
        design = np.column_stack([shape, np.ones(u.size)])
        weight = 1.0
        for _ in range(2):
            line = np.linalg.lstsq(design * np.reshape(weight, (-1, 1)), n * weight, rcond=None)[0]
            model = np.maximum(design @ line, 1e-9)
            weight = 1 / np.sqrt(np.maximum(model, 1.0))
        misfit = float(np.sum((n - model) ** 2 / np.maximum(model, 1.0)))
        if line[0] > 0 and misfit < best[0]:
            best = (misfit, time if float(line[0] * shape.sum()) > FEWEST else 0.0)
    return best[1]


def _arrivals(off: Group, side: str, begin: float) -> tuple[Array, Array] | None:
    """Return counts and delays (ns) after the pulse of one detector's coarse bins; its light arrives at `begin`."""
    decay, step = off.total(f"decay_{side}"), off.mean("decay_bin") * 1e-3
    if decay is None or decay.ndim != 1 or not 0 < step <= 2 * STEP:
        return None
    place = ((np.arange(decay.size) + 0.5) * step - begin + STEP) % off.period
    number = max(int(off.period / STEP), 1)
    which = np.minimum((place / off.period * number).astype(int), number - 1)
    bins = np.bincount(which, minlength=number)
    seen = bins > 0
    width = off.period / number
    delays = np.maximum((np.arange(number) + 0.5) * width - STEP, 0.0)
    return np.bincount(which, decay, number)[seen] / bins[seen] * bins.mean(), delays[seen]


def mixed_pairs(edges: Array, zero: float, tau: float, delay: float, period: float) -> Array:
    """Return pairs of background with the emitter, over all pulses and area 1 each, over each bin.

    Either may come first: (tau K(tau) + delay K(delay))/(tau + delay), K the two-sided exponential of area 1.
    """

    def every(time: float) -> Array:
        return side_peaks(edges, zero, time, period, overlap=False) + two_sided(edges, zero, time)

    if not delay:
        return every(tau)
    return np.asarray((tau * every(tau) + delay * every(delay)) / (tau + delay))
