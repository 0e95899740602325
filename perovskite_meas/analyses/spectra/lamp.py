"""The axis of wavelengths, refined by the lines of a lamp, and the width that the instrument gives to a line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .dark import Dark
from .rows import Array, Frames
from .setup import Setup

SEARCH = 0.2
"""nm within which a line of the lamp is looked for."""
SHARE = 0.45
"""Of the distance to the next line that it may reach at most."""
HALF = 8
"""Pixels on either side of a line that enter its fit."""
CLEAR = 15.0
"""Sigmas from which a line is seen."""
ODD_WIDTH = 0.35
"""Relative deviation from the other lines' width by which a line is none."""
ODD_PLACE = 0.2
"""Pixels by which a line may lie beside its place on the common axis."""
STEADY = 0.02
"""Wavelength in pixels to which the fit of a line is trusted at best."""


@dataclass(frozen=True)
class Axis:
    """Corrections of the nominal axis: lambda + offset(t) + stretch (lambda - centre)."""

    time: Array
    """Of the lamp frames, in s, (k,)."""
    offset: Array
    """At the centre, in nm, (k,)."""
    centre: float
    """nm."""
    stretch: float
    """Relative error of the dispersion that was corrected."""
    stretch_sigma: float
    """Relative 1-sigma of the dispersion after it."""
    offset_sigma: float
    """nm."""
    lines: int
    """Different lines of the lamp that were seen."""
    psf: float | None
    """Gaussian rms of a narrow line with its pixels, in nm; None without lamp."""
    drift: float
    """Largest move of the axis between two lamp frames, in nm."""

    def of(self, frames: Frames) -> Array:
        """Return the corrected wavelength in vacuum of each frame, in nm, (n, P)."""
        offset = np.interp(frames.time, self.time, self.offset) if self.time.size else np.zeros(len(frames))
        corrected: Array = frames.wavelength + offset[:, None] + self.stretch * (frames.wavelength - self.centre)
        return corrected


def read_axis(frames: Frames, dark: Dark, setup: Setup, centre: float) -> tuple[Axis, list[str]]:
    """Return the corrections by the lamp; none where there is no lamp."""
    lamp = frames.of("lamp")
    found = _lines(lamp, dark, setup)
    names = sorted({line for _, line, *_ in found})
    if not found:
        empty = np.zeros(0)
        why = "no line of the lamp was found in the lamp rows" if len(lamp) else "no lamp rows"
        note = f"{why}: the axis of energies is the bench's, its drift unknown"
        return Axis(empty, empty, centre, 0.0, setup.dispersion, 0.02, 0, None, 0.0), [note]
    pixel = float(np.median(np.abs(np.diff(lamp.wavelength, axis=1))))
    table = np.array(found)
    table = table[np.abs(table[:, 4] / np.median(table[:, 4]) - 1.0) < ODD_WIDTH]
    stretch, doubt, notes = 0.0, setup.dispersion, []
    while True:
        frame, known, seen, sigma, width = table.T
        times, which = np.unique(lamp.time[frame.astype(int)], return_inverse=True)
        weight = sigma**-2
        if len(names) > 1 and table.shape[0] > times.size + 1:
            design = np.zeros((seen.size, times.size + 1))
            design[np.arange(seen.size), which] = 1.0
            design[:, -1] = seen - centre
        else:
            design = np.eye(times.size)[which]
        covariance = np.linalg.pinv(design.T @ (design * weight[:, None]))
        solved = covariance @ (design.T @ (weight * (known - seen)))
        left = np.abs(known - seen - design @ solved)
        if left.max() < max(ODD_PLACE * pixel, 8.0 * float(np.median(left))):
            break
        table = np.delete(table, int(left.argmax()), axis=0)  # a cosmic ray sat on that line
    covariance *= max(1.0, float((weight * left**2).sum()) / max(1, seen.size - design.shape[1]))
    offset = solved[: times.size]
    error = math.sqrt(float(np.mean(np.diag(covariance)[: times.size])))
    number = len(names) if design.shape[1] > times.size else 1
    if number > 1:
        stretch, doubt = float(solved[-1]), math.sqrt(float(covariance[-1, -1]))
    else:
        notes.append("one line of the lamp only: it corrects the offset of the axis, not its dispersion")
    drift = float(np.abs(np.diff(offset)).max()) if times.size > 1 else 0.0
    if drift > 0.1 * pixel:
        notes.append(f"the axis moved by up to {drift / pixel:.2f} pixels between two lamp frames")
    return Axis(times, offset, centre, stretch, doubt, error, number, float(np.median(width)), drift), notes


