"""Cosmic rays in frames of pulses: sharp, and in no other frame like it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter

from perovskite_meas.analyses.spectra.cosmics import Cosmics

from .rows import Array, Indices, Mask

WINDOW = 9
"""Pixels whose median a hit stands out of."""
SIGMAS = 6.0
SHARP = 0.25
"""Part of that median by which it must stand out: less than it matters in no sum."""
FLOOR = 3.0
"""Sigmas of noise that count as light where there is none."""
LIKE = 6
"""Frames of the next lower emission, and of the next higher one, that a frame is compared with: a laser's modes come
again, however they jump."""
SHARPER, AGAIN = 3.0, 6.0
"""Over all but one of those frames at this place, from which it is a hit; and for each unit of their contrast on top:
where lines come again, one of them is not soon a hit."""
SIDE, SHARPER_SIDE = 3.0, 1.5
"""Sigmas, and over the same frames, from which the pixels beside it belong to it."""


def remove_hits(electrons: Array, factor: Array, noise: Array, index: Indices) -> tuple[Array, Cosmics]:
    """Return the frames without cosmic rays, (m, P), and what stood in their pixels.

    A hit stands out of its neighbours in the frame, and much more so than anything there in frames of about as much
    emission. Lines as sharp as the instrument shows them are in those frames, too. It is replaced by a straight line
    between the pixels on either side.

    Args:
        electrons: dark-subtracted, (m, P).
        factor: emission of one pulse over detected electrons, (m,).
        noise: variance of a pixel of each frame without light, electrons squared, (m,).
        index: row of each frame in the dataset, (m,).
    """
    beside = np.maximum(median_filter(electrons, size=(1, WINDOW), mode="nearest"), 0.0)
    sigma = np.sqrt(beside + noise[:, None])
    excess = electrons - beside
    contrast = excess / np.maximum(beside, FLOOR * sigma)
    dull = np.maximum(beside.sum(axis=1), np.sqrt(noise))
    others = _others(contrast, dull * factor)
    hit = (excess > SIGMAS * sigma + SHARP * beside) & (contrast > (SHARPER + AGAIN * others) * others)
    near = (excess > SIDE * sigma) & (contrast > SHARPER_SIDE * others)
    for _ in range(2):
        hit |= near & (maximum_filter1d(hit.astype(np.uint8), 3, axis=1) > 0)
    clean = _replaced(electrons, hit)
    frame, pixel = np.nonzero(hit)
    return clean, Cosmics(index[frame], pixel, electrons[frame, pixel], clean[frame, pixel])


def _others(contrast: Array, emission: Array) -> Array:
    """Return the second largest contrast of like frames at each pixel or next to it, (m, P); never below 0."""
    order = np.argsort(emission)
    # A line may move by a pixel from frame to frame; one of the frames may have been hit as well.
    wide = maximum_filter1d(contrast[order], 3, axis=1)
    first, second = np.zeros_like(wide), np.zeros_like(wide)
    for away in range(1, LIKE + 1):
        for own, other in ((slice(away, None), slice(None, -away)), (slice(None, -away), slice(away, None))):
            seen = wide[other]
            second[own] = np.maximum(second[own], np.minimum(first[own], seen))
            first[own] = np.maximum(first[own], seen)
    found = np.empty_like(second)
    found[order] = second
    return found


def _replaced(electrons: Array, hit: Mask) -> Array:
    clean = electrons.copy()
    place = np.arange(electrons.shape[1])
    for k in np.flatnonzero(hit.any(axis=1)):
        sound = ~hit[k]
        clean[k, hit[k]] = np.interp(place[hit[k]], place[sound], electrons[k, sound])
    return clean
