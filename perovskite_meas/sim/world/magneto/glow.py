"""What an excited nanocrystal sends through the analyser: lines and decay at one field and temperature."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..noise import Floats
from .collection import Collection, View
from .config import MagnetoConfig
from .kinetics import Decay, Rates
from .levels import Exciton, Levels, Trion
from .sections import Sample

_KEPT = 256
_TESLA, _KELVIN, _DEGREE = 1e-5, 2e-3, 1e-2
"""Conditions closer than this share their lines."""


class Lines(NamedTuple):
    """The lines as they come through the analyser."""

    energies: Floats
    """meV from `sample.energy`, shape (4,)."""
    shares: Floats
    """Counts in each line over those of all lines without field, shape (4,); the mean over analyser angles is 1."""
    total: float
    """Their sum."""
    decay: Decay
    """Of all lines together."""


class Glow:
    """The sample of the world file, as far as its lines are concerned.

    Args:
        config: the world file.
    """

    def __init__(self, config: MagnetoConfig) -> None:
        sample, optics = config.sample, config.optics
        self.system = system(sample)
        self.rates = Rates(
            bright_lifetime=sample.bright_lifetime,
            dark_lifetime=sample.dark_lifetime,
            phonon_rate=sample.phonon_rate,
            two_phonon_rate=sample.optical_phonon_rate,
            lo_energy=sample.optical_phonon,
        )
        self.view = View.of(sample.field_polar, sample.field_azimuth, optics.field_angle, sample.view_roll)
        self.collection = Collection(optics.na, self.view)
        self._verdet, self._base = optics.faraday_rotation, config.cryostat.temperature
        self._kept: dict[tuple[int, int, int], Lines] = {}
        self._solved: dict[tuple[int, int], tuple[Levels, Floats]] = {}
        levels, yields = self._photons(0.0, self._base)
        self._unit = float(np.mean([yields @ self.collection.shares(levels.dipole, angle) for angle in (0.0, 90.0)]))

    def levels(self, tesla: float) -> Levels:
        """Return energies and dipoles at this field (T, along the coil)."""
        return self.system.solve(tesla * self.view.field)

    def lines(self, tesla: float, kelvin: float, analyser: float) -> Lines:
        """Return the lines at this field (T), temperature (K) and angle of the analyser (deg)."""
        key = (round(tesla / _TESLA), round(kelvin / _KELVIN), round(analyser / _DEGREE))
        if key not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = self._lines(*key)
        return self._kept[key]

    def unresolved(self) -> Lines:
        """Return the lines without field and analyser, at the base temperature; shares add up to 1."""
        levels, yields = self._photons(0.0, self._base)
        shares = [self.collection.shares(levels.dipole, angle) for angle in (0.0, 90.0)]
        weights: Floats = np.mean(shares, axis=0) / self._unit
        return self._weighted(levels, yields, weights, self._base)

    def _lines(self, tesla: int, kelvin: int, analyser: int) -> Lines:
        field, warm = tesla * _TESLA, kelvin * _KELVIN
        levels, yields = self._photons(field, warm)
        weights = self.collection.shares(levels.dipole, analyser * _DEGREE, self._verdet * field) / self._unit
        return self._weighted(levels, yields, weights, warm)

    def _weighted(self, levels: Levels, yields: Floats, weights: Floats, kelvin: float) -> Lines:
        shares = yields * weights
        return Lines(levels.energy, shares, float(np.sum(shares)), self.rates.decay(levels, kelvin, weights))

    def _photons(self, tesla: float, kelvin: float) -> tuple[Levels, Floats]:
        key = (round(tesla / _TESLA), round(kelvin / _KELVIN))
        if key not in self._solved:
            if len(self._solved) >= _KEPT:
                self._solved.clear()
            levels = self.levels(tesla)
            self._solved[key] = levels, self.rates.yields(levels, kelvin)
        return self._solved[key]


def system(sample: Sample) -> Exciton | Trion:
    """Return the sample's electron and hole; energies in meV from `sample.energy`."""
    electron = (sample.g_electron_x, sample.g_electron_y, sample.g_electron_z)
    hole = (sample.g_hole_x, sample.g_hole_y, sample.g_hole_z)
    if sample.kind == "trion":
        return Trion(0.0, electron, hole, sample.diamagnetic)
    bright = (sample.bright_x, sample.bright_y, sample.bright_z)
    return Exciton(0.0, sample.dark, bright, electron, hole, sample.diamagnetic)
