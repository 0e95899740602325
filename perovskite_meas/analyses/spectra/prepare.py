"""From rows as read to frames in electrons on an axis of energy, cut to the emission."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from perovskite_meas.core.errors import AnalysisRefused

from .cosmics import Cosmics, find_cosmics, record
from .dark import read_dark
from .lamp import Axis, read_axis
from .rows import EMISSION, Array, Frames, Mask, at_full_scale
from .setup import EV_NM, Setup

BELOW, ABOVE = 9.0, 4.0
"""meV around the emission that are kept."""
SEEN = 6.0
"""Sigmas of the summed spectrum from which there is emission."""


@dataclass(frozen=True)
class Spectra:
    """Frames of the emission, n of P pixels, and how they came about."""

    frames: Frames
    energy: Array
    """From the reference, in meV, (n, P)."""
    electrons: Array
    """Dark subtracted, cosmic rays replaced, (n, P)."""
    floor: float
    """Variance of a pixel without light, in electrons squared."""
    good: Mask
    """Pixels that no cosmic ray hit, (n, P)."""
    reference: float
    """Energy that counts as 0, in meV."""
    axis: Axis
    cosmics: Cosmics
    start: int
    """First pixel of the cut."""
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def psf(self) -> float | None:
        """Gaussian rms of the instrument with its pixels, in meV."""
        return None if self.axis.psf is None else self.axis.psf * self.reference**2 / (EV_NM * 1e3)

    @property
    def pixel(self) -> float:
        """Width of a pixel, in meV."""
        return float(np.median(np.abs(np.diff(self.energy, axis=1))))

    def only(self, keep: Mask) -> Spectra:
        """Return the selected frames."""
        return replace(
            self, frames=self.frames.only(keep), energy=self.energy[keep], electrons=self.electrons[keep],
            good=self.good[keep],
        )  # fmt: skip


def prepare(frames: Frames, setup: Setup) -> Spectra:
    """Return the frames of the emission.

    Raises:
        AnalysisRefused: no emission stands above the noise.
    """
    dark, notes = read_dark(frames, setup)
    lit = frames.of(*EMISSION)
    raw = (lit.spectrum - dark.of(lit)) * setup.gain
    hit, electrons = find_cosmics(raw, dark.noise, lit)
    hit |= at_full_scale(lit.spectrum, lit.full)
    centre = _centre(electrons, lit, dark.noise)
    axis, more = read_axis(frames, dark, setup, centre)
    energy = EV_NM * 1e3 / axis.of(lit)
    reference = float(EV_NM * 1e3 / (centre + float(np.mean(axis.offset)) if axis.offset.size else centre))
    inside = np.flatnonzero(
        (energy > reference - BELOW).all(axis=0) & (energy < reference + ABOVE).all(axis=0)
    )  # fmt: skip
    if inside.size < 20:
        raise AnalysisRefused(f"only {inside.size} pixels lie around the emission at {reference / 1e3:.4f} eV")
    cut = slice(int(inside[0]), int(inside[-1]) + 1)
    found = record(hit, raw, electrons, lit)
    if found.row.size:
        notes.append(
            f"{found.row.size} pixel(s) in {np.unique(found.row).size} frame(s) were hit by cosmic rays and do not "
            "count"
        )
    return Spectra(
        lit, energy[:, cut] - reference, electrons[:, cut], dark.noise + dark.own, ~hit[:, cut], reference, axis,
        found, cut.start, (*notes, *more),
    )  # fmt: skip


def _centre(electrons: Array, frames: Frames, noise: float) -> float:
    """Return the wavelength of the emission by the centroid of the summed spectrum's top, in nm."""
    low = np.abs(frames.field) <= np.abs(frames.field).min() + 0.3
    total = electrons[low].sum(axis=0)
    smooth = uniform_filter1d(total, 5)
    base = float(np.median(smooth))
    top = int(smooth.argmax())
    sigma = np.sqrt((noise * low.sum() + max(base, 0.0)) / 5)
    if smooth[top] - base < SEEN * sigma:
        raise AnalysisRefused(
            f"no emission stands above the noise at the lowest field ({frames.field[low][0]:.3g} T): the brightest "
            f"pixel is {max((smooth[top] - base) / sigma, 0):.1f} sigma above the median"
        )
    near = np.abs(np.arange(total.size) - top) <= 60
    weight = np.where(near & (smooth - base > 0.3 * (smooth[top] - base)), smooth - base, 0.0)
    axis = np.median(frames.wavelength[low], axis=0)
    return float((weight * axis).sum() / weight.sum())
