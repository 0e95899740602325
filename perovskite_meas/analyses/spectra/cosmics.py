"""Cosmic rays: found as a mask, replaced for display only, and kept with what stood there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from .rows import Array, Frames, Indices, Mask

SIGMAS = 6.0
REACH = 5
"""Pixels over which a line may move from frame to frame, as a window."""
OTHERS = 4
ASIDE, LEFT = 3, 0.12
"""Pixels beside a hit, and what may be left there of its excess."""


@dataclass(frozen=True)
class Cosmics:
    """Pixels that were hit; undone by leaving the mask out."""

    row: Indices
    """In the dataset, (k,)."""
    pixel: Indices
    """(k,)."""
    found: Array
    """What stood there, in electrons, (k,)."""
    instead: Array
    """What was put in its place, in electrons, (k,)."""

    def undo(self, electrons: Array, rows: Indices) -> Array:
        """Return the frames as they were read; `rows` are their rows in the dataset."""
        back = electrons.copy()
        place = {int(row): k for k, row in enumerate(rows)}
        for row, pixel, value in zip(self.row, self.pixel, self.found, strict=True):
            if int(row) in place:
                back[place[int(row)], pixel] = value
        return back


def find_cosmics(electrons: Array, noise: float, frames: Frames) -> tuple[Mask, Array]:
    """Return which pixels were hit and what their neighbours in time show there, both (n, P).

    A frame is compared with those most like it (same analyser, nearest field and time), each widened by the reach
    of the line's wander; and a hit is sharper than any line, so that a line that moved is no cosmic ray.
    """
    wide = maximum_filter1d(electrons, REACH, axis=1)
    turned = np.nan_to_num(frames.analyser, nan=-1.0)
    when = np.argsort(np.argsort(frames.time)).astype(np.float64)
    hit = np.zeros(electrons.shape, dtype=bool)
    expected = electrons.copy()
    total = np.maximum(np.clip(electrons, 0, None).sum(axis=1), 1.0)
    for k in range(len(electrons)):
        apart = np.abs(frames.field - frames.field[k]) * 10 + 1e-3 * np.abs(when - when[k])
        apart = apart + 3.0 * (np.abs(turned - turned[k]) > 1.0)
        apart[k] = np.inf
        near = np.argsort(apart)[:OTHERS]
        if near.size < 2:
            continue
        scale = np.clip(total[k] / total[near], 0.3, 3.0)[:, None]
        reference = (wide[near] * scale).max(axis=0)
        plain = np.median(electrons[near] * scale, axis=0)
        sigma = np.sqrt(np.maximum(reference, 0.0) + noise)
        excess = electrons[k] - reference
        over = (excess > SIGMAS * sigma) & _sharp(excess, sigma)
        if over.any():
            grown = maximum_filter1d(over.astype(np.uint8), 3).astype(bool)
            hit[k] = grown
            expected[k] = np.where(grown, plain, electrons[k])
    return hit, expected


def _sharp(excess: Array, sigma: Array) -> Mask:
    """Return where an excess is gone three pixels away, as that of no line is that the instrument has widened."""
    padded = np.pad(excess, ASIDE)
    beside = np.maximum(padded[: -2 * ASIDE], padded[2 * ASIDE :])
    sharp: Mask = beside < LEFT * excess + sigma
    return sharp


def record(hit: Mask, electrons: Array, instead: Array, frames: Frames) -> Cosmics:
    """Return the list of hit pixels."""
    frame, pixel = np.nonzero(hit)
    return Cosmics(frames.index[frame], pixel, electrons[frame, pixel], instead[frame, pixel])
