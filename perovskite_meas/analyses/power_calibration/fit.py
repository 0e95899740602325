"""Fits with relative and absolute noise, and Malus' law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from perovskite_meas.core.value import Value

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Malus:
    """Malus behind a half-wave plate, a0 + a1 cos 4 theta + a2 sin 4 theta; powers in W, angles in deg."""

    coefficients: Array
    top: float
    bottom: float
    sigma_top: float
    sigma_bottom: float
    angle: float
    sigma_angle: float

    def at(self, angle: Array) -> Array:
        """Return the reading at these angles."""
        return _harmonics(angle) @ self.coefficients


def _harmonics(angle: Array) -> Array:
    turn = np.radians(4 * angle)
    return np.column_stack([np.ones(angle.size), np.cos(turn), np.sin(turn)])


def noisy_fit(design: Array, y: Array) -> tuple[Array, Array, Array]:
    """Fit y = design @ c with noise (s y)^2 + f^2, s and f by maximum likelihood; return c, covariance, sigma."""
    scale = float(np.abs(y).max())
    pilot = np.linalg.lstsq(design, y, rcond=None)[0]
    size = np.abs(design @ pilot)

    def weighted(log_noise: Array) -> tuple[Array, Array, Array]:
        variance = (math.exp(log_noise[0]) * size) ** 2 + (math.exp(log_noise[1]) * scale) ** 2
        root = 1 / np.sqrt(variance)
        best: Array = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0].astype(np.float64)
        return best, variance, y - design @ best

    def loss(log_noise: Array) -> float:
        _, variance, rest = weighted(np.clip(log_noise, -16, 0))
        return 0.5 * float((rest**2 / variance + np.log(variance / scale**2)).sum())

    found = minimize(loss, np.log([5e-3, 1e-4]), method="Nelder-Mead", options={"xatol": 0.02, "fatol": 1e-3})
    best, variance, _ = weighted(np.clip(found.x, -16, 0))
    inflation = y.size / max(y.size - design.shape[1], 1)
    covariance = np.linalg.inv((design / variance[:, None]).T @ design) * inflation
    return best, covariance, np.sqrt(variance)


def fit_malus(angle: Array, reading: Array) -> Malus:
    """Fit the readings of one head against the angle of the plate."""
    c, covariance, _ = noisy_fit(_harmonics(angle), reading)
    swing = math.hypot(c[1], c[2])
    toward = np.array([c[1], c[2]]) / swing
    up, down = np.array([1.0, *toward]), np.array([1.0, *-toward])
    across = np.array([0.0, -toward[1], toward[0]]) / swing
    return Malus(
        coefficients=c,
        top=float(c[0] + swing),
        bottom=float(c[0] - swing),
        sigma_top=math.sqrt(float(up @ covariance @ up)),
        sigma_bottom=math.sqrt(float(down @ covariance @ down)),
        angle=math.degrees(math.atan2(c[2], c[1])) / 4 % 90,
        sigma_angle=math.degrees(math.sqrt(float(across @ covariance @ across))) / 4,
    )


def extinction_of(curve: Malus, zero: Value) -> Value:
    """Return least over highest power, the head's zero removed."""
    top = curve.top - zero.nominal
    sigma = math.hypot(curve.sigma_bottom, zero.sigma) / top
    return Value((curve.bottom - zero.nominal) / top, max(sigma, 1e-12), "1")


def combined(one: Value, other: Value) -> Value:
    """Return the mean weighted by inverse variance."""
    a, b = one.sigma**-2, other.sigma**-2
    return Value((one.nominal * a + other.nominal * b) / (a + b), (a + b) ** -0.5, "1")
