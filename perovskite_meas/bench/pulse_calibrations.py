"""Calibrations of single laser pulses: attenuator and heads in J, and how the emission is collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .calibrations import Calibration, MalusCalibration, Measured, quantity


class EnergyCalibration(MalusCalibration):
    """A half-wave plate before a polariser, in J of one pulse at the sample."""

    unit = "J"
    advice = "ask for an energy (or fluence) inside, or measure it over a wider range and state that here"

    def energy_at(self, degrees: float) -> float:
        """Return the energy of a pulse at the sample, in J, with the mount at `degrees`."""
        return self._level_at(degrees)


@dataclass(frozen=True)
class EnergyAtSample(Calibration):
    """How the reading of an energy head tells the energy of a pulse at the sample."""

    ratio: Measured
    """Energy at the sample over reading of the head."""
    zero: Measured
    """Reading of the head at no energy, in J."""
    wavelength: float | None
    """Wavelength in nm."""
    head: str
    """Which head, in the lab's own words."""

    def energy(self, head: float) -> float:
        """Return the energy of a pulse at the sample, in J, for a reading of the head in J."""
        return (head - self.zero[0]) * self.ratio[0]

    def reading(self, joule: float) -> float:
        """Return what the head shows, in J, of a pulse of so many J at the sample."""
        return joule / self.ratio[0] + self.zero[0]

    def facts(self) -> dict[str, Any]:
        """Return what it adds to the conditions of a run."""
        found: dict[str, Any] = {"ratio": quantity(self.ratio, "1"), "zero": quantity(self.zero, "J")}
        return found | ({"head": self.head} if self.head else {}) | {"date": self.date.isoformat()}


@dataclass(frozen=True)
class CollectionCalibration(Calibration):
    """How the emission of a film is collected, as stated by the lab."""

    geometry: str
    """'edge', 'surface', or the lab's own words."""
    na: float | None
    """Numerical aperture with which the emission is collected."""
    filter: str
    """What keeps the pump out, in the lab's own words."""
    length: Measured | None
    """Length of the pumped stripe, in mm; None where it is not known."""

    def facts(self) -> dict[str, Any]:
        """Return what it adds to the conditions of a run."""
        found: dict[str, Any] = {"geometry": self.geometry, "date": self.date.isoformat()}
        found |= {} if self.na is None else {"na": self.na}
        found |= {"filter": self.filter} if self.filter else {}
        return found | ({} if self.length is None else {"length": quantity(self.length, "mm")})
