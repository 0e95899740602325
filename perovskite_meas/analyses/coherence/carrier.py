"""The common fringe frequency and the true travel of the fine axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .rows import FEWEST_POINTS, Array, Bursts, Rows
from .setup import Setup

SCAN = np.linspace(0.7, 1.35, 131)
"""How far beside its stated value a fringe frequency is looked for."""
FEWEST_REFERENCE = 1000
"""Photons of the reference laser in all below which its fringes tell nothing."""


@dataclass(frozen=True)
class Carrier:
    """Phase against recorded travel: phi = 2 pi (x + x(linearised))/period."""

    period: Value
    """Optical period of the emission on the recorded axis of the fine delay, in fs."""
    bend: tuple[float, float]
    """Parabola and cubic of the true travel, relative to the half of the recorded one."""
    reach: float
    """Half of the recorded travel, in fs."""
    middle: float
    """Of the recorded travel, in fs."""
    source: str
    """'reference' or 'emission': what the shape of the travel was taken from."""
    scale: Value | None
    """True over recorded travel by the reference laser; None without."""

    def phase(self, fine: Array, period: float | None = None) -> Array:
        """Return the phase in rad at recorded fine delays in fs, for another optical period if given."""
        return 2 * math.pi / (period or self.period.nominal) * self.true(fine)

    def true(self, fine: Array) -> Array:
        """Return the fine delay with the shape of the travel corrected, in fs."""
        return _bent(fine, self.bend, self.reach, self.middle)


def _bent(fine: Array, bend: tuple[float, float], reach: float, middle: float) -> Array:
    xi = (fine - middle) / reach
    return reach * (xi + bend[0] * (xi**2 - 1 / 3) + bend[1] * (xi**3 - 0.6 * xi))


@dataclass(frozen=True)
class _Fringes:
    """Folded counts in which to look for one frequency."""

    fine: Array
    """fs, (n, J)."""
    counts: Array
    """(n, J)."""

    def residuals(self, frequency: float, bend: tuple[float, float], reach: float, middle: float) -> Array:
        """Return what a sine of this frequency (rad/fs) leaves of each burst, in sigma; (n, J)."""
        phase = frequency * _bent(self.fine, bend, reach, middle)
        design = np.stack([np.ones_like(phase), np.cos(phase), np.sin(phase)], axis=-1)
        sigma = np.sqrt(np.maximum(self.counts.mean(axis=1, keepdims=True), 1.0))
        y = self.counts / sigma
        solved = np.linalg.solve(
            np.einsum("nja,njb->nab", design, design) + 1e-9 * np.eye(3), np.einsum("nja,nj->na", design, y)[..., None]
        )[..., 0]
        left: Array = y - np.einsum("nja,na->nj", design, solved)
        return left


def find_carrier(rows: Rows, setup: Setup) -> Carrier:
    """Return the carrier of a scan: the shape from the reference laser, the frequency from all bright bursts.

    Raises:
        AnalysisRefused: there are fewer than three points per fringe, or less than one fringe.
    """
    bright = rows.bright
    middle = float(np.mean([bright.fine.min(), bright.fine.max()]))
    reach = 0.5 * float(np.ptp(bright.fine))
    if not reach > 0:
        raise AnalysisRefused("the fine axis does not move: there are no fringes to fit")
    own = _strongest(bright)
    laser = rows.every.of("reference")
    bend, scale, source = (0.0, 0.0), None, "emission"
    if len(laser) and setup.reference and laser.monitor.sum() > FEWEST_REFERENCE:
        fringes = _Fringes(laser.fine, laser.monitor.sum(axis=1))
        frequency, bend, sigma = _fit(fringes, 2 * math.pi / setup.reference, reach, middle, shape=True)
        scale = Value(frequency * setup.reference / (2 * math.pi), sigma * setup.reference / (2 * math.pi), "1")
        source = "reference"
    stated = None if setup.period is None else setup.period.nominal / (1.0 if scale is None else scale.nominal)
    begin = 2 * math.pi / stated if stated else _unknown(own, reach, middle)
    frequency, bend, sigma = _fit(
        own, begin, reach, middle, shape=source == "emission", bend=bend, near=scale is not None
    )
    period = 2 * math.pi / frequency
    _check(bright, period, reach)
    return Carrier(Value(period, period * sigma / frequency, "fs"), bend, reach, middle, source, scale)


def _strongest(bright: Bursts) -> _Fringes:
    """Return the folded counts of the bursts at the shortest delays, where fringes are strong."""
    order = np.argsort(np.abs(bright.delay), kind="stable")
    keep = order[: max(8, len(order) // 2)]
    return _Fringes(bright.fine[keep], bright.counts[keep].sum(axis=1))


def _unknown(fringes: _Fringes, reach: float, middle: float) -> float:
    """Return the frequency that fits best where none is stated: one fringe up to four points each."""
    points = fringes.fine.shape[1]
    tried = math.pi * np.arange(1.0, points / 4, 0.1) / reach
    return float(tried[int(np.argmin([_left(fringes, float(w), reach, middle) for w in tried]))])


def _left(fringes: _Fringes, frequency: float, reach: float, middle: float) -> float:
    return float(np.sum(fringes.residuals(frequency, (0.0, 0.0), reach, middle) ** 2))


def _fit(
    fringes: _Fringes, begin: float, reach: float, middle: float, *, shape: bool,
    bend: tuple[float, float] = (0.0, 0.0), near: bool = False,
) -> tuple[float, tuple[float, float], float]:  # fmt: skip
    """Return frequency (rad/fs), bend and sigma of the frequency."""
    tried = begin * (np.array([1.0]) if near else SCAN)
    best = float(tried[int(np.argmin([_left(fringes, float(w), reach, middle) for w in tried]))])

    def misfit(free: Array) -> Array:
        bent = (float(free[1]), float(free[2])) if shape else bend
        held = free[1:] / 0.1 if shape else np.empty(0)  # no actuator bends by a tenth over some fringes
        return np.concatenate([fringes.residuals(best * (1 + free[0]), bent, reach, middle).ravel(), held])

    found = least_squares(misfit, np.zeros(3 if shape else 1), x_scale=1e-2)
    free = np.asarray(found.x, np.float64)
    excess = max(1.0, 2 * float(found.cost) / max(1, fringes.counts.size - 3 * len(fringes.counts)))
    slopes = np.asarray(found.jac, np.float64)
    known = np.linalg.pinv(slopes.T @ slopes)
    # phases walk within a sweep: bursts then differ by more than their photons tell
    pulled = (slopes * np.asarray(found.fun, np.float64)[:, None])[: fringes.counts.size]
    pulled = pulled.reshape(*fringes.counts.shape, -1).sum(axis=1)
    robust = known @ (pulled.T @ pulled) @ known * len(pulled) / max(1, len(pulled) - 1)
    sigma = math.sqrt(max(float(known[0, 0]) * excess, float(robust[0, 0])))
    return best * (1 + float(free[0])), (float(free[1]), float(free[2])) if shape else bend, best * sigma


def _check(bright: Bursts, period: float, reach: float) -> None:
    fringes = 2 * reach / period
    points = bright.fine.shape[1] / max(fringes, 1e-9)
    if points < FEWEST_POINTS:
        raise AnalysisRefused(
            f"{points:.2g} points per fringe (at least {FEWEST_POINTS:g} are needed): only (max-min)/(max+min) could "
            "be formed from these, which noise makes too large; take more points"
        )
    if fringes < 0.9:
        raise AnalysisRefused(f"the fine axis spans {fringes:.2g} fringes; at least one is needed, four are better")
