"""The dark level of the camera, and the noise that frames have without light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from .rows import Array, Frames
from .setup import Setup

SMOOTH = 101
PATTERN = 1.3
"""Variance of the mean dark frame over that of its noise from which pixels differ."""


@dataclass(frozen=True)
class Dark:
    """What the camera reads without light, by exposure."""

    exposures: Array
    """In s, (k,)."""
    levels: Array
    """In counts, (k, P)."""
    noise: float
    """Variance of one pixel of one frame, in electrons squared."""
    own: float
    """Variance of the level itself, in electrons squared."""
    measured: bool

    def of(self, frames: Frames) -> Array:
        """Return the level of each frame, in counts, (n, P)."""
        nearest = np.abs(np.log(frames.exposure[:, None] / self.exposures[None])).argmin(axis=1)
        levels: Array = self.levels[nearest]
        return levels


def read_dark(frames: Frames, setup: Setup) -> tuple[Dark, list[str]]:
    """Return the dark level: pixel by pixel where pixels differ, else smooth, which adds no noise."""
    dark, lit = frames.of("dark"), frames.of("on", "polar", "check")
    if not len(dark):
        level = np.percentile(lit.spectrum, 10, axis=1)
        floor = np.full((1, lit.spectrum.shape[1]), float(np.median(level)))
        note = "no dark rows: the camera's level is taken from the darkest pixels"
        return Dark(np.array([float(np.median(lit.exposure))]), floor, setup.read_noise**2, 0.0, False), [note]
    exposures = np.unique(np.round(dark.exposure, 3))
    levels, spread, own = [], [], 0.0
    for seconds in exposures:
        stack = dark.spectrum[np.round(dark.exposure, 3) == seconds] * setup.gain
        middle = np.median(stack, axis=0) if len(stack) > 2 else stack.min(axis=0)
        smooth = uniform_filter1d(middle, min(SMOOTH, middle.size | 1), mode="nearest")
        left = stack - smooth
        noise = float((np.median(np.abs(left - np.median(left))) * 1.4826) ** 2)
        sound = np.where(np.abs(left) < 6 * np.sqrt(noise), stack, smooth)
        mean = sound.mean(axis=0)
        smooth = uniform_filter1d(mean, min(SMOOTH, mean.size | 1), mode="nearest")
        between = float((np.median(np.abs(mean - smooth)) * 1.4826) ** 2)
        if len(stack) > 1:
            noise = float(np.median(sound.var(axis=0, ddof=1))) * _median_of_variance(len(stack))
        pattern = len(stack) > 1 and between > PATTERN * noise / len(stack)
        levels.append((mean if pattern else smooth) / setup.gain)
        own = max(own, noise / len(stack) if pattern else 0.0)
        spread.append(noise)
    notes = []
    taken = np.unique(np.round(lit.exposure, 3))
    if not np.isin(taken, exposures).all():
        notes.append("no dark rows of the exposure of the spectra: the nearest exposure's are used")
    noise = max(float(np.median(spread)), 0.25 * setup.read_noise**2, 0.1)
    return Dark(exposures, np.array(levels), noise, own, True), notes


def _median_of_variance(n: int) -> float:
    """Return mean over median of the variance of n normal numbers."""
    k = n - 1
    return 1.0 / (1.0 - 2.0 / (9.0 * k)) ** 3
