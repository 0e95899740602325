"""Faraday rotation of the glass, on a laser of known polarisation."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.analyses.spectra.dark import read_dark
from perovskite_meas.analyses.spectra.rows import Array, Frames
from perovskite_meas.analyses.spectra.setup import Setup
from perovskite_meas.core.value import Value

HALF = 0.15
"""nm around the laser that are summed."""
FEWEST = 5
STEEPEST = 20.0
"""deg/T."""


def faraday_rotation(frames: Frames, setup: Setup) -> tuple[Value | None, str]:
    """Return the rotation of the emission in deg/T, once through the glass, and why there is none."""
    own = frames.of("faraday")
    if not len(own):
        return None, ""
    turned, field = own.analyser, own.field * setup.coil.nominal
    known = np.isfinite(turned)
    if known.sum() < FEWEST or np.ptp(field[known]) < 0.5 or np.unique(np.round(turned[known])).size < 2:
        return None, "Faraday rotation: needs laser rows at two fields and two angles of the analyser at least"
    dark, _ = read_dark(frames, setup)
    light, noise = _light(own, dark.of(own), setup, dark.noise)
    angle, power, sigma = np.radians(turned[known]), light[known], noise[known]
    tesla = field[known]

    def misfit(rotation: float) -> float:
        phase = 2 * (angle - math.radians(rotation) * tesla)
        design = np.stack([np.ones_like(phase), np.cos(phase), np.sin(phase)], axis=1) / sigma[:, None]
        solved, *_ = np.linalg.lstsq(design, power / sigma, rcond=None)
        return float(((power / sigma - design @ solved) ** 2).sum())

    reach = min(STEEPEST, 80.0 / float(np.abs(tesla).max()))
    grid = np.linspace(-reach, reach, 161)
    chi = np.array([misfit(rotation) for rotation in grid])
    k = int(np.clip(chi.argmin(), 1, grid.size - 2))
    step = grid[1] - grid[0]
    fine = np.linspace(grid[k - 1], grid[k + 1], 41)
    near = np.array([misfit(rotation) for rotation in fine])
    best = float(fine[near.argmin()])
    h = 0.25 * step
    bend = (misfit(best + h) - 2 * misfit(best) + misfit(best - h)) / h**2
    if not bend > 0:
        return None, "Faraday rotation: the laser rows do not determine it"
    best -= (misfit(best + h) - misfit(best - h)) / (2 * h) / bend
    excess = max(1.0, misfit(best) / max(1, int(known.sum()) - 4))
    passes = max(setup.passes, 1.0)
    statistical = math.sqrt(2 * excess / bend) / passes
    return Value.combine(best / passes, statistical, abs(best) / passes * setup.coil.relative, "deg/T"), ""


def _light(frames: Frames, dark: Array, setup: Setup, noise: float) -> tuple[Array, Array]:
    """Return the light of the laser and its 1-sigma, in electrons, (n,)."""
    electrons = (frames.spectrum - dark) * setup.gain
    centre = setup.reference
    if centre is None or not (frames.wavelength.min() < centre < frames.wavelength.max()):
        place = np.median(electrons, axis=0).argmax()
        centre = float(np.median(frames.wavelength[:, place]))
    inside = np.abs(frames.wavelength - centre) < HALF
    beside = (np.abs(frames.wavelength - centre) < 4 * HALF) & ~inside
    level = np.array([np.median(row[side]) for row, side in zip(electrons, beside, strict=True)])
    light = np.where(inside, electrons - level[:, None], 0.0).sum(axis=1)
    sigma = np.sqrt(np.maximum(light, 0.0) + noise * inside.sum(axis=1) + 25.0)
    return light, np.hypot(sigma, 0.01 * float(np.abs(light).max()))
