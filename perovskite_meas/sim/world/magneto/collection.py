"""What an objective collects of a dipole's emission, with and without a linear analyser behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from perovskite_meas.core.errors import UsageError

from ..noise import Floats
from .levels import Complexes


@dataclass(frozen=True)
class View:
    """Axes of the laboratory in those of the crystal; unit vectors, shape (3,).

    Attributes:
        field: along which a positive field points.
        sight: from the sample to the objective.
        x: of the exit plane, analyser angle 0 (along the field when that lies in the sample plane).
        y: of the exit plane, analyser angle 90 deg; x, y, sight are right-handed.
    """

    field: Floats
    sight: Floats
    x: Floats
    y: Floats

    @classmethod
    def of(cls, polar: float, azimuth: float, field_angle: float, roll: float) -> View:
        """Make it from the field's direction in the crystal and the viewing direction; all in deg.

        Args:
            polar: of the field, from the crystal's z.
            azimuth: of the field, from the crystal's x.
            field_angle: between field and sight: 90 for Voigt, 0 for Faraday.
            roll: turns the sight about the field.
        """
        theta, phi, angle, turn = (math.radians(one) for one in (polar, azimuth, field_angle, roll))
        field = np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)])
        down = np.array([math.cos(theta) * math.cos(phi), math.cos(theta) * math.sin(phi), -math.sin(theta)])
        across = np.array([-math.sin(phi), math.cos(phi), 0.0])
        side = math.cos(turn) * down + math.sin(turn) * across
        sight = math.cos(angle) * field + math.sin(angle) * side
        x = math.sin(angle) * field - math.cos(angle) * side
        return cls(field, sight, x, np.cross(sight, x))


@dataclass(frozen=True)
class Collection:
    """An aplanatic objective, which turns each ray's polarisation into the exit plane, and an analyser behind it.

    Attributes:
        na: numerical aperture in vacuum, 0..1; 0 gives the limit of a small one (shares relative to f_xy).
        view: where it looks from.
        leak: what the analyser passes of the crossed polarisation.
    """

    na: float
    view: View
    leak: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.na <= 1.0:
            raise UsageError(f"a numerical aperture of {self.na} cannot be in vacuum: it lies between 0 and 1")

    @cached_property
    def factors(self) -> tuple[float, float]:
        """(f_xy, f_z): collected share of a dipole across and along the sight (PHYSICS 3.7a)."""
        c = math.sqrt(1.0 - self.na**2)
        if self.na == 0.0:
            return 1.0, 0.0
        f_xy = 0.375 * ((1.0 - c) + (1.0 - c**3) / 3.0)
        return f_xy, 0.75 * (2.0 / 3.0 - c + c**3 / 3.0)

    @cached_property
    def resolved(self) -> tuple[float, float, float]:
        """Share that passes an analyser of a dipole along it, across it, and along the sight.

        A ray at (theta, phi) brings v = theta^ cos(phi) - phi^ sin(phi) of the dipole to an analyser at 0; the share
        is the integral of (3/8 pi) v v^T over the cone.
        """
        c = math.sqrt(1.0 - self.na**2)
        if self.na == 0.0:
            return 1.0, 0.0, 0.0
        along = 0.09375 * (3.0 * (1.0 - c) + (1.0 - c**2) + (1.0 - c**3))
        return along, (1.0 - c) ** 3 / 32.0, self.factors[1] / 2.0

    def collected(self, dipole: Complexes) -> Floats:
        """Return the collected share of each dipole's power, without an analyser, shape (n,).

        Args:
            dipole: crystal axes, shape (n, 3); power is 1 for length 1.
        """
        f_xy, f_z = self.factors
        along = np.abs(dipole @ self.view.sight) ** 2
        found: Floats = f_xy * (np.sum(np.abs(dipole) ** 2, axis=1) - along) + f_z * along
        return found

    def analysed(self, dipole: Complexes, analyser: float, rotation: float = 0.0) -> Floats:
        """Return the share of each dipole's power that passes a linear analyser, shape (n,).

        Args:
            dipole: crystal axes, shape (n, 3).
            analyser: deg, from the exit plane's x towards y.
            rotation: by which the optics have turned the emission's plane (Faraday effect), deg.
        """
        angle = math.radians(analyser - rotation)
        parallel = math.cos(angle) * self.view.x + math.sin(angle) * self.view.y
        crossed = math.cos(angle) * self.view.y - math.sin(angle) * self.view.x
        p, q, z = (np.abs(dipole @ axis) ** 2 for axis in (parallel, crossed, self.view.sight))
        along, across, sight = self.resolved
        passed = along * p + across * q + sight * z
        stopped = along * q + across * p + sight * z
        found: Floats = (1.0 - self.leak) * passed + self.leak * stopped
        return found

    def shares(self, dipole: Complexes, analyser: float | None = None, rotation: float = 0.0) -> Floats:
        """Return the share of each line's photons that passes, shape (n,): what weights `Rates.yields`.

        Args:
            dipole: crystal axes, shape (n, 3).
            analyser: deg; None for no analyser.
            rotation: as for `analysed`.
        """
        power = np.sum(np.abs(dipole) ** 2, axis=1)
        seen = self.collected(dipole) if analyser is None else self.analysed(dipole, analyser, rotation)
        found: Floats = seen / np.where(power > 0.0, power, 1.0)
        return found
