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
ASIDE = 3
"""Pixels from the middle of a hit to where there is nothing of it."""
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
    total = electrons.sum(axis=1)
    sharp = _sharp(electrons, noise)
    total[sharp] = median_filter(electrons[sharp], size=(1, WINDOW), mode="nearest").sum(axis=1)
    order = np.argsort(np.maximum(total, np.sqrt(noise)) * factor)
    # Frames with something sharp, and those that they are compared with; few where nothing lases.
    wanted = maximum_filter1d(sharp[order].astype(np.uint8), 2 * LIKE + 1) > 0
    some = order[wanted]
    clean, hit = electrons.copy(), np.zeros(electrons.shape, dtype=bool)
    if some.size:
        hit[some] = _hits(electrons[some], noise[some])
        clean[some] = _replaced(electrons[some], hit[some])
    frame, pixel = np.nonzero(hit)
    return clean, Cosmics(index[frame], pixel, electrons[frame, pixel], clean[frame, pixel])


def _sharp(electrons: Array, noise: Array) -> Mask:
    """Return which frames (m,) may hold a hit: brighter than what is three pixels away on either side."""
    beside = np.maximum(np.maximum(electrons[:, : -2 * ASIDE], electrons[:, 2 * ASIDE :]), 0.0)
    limit = SIGMAS * np.sqrt(beside + noise[:, None]) + SHARP * beside
    found: Mask = np.asarray((electrons[:, ASIDE:-ASIDE] - beside > limit).any(axis=1))
    return found


def _hits(electrons: Array, noise: Array) -> Mask:
    """Return the pixels of hits in frames in the order of their emission, (k, P)."""
    beside = np.maximum(median_filter(electrons, size=(1, WINDOW), mode="nearest"), 0.0)
    sigma = np.sqrt(beside + noise[:, None])
    excess = electrons - beside
    contrast = excess / np.maximum(beside, FLOOR * sigma)
    others = _others(contrast)
    hit: Mask = (excess > SIGMAS * sigma + SHARP * beside) & (contrast > (SHARPER + AGAIN * others) * others)
    near = (excess > SIDE * sigma) & (contrast > SHARPER_SIDE * others)
    for _ in range(2):
        hit |= near & (maximum_filter1d(hit.astype(np.uint8), 3, axis=1) > 0)
    return hit


def _others(contrast: Array) -> Array:
    """Return the second largest contrast of the next frames at each pixel or beside it, (k, P); never below 0."""
    # A line may move by a pixel from frame to frame; one of the frames may have been hit as well.
    wide = maximum_filter1d(contrast, 3, axis=1)
    first, second = np.zeros_like(wide), np.zeros_like(wide)
    for away in range(1, LIKE + 1):
        for own, other in ((slice(away, None), slice(None, -away)), (slice(None, -away), slice(away, None))):
            seen = wide[other]
            second[own] = np.maximum(second[own], np.minimum(first[own], seen))
            first[own] = np.maximum(first[own], seen)
    return second


def _replaced(electrons: Array, hit: Mask) -> Array:
    clean = electrons.copy()
    place = np.arange(electrons.shape[1])
    for k in np.flatnonzero(hit.any(axis=1)):
        sound = ~hit[k]
        clean[k, hit[k]] = np.interp(place[hit[k]], place[sound], electrons[k, sound])
    return clean
