"""The line focus: what fluence a pulse makes of its energy, and what knife edges and distance leave of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..noise import Floats

_CM = 1e-4
_EVEN = math.sqrt(math.pi / 2.0)
"""Width of an even profile over the waist of the Gaussian with the same energy and maximum."""


@dataclass(frozen=True)
class Spot:
    """An elliptical focus, Gaussian along the line, and across it Gaussian or partly even.

    Attributes:
        waist: 1/e^2 radius of the intensity along the line, um.
        waist_y: the same across it.
        even: share of the energy that is even across the line, with the maximum that the Gaussian would have.
    """

    waist: float
    waist_y: float
    even: float = 0.0

    @property
    def area(self) -> float:
        """Energy over peak fluence, cm^2: pi w_x w_y/2."""
        return math.pi * self.waist * self.waist_y * _CM**2 / 2.0

    def fluence(self, joules: Floats) -> Floats:
        """Return the peak fluence of pulses, J/cm^2, shape (n,)."""
        found: Floats = joules / self.area
        return found

    def overlap(self, dx: float, dy: float) -> float:
        """Return what falls on the middle of a focus that lies dx, dy (mm) beside this one, over its maximum."""
        along, across = math.exp(-2.0 * (1e3 * dx / self.waist) ** 2), 1e3 * abs(dy) / self.waist_y
        return along * self._mixed(math.exp(-2.0 * across**2), float(across < _EVEN / 2.0))

    def passes(self, into_x: float, into_y: float) -> float:
        """Return the share of the energy that passes knife edges that have gone so far beyond the middle, mm."""
        into = 1e3 * into_y / self.waist_y
        flat = min(max(0.5 - into / _EVEN, 0.0), 1.0)
        return _beyond(1e3 * into_x / self.waist) * self._mixed(_beyond(into), flat)

    def _mixed(self, gauss: float, flat: float) -> float:
        return (1.0 - self.even) * gauss + self.even * flat


def _beyond(waists: float) -> float:
    """Return the share of a Gaussian beam that lies beyond so many of its 1/e^2 radii."""
    return 0.5 * math.erfc(math.sqrt(2.0) * waists)
