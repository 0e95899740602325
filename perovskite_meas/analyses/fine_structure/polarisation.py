"""Linear polarisation of each line from its light against the angle of the analyser."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.core.value import Value

FEWEST = 3
"""Different angles between 0 and 180 deg."""
SCATTER = 0.05
"""Relative error of the light at one angle by blinking that the frames did not average."""


@dataclass(frozen=True)
class Polarised:
    """I(angle) = mean (1 + degree cos 2(angle - direction))."""

    mean: float
    degree: Value
    direction: Value
    """0 to 180 deg."""

    def law(self, degrees: Array) -> Array:
        """Return the light at angles in deg."""
        turned = np.radians(degrees - self.direction.nominal)
        light: Array = self.mean * (1 + self.degree.nominal * np.cos(2 * turned))
        return light


def polarised(degrees: Array, light: Array, sigma: Array, accuracy: float) -> Polarised | None:
    """Return the polarisation of one line; None for fewer than three angles, or a line without light.

    Args:
        degrees: of the analyser, (k,).
        light: at each angle, (k,).
        sigma: its 1-sigma.
        accuracy: 1-sigma of the analyser's angle in deg.
    """
    if np.unique(np.round(degrees % 180.0)).size < FEWEST:
        return None
    noise = np.hypot(np.maximum(sigma, 1e-9), SCATTER * np.abs(light))
    turned = 2 * np.radians(degrees)
    design = np.stack([np.ones_like(turned), np.cos(turned), np.sin(turned)], axis=1)
    normal = design.T @ (design / noise[:, None] ** 2)
    covariance = np.linalg.pinv(normal)
    mean, even, odd = covariance @ (design.T @ (light / noise**2))
    left = light - design @ np.array([mean, even, odd])
    excess = max(1.0, float(((left / noise) ** 2).sum()) / max(1, degrees.size - 3))
    covariance = covariance * excess
    if not mean > 3 * math.sqrt(covariance[0, 0]):
        return None
    size = math.hypot(even, odd)
    unit = np.array([0.0, even, odd]) / max(size, 1e-12)
    across = np.array([0.0, -odd, even]) / max(size, 1e-12)
    spread = math.sqrt(float(unit @ covariance @ unit))
    degree = size / mean
    direction = 0.5 * math.degrees(math.atan2(odd, even)) % 180.0
    blur = 0.5 * math.degrees(math.sqrt(float(across @ covariance @ across)) / max(size, 1e-12))
    return Polarised(
        float(mean), Value(degree, spread / mean, "1"),
        Value.combine(direction, min(blur, 52.0), accuracy, "deg"),
    )  # fmt: skip
