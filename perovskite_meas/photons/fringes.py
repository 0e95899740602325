"""Fringes: their visibility from counts, by linear fits alone, and what visibilities of a laser tell of its pulses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UsageError

Floats = NDArray[np.float64]

_FEWEST_SWEEPS = 8
_STRETCHES = np.linspace(0.75, 1.25, 101)


@dataclass(frozen=True)
class Fringe:
    """Counts as offset + cosine cos(phase) + sine sin(phase), per point.

    Attributes:
        offset: mean counts per point, background included.
        cosine: counts per point.
        sine: counts per point.
        covariance: of offset, cosine, sine, by Poisson statistics, shape (3, 3).
        background: counts per point that show no fringes.
        chi2: misfit over degrees of freedom; 1 for Poisson noise alone.
    """

    offset: float
    cosine: float
    sine: float
    covariance: Floats
    background: float = 0.0
    chi2: float = 1.0

    def __repr__(self) -> str:
        shown = f"visibility={self.visibility:.4g}, sigma={self.sigma:.2g}, phase={self.phase:.4f}"
        return f"Fringe({shown}, offset={self.offset:.6g}, background={self.background:.4g}, chi2={self.chi2:.3f})"

    @property
    def amplitude(self) -> float:
        """Counts per point."""
        return math.hypot(self.cosine, self.sine)

    @property
    def phase(self) -> float:
        """Radians phi of offset + amplitude cos(phase + phi)."""
        return math.atan2(-self.sine, self.cosine)

    @property
    def visibility(self) -> float:
        """Amplitude over the offset without background; noise makes it too large, see `quadrature`."""
        light = self.offset - self.background
        return self.amplitude / light if light > 0 else 0.0

    @property
    def quadrature(self) -> float:
        """1-sigma of each of the two quadratures of the visibility; visibility^2 - 2 quadrature^2 is unbiased."""
        light = self.offset - self.background
        return math.sqrt((self.covariance[1, 1] + self.covariance[2, 2]) / 2) / light if light > 0 else math.inf

    @property
    def sigma(self) -> float:
        """1-sigma of the visibility by Poisson statistics; infinite where there is no light."""
        light, amplitude = self.offset - self.background, self.amplitude
        if light <= 0:
            return math.inf
        if not amplitude:
            return self.quadrature
        slope = np.array([-amplitude / light, self.cosine / amplitude, self.sine / amplitude]) / light
        return math.sqrt(float(slope @ self.covariance @ slope))


def fit_fringes(phase: Floats, counts: NDArray[np.generic], background: float = 0.0) -> Fringe:
    """Fit 1, cos and sin of known phases to counts: the maximum of the Poisson likelihood, by re-weighted linear fits.

    Averaging over a point of d radians lowers the visibility by sin(d/2)/(d/2); that is left in.

    Args:
        phase: radians, shape (points,).
        counts: shape (points,).
        background: counts per point that show no fringes.

    Raises:
        UsageError: fewer than four points, other shapes, phases that all are alike, or what is no count.
    """
    phase, values = np.asarray(phase, np.float64), np.asarray(counts, np.float64)
    if phase.ndim != 1 or values.shape != phase.shape or len(phase) < 4:
        raise UsageError(
            f"fringes are fitted to at least four points, one count per phase; got {phase.shape} phases and "
            f"{values.shape} counts"
        )
    if not (np.isfinite(phase).all() and np.isfinite(values).all() and (values >= 0).all()):
        raise UsageError(
            "fringes are fitted to finite phases and to counts of 0 or more, as their variance is their mean; "
            "hand in raw counts, and what is to be taken off as `background`"
        )
    design = _design(phase)
    mean = values.mean()
    if not mean > 0:
        return Fringe(0.0, 0.0, 0.0, np.zeros((3, 3)), background)
    expected = np.full_like(values, mean)
    found, covariance = np.zeros(3), np.zeros((3, 3))
    for _ in range(4):
        covariance, solver = _solver(design, expected)
        found = solver @ values
        expected = np.maximum(design @ found, mean / 50)
    chi2 = float(np.sum((values - design @ found) ** 2 / expected)) / (len(values) - 3)
    return Fringe(float(found[0]), float(found[1]), float(found[2]), covariance, background, chi2)


def sweeps_visibility(phase: Floats, counts: NDArray[np.generic], background: float = 0.0) -> tuple[float, float]:
    """Return the visibility of the sum of several sweeps, its upward bias taken off, and an honest 1-sigma.

    The sigma comes from leaving out one sweep after the other, so blinking and drift between sweeps are in it; by
    chance alone it never falls below that of Poisson statistics. Of fewer than eight sweeps it is the latter, widened
    by the misfit.

    Args:
        phase: radians, shape (points,).
        counts: shape (sweeps, points).
        background: counts per point and sweep that show no fringes.

    Returns:
        (visibility, sigma); (-1, -1) where there are too few photons to tell.
    """
    values = np.asarray(counts, np.float64)
    number, total = len(values), values.sum(axis=0)
    if total.sum() < 30 or total.mean() <= number * background:
        return -1.0, -1.0
    fringe = fit_fringes(phase, total, number * background)
    sigma = fringe.sigma * math.sqrt(max(1.0, fringe.chi2))
    if number >= _FEWEST_SWEEPS:
        design = _design(np.asarray(phase, np.float64))
        fitted = design @ np.array([fringe.offset, fringe.cosine, fringe.sine])
        solver = _solver(design, np.maximum(fitted, total.mean() / 50))[1]
        each = values @ solver.T
        without = each.sum(axis=0) - each
        light = without[:, 0] - (number - 1) * background
        if (light > 0).all():
            left = np.hypot(without[:, 1], without[:, 2]) / light
            seen = math.sqrt((number - 1) / number * float(np.sum((left - left.mean()) ** 2)))
            sigma = max(fringe.sigma, seen)
    return math.sqrt(max(0.0, fringe.visibility**2 - 2 * min(sigma, fringe.quadrature) ** 2)), sigma


def fringe_stretch(phase: Floats, counts: NDArray[np.generic]) -> float:
    """Return by what factor the phases must be multiplied to fit strong fringes best: 0.75 to 1.25.

    A fine axis without a sensor of its own moves by 10 % or more beside what it was told.

    Args:
        phase: radians, shape (points,).
        counts: shape (points,).
    """
    phase = np.asarray(phase, np.float64)
    values = np.asarray(counts, np.float64)
    middle = phase.mean()
    strength = [_explained(_design((phase - middle) * stretch), values) for stretch in _STRETCHES]
    best = int(np.argmax(strength))
    if not 0 < best < len(strength) - 1:
        return float(_STRETCHES[best])
    left, top, right = strength[best - 1 : best + 2]
    bend = left - 2 * top + right
    offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(_STRETCHES[best] + offset * (_STRETCHES[1] - _STRETCHES[0]))


class Overlap(NamedTuple):
    """Where two copies of a pulse overlap, and how long they are."""

    zero: float
    """Delay of the highest visibility, on the axis given, in ps."""
    zero_sigma: float
    width: float
    """Gaussian sigma of the visibility against delay, in ps."""
    width_sigma: float
    peak: float
    """Visibility at zero delay."""
    peak_sigma: float

    @property
    def duration(self) -> float:
        """Intensity FWHM of a transform-limited Gaussian pulse, in ps: width sqrt(2 ln 2)."""
        return self.width * math.sqrt(2 * math.log(2))


def pulse_overlap(delay: Floats, visibility: Floats, sigma: Floats) -> Overlap:
    """Fit a Gaussian to the visibilities of the laser itself: its field autocorrelation tells zero delay.

    Zero delay rests on symmetry alone; the width is that of the field, so of the pulse only where that has no chirp.
    Sigmas below their median are raised to it, since they are estimates themselves; those of the result grow with the
    misfit where it exceeds the noise.

    Args:
        delay: ps, shape (n,), n >= 4.
        visibility: shape (n,).
        sigma: of the visibilities, shape (n,).

    Raises:
        UsageError: fewer than four delays, or visibilities without a maximum inside them.
    """
    from scipy.optimize import least_squares

    delay, visibility, sigma = (np.asarray(array, np.float64) for array in (delay, visibility, sigma))
    if len(delay) < 4 or not np.ptp(delay) > 0:
        raise UsageError(f"zero delay is found from at least four delays; got {len(delay)}")
    weight = 1.0 / np.maximum(sigma, max(1e-4, float(np.median(sigma))))
    best = int(np.argmax(visibility))

    def misfit(free: Floats) -> Floats:
        model = free[2] * np.exp(-((delay - free[0]) ** 2) / (2 * free[1] ** 2))
        return np.asarray((model - visibility) * weight, np.float64)

    found = least_squares(misfit, np.array([delay[best], np.ptp(delay) / 4, max(visibility[best], 1e-3)]))
    zero, width, peak = (float(value) for value in found.x)
    inside = delay.min() <= zero <= delay.max()
    if not found.success or not inside or not 0 < peak < 2 or abs(width) > 2 * np.ptp(delay):
        raise UsageError(
            f"the visibilities at {delay.min():.4g} to {delay.max():.4g} ps have no maximum inside: zero delay lies "
            "elsewhere, or the light is no pulse"
        )
    excess = max(1.0, 2 * float(found.cost) / max(1, len(delay) - 3))
    slopes = np.asarray(found.jac, np.float64)
    spread = np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)) * excess)
    return Overlap(zero, float(spread[0]), abs(width), float(spread[1]), peak, float(spread[2]))


def _explained(design: Floats, values: Floats) -> float:
    """Return how much of the counts' sum of squares a fit explains."""
    return float(np.sum((np.linalg.qr(design)[0].T @ values) ** 2))


def _design(phase: Floats) -> Floats:
    return np.stack([np.ones_like(phase), np.cos(phase), np.sin(phase)], axis=1)


def _solver(design: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """Return covariance and the matrix that makes offset, cosine and sine of counts."""
    weighted = design.T / expected
    normal = weighted @ design
    if np.linalg.cond(normal) > 1e12:
        raise UsageError("the phases of the points are too much alike to fit fringes to them")
    covariance = np.asarray(np.linalg.inv(normal), np.float64)
    return covariance, np.asarray(covariance @ weighted, np.float64)
