"""Lines of a lamp on a camera: frames without cosmic rays, and where each line falls to a share of a pixel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, median_filter
from scipy.optimize import curve_fit
from scipy.signal import find_peaks
from scipy.special import ndtr

Array = npt.NDArray[np.float64]

HIT = 6.0
"""Sigmas above the median of all frames from which a pixel was hit by a cosmic ray."""
SEEN = 8.0
"""Sigmas of one pixel from which there is a line."""
HALF = 8
"""Pixels on either side of a line that enter its fit."""
NEAREST = 6
"""Pixels within which two lines blend."""
BASELINE = 101
_FWHM = 2 * math.sqrt(2 * math.log(2))


class Peak(NamedTuple):
    """One line as it falls on the camera."""

    pixel: float
    sigma: float
    """Of `pixel`, by the fit, scaled by its chi^2 where that is above 1."""
    area: float
    """Counts."""
    width: float
    """Full width at half maximum, px."""
    strength: float
    """Area over its sigma."""


def stacked(frames: Array, darks: Array, gain: float | None, read_noise: float | None) -> tuple[Array, Array, int]:
    """Return the mean lamp frame without its dark, its sigma, and how many pixels were hit by cosmic rays.

    Args:
        frames: counts, shape (n, pixels).
        darks: counts, shape (m, pixels); m may be 0.
        gain: electrons per count; None where not stated: the noise is then estimated from the frames.
        read_noise: electrons; likewise.
    """
    level = np.median(darks, axis=0) if len(darks) else np.full(frames.shape[1], np.median(frames))
    net, middle = frames - level, np.median(frames, axis=0) - level
    floor = _floor(frames, darks, gain, read_noise)
    variance = floor + np.maximum(middle, 0.0) * (1 / gain if gain else _slope(net, middle, floor))
    hit = np.zeros(net.shape, bool)
    if len(net) >= 3:
        hit = binary_dilation(net - middle > HIT * np.sqrt(variance), np.ones((1, 3), bool))
    kept = np.maximum((~hit).sum(axis=0), 1)
    mean = np.where((~hit).any(axis=0), np.where(hit, 0.0, net).sum(axis=0) / kept, middle)
    sigma = np.sqrt(variance / kept + floor * (math.pi / 2) / max(len(darks), 1))
    return mean, sigma, int(hit.sum())


def _floor(frames: Array, darks: Array, gain: float | None, read_noise: float | None) -> float:
    """Return the variance of a pixel without light: as stated, at least as darks scatter, else from quiet pixels."""
    stated = 0.0 if gain is None or read_noise is None else (read_noise / gain) ** 2
    sample = darks if len(darks) > 1 else frames[:, frames.mean(axis=0) < np.median(frames)]
    if len(sample) > 1:
        # The median of squared differences is that of chi^2 with one degree of freedom; a cosmic ray does not move it.
        return max(stated, float(np.median(np.diff(sample, axis=0) ** 2)) / (2 * 0.4549))
    return max(stated, 1.0)


def _slope(net: Array, middle: Array, floor: float) -> float:
    """Return counts of variance per count of signal, from the scatter of the frames; 1 from a single frame."""
    if len(net) < 2:
        return 1.0
    bright = middle > 10 * math.sqrt(floor)
    if not bright.any():
        return 1.0
    scatter = np.median(np.diff(net, axis=0)[:, bright] ** 2, axis=0) / (2 * 0.4549)
    return max(float(np.median((scatter - floor) / middle[bright])), 0.01)


def find(mean: Array, sigma: Array, saturated: npt.NDArray[np.bool_]) -> tuple[list[Peak], int]:
    """Return the lines that stand alone, rising, and how many were left out: blended, saturated, or not a line."""
    net = mean - median_filter(mean, min(BASELINE, mean.size), mode="nearest")
    tops, _ = find_peaks(net / sigma, height=SEEN)
    good, dropped = [], 0
    for top in tops:
        near = tops[(np.abs(tops - top) <= NEAREST) & (tops != top)]
        if near.size and net[near].max() > net[top]:
            dropped += 1  # a shoulder of a stronger line
            continue
        others = tops[np.abs(tops - top) > NEAREST]
        reach = min([HALF, *(abs(int(other - top)) // 2 for other in others)])
        window = np.arange(max(int(top) - reach, 0), min(int(top) + reach + 1, mean.size))
        found = None if saturated[window].any() else _fitted(window, net[window], sigma[window], float(top))
        if found is None or (near.size and net[near].max() > 0.1 * net[top]):
            dropped += 1
        else:
            good.append(found)
    return good, dropped


def _line(pixel: Array, place: float, width: float, area: float, base: float) -> Array:
    """A Gaussian integrated over each pixel, on a level."""
    edges = np.append(pixel - 0.5, pixel[-1] + 0.5)
    bins: Array = base + area * np.diff(ndtr((edges - place) / width))
    return bins


def _fitted(pixel: npt.NDArray[np.int_], net: Array, sigma: Array, top: float) -> Peak | None:
    start = (top, 1.3, float(net.max()) * 3.3, 0.0)
    low, high = (top - 3, 0.2, 0.0, -np.inf), (top + 3, HALF, np.inf, np.inf)
    try:
        best, covariance = curve_fit(
            _line, pixel.astype(np.float64), net, start, sigma, True, bounds=(low, high), max_nfev=400
        )
    except RuntimeError:
        return None
    chi2 = float((((net - _line(pixel.astype(np.float64), *best)) / sigma) ** 2).sum()) / max(pixel.size - 4, 1)
    scale = math.sqrt(max(chi2, 1.0))
    place, area = scale * math.sqrt(covariance[0, 0]), math.sqrt(covariance[2, 2])
    if not (0 < place < 1 and best[2] > 3 * area):
        return None
    return Peak(float(best[0]), place, float(best[2]), _FWHM * float(best[1]), float(best[2]) / area)