def _lines(lamp: Frames, dark: Dark, setup: Setup) -> list[tuple[int, float, float, float, float]]:
    """Return (frame, known, seen, sigma, width) of each line of each frame, in nm."""
    found: list[tuple[int, float, float, float, float]] = []
    if not len(lamp):
        return found
    electrons = (lamp.spectrum - dark.of(lamp)) * setup.gain
    for k in range(len(lamp)):
        axis = lamp.wavelength[k]
        for line, reach in zip(setup.lines, _reach(setup.lines), strict=True):
            near = np.abs(axis - line) < reach
            if near.sum() < 5 or near[0] or near[-1]:
                continue
            top = int(np.flatnonzero(near)[electrons[k][near].argmax()])
            if top in np.flatnonzero(near)[[0, -1]] or electrons[k, top] < CLEAR * math.sqrt(
                dark.noise + abs(electrons[k, top])
            ):
                continue
            low, high = max(0, top - HALF), min(axis.size, top + HALF + 1)
            one = _gaussian(axis[low:high], electrons[k, low:high], dark.noise)
            if one is not None and abs(one[0] - axis[top]) < 3 * abs(axis[1] - axis[0]):
                found.append((k, line, *one))
    return found


def _reach(lines: Sequence[float]) -> list[float]:
    """Return how far from each line it is looked for, in nm: not as far as its neighbours."""
    gaps = np.diff(np.asarray(lines, np.float64), prepend=-np.inf, append=np.inf)
    return [float(min(SEARCH, SHARE * min(low, high))) for low, high in itertools.pairwise(gaps)]


def _gaussian(axis: Array, counts: Array, noise: float) -> tuple[float, float, float] | None:
    """Return centre, its sigma and rms width of one line, by weighted Gauss-Newton steps; None if it is none."""
    pixel = float(np.abs(np.diff(axis)).mean())
    x = (axis - axis[counts.argmax()]) / pixel
    centre, width = 0.0, 1.3
    amplitude, floor = float(counts.max() - np.median(counts)), float(np.median(counts))
    covariance = np.zeros((4, 4))
    for _ in range(25):
        u = (x - centre) / width
        shape = np.exp(-0.5 * u**2)
        model = amplitude * shape + floor
        weight = 1.0 / (np.maximum(model, 0) + noise)
        jacobian = np.stack([shape, amplitude * shape * u / width, amplitude * shape * u**2 / width, np.ones_like(x)])
        covariance = np.linalg.pinv((jacobian * weight) @ jacobian.T)
        step = covariance @ (jacobian @ (weight * (counts - model)))
        step[1:3] = np.clip(step[1:3], -0.5, 0.5)
        amplitude, centre, width, floor = (v + s for v, s in zip((amplitude, centre, width, floor), step, strict=True))
        width = min(max(width, 0.3), 6.0)
        if abs(step[1]) < 1e-4 and abs(step[2]) < 1e-4:
            break
    if not (amplitude > 0 and abs(centre) < HALF):
        return None
    origin = float(axis[counts.argmax()])
    direction = math.copysign(pixel, axis[-1] - axis[0])
    blur = math.hypot(math.sqrt(max(float(covariance[1, 1]), 0.0)), STEADY) * pixel
    return origin + centre * abs(direction), blur, abs(width) * pixel
