"""The counts that come without the emitter: their shape on the axis of the decays, measured beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import nnls

from .kernel import exponential
from .rows import Array, Decays

AFTERPULSES = 1e-3
"""Part of the photons that may be spread evenly over the period beyond what the response says."""
FLOOR_TRUST = 0.03
"""Relative 1-sigma of the flat background from drifts of temperature and room light."""
LIFETIMES = 9
"""Decay times offered to describe the background."""


@dataclass(frozen=True)
class Background:
    """Expected counts per bin without the emitter, of one detector, during the rows on it."""

    shape: Array
    """Counts per bin, shape (m,); zeros where nothing was measured."""
    scale_sigma: float
    """Relative 1-sigma of `shape`; 0 where it is held."""
    flat_sigma: float
    """1-sigma of a further flat part, in counts per bin; infinite where nothing was measured."""
    variance: Array
    """Of `shape`, from the photons counted beside the emitter, shape (m,)."""


def background(decays: Decays, detector: int, response: Array) -> Background:
    """Return the background of one detector from the rows beside the emitter, else from dark rows.

    The counted histogram is described by smooth decays: taken as counted, its empty bins would bias a fit.

    Args:
        decays: the run.
        detector: 0 or 1.
        response: measured or guessed, unit sum, shape (m,).
    """
    on, m = decays.series["on"], decays.bins
    total = float(on.counts[detector].sum())
    beside, dark = decays.of("off_emitter"), decays.of("dark")
    source = beside or dark
    if source is None:
        return Background(np.zeros(m), 0.0, math.inf, np.zeros(m))
    counts, ratio = source.counts[detector], on.live_time / source.live_time
    flat = float(counts.mean()) * ratio
    counted = max(float(counts.sum()), 1.0)
    if beside is None:
        shape, scale = np.full(m, flat), 0.0
    else:
        shape, scale = _smooth(counts, response, decays) * ratio, math.hypot(1 / math.sqrt(counted), FLOOR_TRUST)
    # Beside the emitter, photon statistics are in `scale_sigma` and `variance`; of a flat part they stand here.
    statistical = flat / math.sqrt(counted) if beside is None else 0.0
    spread = math.hypot(statistical, math.hypot(FLOOR_TRUST * flat, AFTERPULSES * total / m))
    return Background(shape, scale, max(spread, 1e-3), np.zeros(m) if beside is None else counts * ratio**2)


def _smooth(counts: Array, response: Array, decays: Decays) -> Array:
    """Return the counts as a flat part, light at once, and decays, none of them negative."""
    m, width, period = decays.bins, decays.bin_width, decays.period
    lag: Array = np.arange(-m, m + 1, dtype=np.float64) * width
    taus = np.geomspace(2 * width, 0.7 * period, LIFETIMES).tolist()
    kernels = np.stack([exponential(lag, width, tau, period) for tau in taus])
    design = np.vstack([np.ones(m) / m, response, convolved(response, kernels)]).T
    expected = np.maximum(np.convolve(counts, np.ones(9) / 9, "same"), max(counts.mean(), 1e-3))
    for _ in range(3):
        weight = 1 / np.sqrt(expected)
        found, _ = nnls(design * weight[:, None], counts * weight)
        expected = np.maximum(design @ found, 0.05 * max(counts.mean(), 1e-3))
    smooth: Array = design @ found
    return smooth * (counts.sum() / max(float(smooth.sum()), 1e-9) if counts.sum() > 0 else 1.0)


def convolved(response: Array, kernel: Array) -> Array:
    """Return the histogram of a decay: `response` (m,) with a kernel over lags -(m-1) .. m-1, shape (..., 2m-1)."""
    m = response.size
    size = next_fast_len(2 * m - 1, real=True)
    # The lag of index 0 is -(m-1): the product starts m-1 places late.
    full = irfft(rfft(kernel, size, axis=-1) * rfft(response, size), size, axis=-1)
    out: Array = full[..., m - 1 : 2 * m - 1]
    return out
