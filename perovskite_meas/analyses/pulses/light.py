"""Emission per pulse: dark-subtracted spectra in electrons, the band they are summed over, and their noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from perovskite_meas.analyses.spectra.cosmics import Cosmics
from perovskite_meas.analyses.spectra.dark import Dark, read_dark
from perovskite_meas.analyses.spectra.rows import Frames
from perovskite_meas.analyses.spectra.setup import EV_NM
from perovskite_meas.analyses.spectra.setup import Setup as Camera
from perovskite_meas.core.errors import AnalysisRefused

from .hits import remove_hits
from .rows import Array, Indices, Mask, Rows
from .setup import Setup

SMOOTH = 9
EDGE = 0.1
"""Part of the highest smoothed emission at which its half extent is read."""
EXTENT = 1.6
"""Half extents that the band holds on either side."""
SEEN = 8.0
EQUAL_WIDTH = 0.66427
"""FWHM of a Gaussian over its participation width (INT I)^2/INT I^2."""


@dataclass(frozen=True)
class Light:
    """Frames of all exposures with light, m in all, within the band of b pixels."""

    row: Indices
    """Place in the rows that were given, (m,)."""
    pulse: Indices
    """Number of the pulse in its row; -1 where the frame holds all of them, (m,)."""
    electrons: Array
    """Dark-subtracted, as detected behind the filter, (m, b)."""
    variance: float
    """Of one pixel of one frame without light, electrons squared."""
    energy: Array
    """Of the band's pixels, meV, (b,)."""
    step: Array
    """Width of each pixel, meV, (b,)."""
    signal: Array
    """Electrons per pulse before the filter, (m,)."""
    noise: Array
    """Variance of the signal by shot and read noise, (m,)."""
    factor: Array
    """Signal over detected electrons, (m,)."""
    hits: Cosmics
    """Pixels of cosmic rays, which are replaced in `electrons`; in electrons of the summed frames."""

    def with_factors(self, change: Array) -> Light:
        """Return the same light with every frame's signal scaled."""
        return Light(
            self.row, self.pulse, self.electrons, self.variance, self.energy, self.step, self.signal * change,
            self.noise * change**2, self.factor * change, self.hits,
        )  # fmt: skip


def read_light(rows: Rows, setup: Setup, main: Sequence[str] = ("up", "down")) -> tuple[Light, list[str]]:
    """Return the emission of all rows with light, in the band of the series `main`.

    Raises:
        AnalysisRefused: no emission stands above the noise.
    """
    lit = np.flatnonzero(rows.series != "dark")
    dark, notes = _dark(rows, lit, setup)
    count = np.where(rows.paired[lit], np.minimum(rows.frames[lit], rows.shots[lit].astype(np.intp)), 1)
    row = np.repeat(lit, count)
    pulse = np.concatenate([np.arange(k) for k in count])
    electrons = (rows.spectra[row, pulse] - _level(dark, rows.exposure[row])) * setup.gain
    several = ~rows.paired[row] & (rows.frames[row] > 1)
    for k in np.flatnonzero(several):
        own = rows.spectra[row[k], : rows.frames[row[k]]]
        electrons[k] = (own.sum(axis=0) - len(own) * _level(dark, rows.exposure[row[k : k + 1]])[0]) * setup.gain
    frames_summed = np.where(several, rows.frames[row], 1)
    alone = rows.paired[row] | (setup.recording == "per shot")
    shots = np.where(alone, frames_summed, rows.shots[row]).astype(np.float64)
    factor = 1.0 / (rows.transmission[row] * shots)
    variance = dark.noise + dark.own
    electrons, hits = remove_hits(electrons, factor, variance * frames_summed, rows.index[row])
    if hits.row.size:
        notes = [*notes, f"cosmic rays were taken out of {hits.row.size} pixel(s) of {np.unique(hits.row).size} row(s)"]
    band = _band(rows, row, electrons, dark, main)
    axis = EV_NM * 1e3 / rows.wavelength[lit[0]]
    own = electrons[:, band]
    total = own.sum(axis=1)
    noise = np.clip(total, 0.0, None) + variance * own.shape[1] * frames_summed
    return Light(
        row, np.where(rows.paired[row], pulse, -1), own, variance, axis[band], np.abs(np.gradient(axis))[band],
        total * factor, noise * factor**2, factor, hits,
    ), notes  # fmt: skip


