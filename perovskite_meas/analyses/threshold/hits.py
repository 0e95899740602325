"""Cosmic rays in frames of pulses: sharp, and in no other frame like it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from perovskite_meas.analyses.spectra.cosmics import Cosmics

from .rows import Array, Indices, Mask

WINDOW = 9
"""Pixels whose median a hit stands out of."""
SIGMAS = 6.0
SHARP = 0.25
"""Part of that median by which it must stand out: less than it matters in no sum."""
LIKE = 12
"""Frames of the nearest emission that a candidate is compared with: a laser's modes come again, however they jump."""
AROUND, GAP = 16, 3
"""Pixels on either side by which frames are scaled to each other, and how many next to the candidate are left out."""
BRIGHTER = 1.6
"""Over the brightest of those frames at this place, from which a candidate is a hit."""
PASSES = 2


def remove_hits(electrons: Array, factor: Array, noise: Array, index: Indices) -> tuple[Array, Cosmics]:
    """Return the frames without cosmic rays, (m, P), and what stood in their pixels.

    A hit stands out of its neighbours in the frame, and is brighter than every frame of about as much emission is
    there, once that is scaled to the frame's own light beside it. Lines as sharp as the instrument shows them are in
    those frames, too. What it is replaced by is their median.

    Args:
        electrons: dark-subtracted, (m, P).
        factor: emission of one pulse over detected electrons, (m,).
        noise: variance of a pixel of each frame without light, electrons squared, (m,).
        index: row of each frame in the dataset, (m,).
    """
    clean = electrons.copy()
    hit = np.zeros(electrons.shape, dtype=bool)
    logs = _emission(electrons, factor, noise)
    for _ in range(PASSES):
        beside = median_filter(clean, size=(1, WINDOW), mode="nearest")
        sigma = np.sqrt(np.maximum(beside, 0.0) + noise[:, None])
        found = np.zeros_like(hit)
        out = clean - beside > SIGMAS * sigma + SHARP * np.maximum(beside, 0.0)
        for k in np.flatnonzero(out.any(axis=1)):
            away = np.abs(logs - logs[k])
            away[k] = np.inf
            like = np.argsort(away, kind="stable")[:LIKE]
            for pixel in np.flatnonzero(out[k]):
                _judge(clean, int(k), int(pixel), like, float(sigma[k, pixel]), found)
        if not found.any():
            break
        hit |= found
        clean = _replaced(clean, found, logs, sigma)
    frame, pixel = np.nonzero(hit)
    return clean, Cosmics(index[frame], pixel, electrons[frame, pixel], clean[frame, pixel])


def _emission(electrons: Array, factor: Array, noise: Array) -> Array:
    """Return ln of the emission of one pulse by what no sharp thing moves, (m,)."""
    dull = np.maximum(median_filter(electrons, size=(1, WINDOW), mode="nearest").sum(axis=1), np.sqrt(noise))
    found: Array = np.log(dull * factor)
    return found


def _judge(frames: Array, k: int, pixel: int, like: Indices, sigma: float, found: Mask) -> None:
    """Mark the pixels of a hit about one candidate."""
    scaled, first = _scaled(frames, k, pixel, like, sigma)
    if not len(scaled):
        return
    own = frames[k, first : first + scaled.shape[1]]
    at = pixel - first
    # A line may move by a pixel from frame to frame.
    brightest = float(scaled[:, max(at - 1, 0) : at + 2].max())
    if own[at] <= BRIGHTER * max(brightest, 0.0) + SIGMAS * sigma:
        return
    expected = np.median(scaled, axis=0)
    for near in range(max(at - 2, 0), min(at + 3, own.size)):
        if near == at or own[near] > 1.3 * max(expected[near], 0.0) + 3.0 * sigma:
            found[k, first + near] = True


def _scaled(frames: Array, k: int, pixel: int, like: Indices, sigma: float) -> tuple[Array, int]:
    """Return the like frames about a pixel, scaled to frame k by their light beside it, and their first pixel."""
    first, last = max(pixel - AROUND, 0), min(pixel + AROUND + 1, frames.shape[1])
    aside = np.abs(np.arange(first, last) - pixel) > GAP
    own, others = frames[k, first:last], frames[like, first:last]
    light = others[:, aside].sum(axis=1)
    floor = 3.0 * sigma * np.sqrt(aside.sum())
    scale = (np.median(own[aside]) * aside.sum() + floor) / (np.maximum(light, 0.0) + floor)
    scaled: Array = others * scale[:, None]
    return scaled, first


def _replaced(frames: Array, found: Mask, logs: Array, sigma: Array) -> Array:
    clean = frames.copy()
    for k in np.flatnonzero(found.any(axis=1)):
        away = np.abs(logs - logs[k])
        away[k] = np.inf
        like = np.argsort(away, kind="stable")[:LIKE]
        for pixel in np.flatnonzero(found[k]):
            scaled, first = _scaled(frames, int(k), int(pixel), like, float(sigma[k, pixel]))
            clean[k, pixel] = float(np.median(scaled[:, pixel - first]))
    return clean