def width(electrons: Array, variance: Array, step: Array) -> tuple[Array, Array]:
    """Return the width of spectra (n, b) by their participation, as FWHM of an equal Gaussian in meV, and its 1-sigma.

    (INT I)^2/INT I^2 falls steadily from that of the pedestal to that of the line, needs no baseline and no maximum,
    and noise is subtracted; `variance` is that of each pixel, (n, b).
    """
    total = electrons.sum(axis=1)
    square = ((electrons**2 - variance) / step).sum(axis=1)
    square = np.maximum(square, 1e-3 * total**2 / step.sum())
    found = EQUAL_WIDTH * total**2 / square
    slope = 2.0 / np.maximum(total, 1e-9)[:, None] - 2.0 * electrons / step / square[:, None]
    sigma = found * np.sqrt((slope**2 * variance).sum(axis=1))
    return found, sigma


def _dark(rows: Rows, lit: Indices, setup: Setup) -> tuple[Dark, list[str]]:
    """Return the camera's level by the dark rows, as every analysis of spectra reads it."""
    places = [(int(k), j) for k in np.flatnonzero(rows.series == "dark") for j in range(rows.frames[k])]
    places += [(int(k), 0) for k in lit]
    row, frame = (np.array(part, dtype=np.intp) for part in zip(*places, strict=True))
    zero = np.zeros(row.size)
    frames = Frames(
        rows.index[row], np.where(rows.series[row] == "dark", "dark", "on"), rows.time[row], zero, zero, zero, zero,
        zero, rows.exposure[row], zero, zero, zero, rows.wavelength[row], zero, rows.spectra[row, frame],
    )  # fmt: skip
    camera = Camera(None, None, "", setup.length, 0.0, setup.gain, setup.read_noise, (), 0.0, None)
    return read_dark(frames, camera)


def _level(dark: Dark, exposure: Array) -> Array:
    nearest = np.abs(np.log(exposure[:, None] / dark.exposures[None])).argmin(axis=1)
    level: Array = dark.levels[nearest]
    return level


def _band(rows: Rows, row: Indices, electrons: Array, dark: Dark, main: Sequence[str]) -> Indices:
    """Return the pixels that hold the emission: its half extent by the dimmer half of the sweep, widened."""
    up = np.isin(rows.series[row], main)
    middle = np.median(rows.asked[row][up])
    found: Mask = np.zeros(electrons.shape[1], dtype=bool)
    for part in (up & (rows.asked[row] <= middle), up & (rows.asked[row] >= middle)):
        mean = electrons[part].sum(axis=0)
        smooth = uniform_filter1d(mean, SMOOTH, mode="nearest")
        top = int(smooth.argmax())
        sigma = np.sqrt((dark.noise * part.sum() + max(float(smooth[top]), 0.0)) / SMOOTH)
        if smooth[top] < SEEN * sigma:
            continue
        low = smooth < EDGE * smooth[top]
        left = np.flatnonzero(low[:top])
        right = np.flatnonzero(low[top:])
        first = top - int(left[-1]) if left.size else top
        last = int(right[0]) if right.size else low.size - top
        found[max(0, top - round(EXTENT * first)) : top + round(EXTENT * last) + 1] = True
    inside = np.flatnonzero(found)
    if not inside.size:
        raise AnalysisRefused("no emission stands above the noise of the camera: there is nothing to analyse")
    return np.arange(inside[0], inside[-1] + 1)
