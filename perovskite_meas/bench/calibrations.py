"""Dated, ranged calibrations that carry their sigma and refuse to be asked beyond their range."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..core.delay_scale import DelayScale
from ..core.errors import CalibrationError
from ..core.units import show

Measured = tuple[float, float]
"""A value and its 1-sigma, in one unit."""


@dataclass(frozen=True)
class Calibration:
    """What every calibration states."""

    name: str
    """Its key in the bench file."""
    source: str
    """File and line where it is written."""
    date: dt.date
    """Day on which it was measured."""
    max_age: float | None
    """Days after which it may not be used any more; None where not stated."""
    text: str = field(repr=False)
    """The text of its own file; '' where it is written in the bench file."""

    def age(self, today: dt.date) -> int:
        """Return the age in days."""
        return (today - self.date).days


@dataclass(frozen=True)
class MalusCalibration(Calibration):
    """A half-wave plate before a polariser: P = P_max [e + (1 - e) cos^2(2(theta - theta_max))].

    Malus' law with the polarisation turning at twice the angle of the plate; e is the extinction. P is a power in W
    or the energy of a pulse in J, as its `unit` says.
    """

    maximum: float
    """Highest P at the sample."""
    angle_of_maximum: float
    """Angle of the mount at the highest P, in deg."""
    extinction: float
    """Lowest over highest P."""
    range: tuple[float, float]
    """P at the sample between which it was measured."""
    sigma: float
    """Relative 1-sigma of a P that was set."""
    unit: ClassVar[str]
    advice: ClassVar[str]

    @property
    def angle_of_minimum(self) -> float:
        """Angle of the mount at the least P, in deg: the far end of the branch that is used."""
        return self.angle_of_maximum + 45.0

    def angle_for(self, level: float) -> float:
        """Return the angle in deg for a P at the sample, on the branch that falls with the angle.

        Raises:
            CalibrationError: P is outside the calibrated range.
        """
        self.check_range(level)
        share = (level / self.maximum - self.extinction) / (1 - self.extinction)
        cosine = math.sqrt(min(1.0, max(0.0, share)))
        return self.angle_of_maximum + math.degrees(math.acos(cosine)) / 2

    def check_range(self, level: float) -> None:
        """Refuse a P that was never calibrated.

        Raises:
            CalibrationError: naming value, range, source, date and what to do.
        """
        low, high = self.range
        if not low * (1 - 1e-9) <= level <= high * (1 + 1e-9):
            raise CalibrationError(
                f"{show(level, self.unit)} at the sample is outside {show(low, self.unit)} .. {show(high, self.unit)}, "
                f"the range of calibration {self.name!r} ({self.source}, {self.date.isoformat()}); {self.advice}"
            )

    def _level_at(self, degrees: float) -> float:
        cosine = math.cos(math.radians(2 * (degrees - self.angle_of_maximum)))
        return self.maximum * (self.extinction + (1 - self.extinction) * cosine**2)


class AttenuatorCalibration(MalusCalibration):
    """A half-wave plate before a polariser, in W of average power."""

    unit = "W"
    advice = "ask for a power inside or run PowerCalibration over a wider range"

    def power_at(self, degrees: float) -> float:
        """Return the power at the sample, in W, with the mount at `degrees`."""
        return self._level_at(degrees)


@dataclass(frozen=True)
class PowerAtSample(Calibration):
    """How the reading of a power head tells the power at the sample."""

    ratio: Measured
    """Power at the sample over reading of the head."""
    range: tuple[float, float]
    """Powers at the sample between which it was measured, in W."""
    zero: Measured
    """Reading of the head without light, in W."""
    extinction: Measured | None
    """Lowest over highest power of the attenuator."""
    maximum: float | None
    """Highest power at the sample, in W."""
    wavelength: float | None
    """Wavelength in nm."""
    head: str
    """Which head, in the lab's own words."""

    def power(self, head: float) -> float:
        """Return the power at the sample, in W, for a reading of the head in W."""
        return (head - self.zero[0]) * self.ratio[0]

    def reading(self, watt: float) -> float:
        """Return what the head shows, in W, at a power at the sample in W."""
        return watt / self.ratio[0] + self.zero[0]


@dataclass(frozen=True)
class PulseCalibration(Calibration):
    """The pulses at the sample."""

    repetition_rate: Measured
    """Pulses per second, in Hz."""
    duration: Measured
    """Full width at half maximum of the intensity, in fs."""
    shape: str
    """'gauss', 'sech2' or 'rect'."""
    wavelength: float
    """Wavelength in nm."""
    energy_spread: float | None = None
    """Relative rms of the energy from pulse to pulse."""


@dataclass(frozen=True)
class SpotCalibration(Calibration):
    """The focus on the sample."""

    waist: Measured
    """1/e^2 radius of the intensity, in nm."""
    centring: float | None
    """Root-mean-square distance of the emitter from the beam axis, in nm."""
    waist_y: Measured | None = None
    """The same across the first axis, in nm, where the focus is elliptical; None where it is round."""
    profile: str = "gauss"
    """'gauss', or 'top_hat': even within an ellipse whose half axes are the waists."""

    @property
    def peak_per_energy(self) -> float:
        """Fluence at the centre per energy of a pulse, in 1/cm^2: 2/(pi w_x w_y), half of it for a top-hat."""
        across = (self.waist if self.waist_y is None else self.waist_y)[0]
        return (2 if self.profile == "gauss" else 1) / (math.pi * self.waist[0] * across * 1e-14)

    def facts(self) -> dict[str, Any]:
        """Return what it adds to the conditions of a run; the profile where one is stated, or two waists."""
        found: dict[str, Any] = {"waist": quantity(self.waist, "nm")}
        if self.waist_y is not None:
            found["waist_y"] = quantity(self.waist_y, "nm")
        if self.waist_y is not None or self.profile != "gauss":
            found["profile"] = self.profile
        return found | ({} if self.centring is None else {"centring": quantity((self.centring, 0.0), "nm")})


@dataclass(frozen=True)
class TimingCalibration(Calibration):
    """The timing response of both detectors to reference light at the emission colour."""

    bin: float
    """ps per bin of `a` and `b`."""
    a: tuple[float, ...]
    """Photons on detector a by delay from the sync."""
    b: tuple[float, ...]
    """Likewise on detector b."""
    zero_lag: Measured
    """Lag t_b - t_a of simultaneous photons, in ps."""
    wavelength: float | None
    """Colour of the reference light, in nm; a detector's response shifts with the colour."""

    def facts(self) -> dict[str, Any]:
        """Return what it adds to the conditions of a run."""
        found = {
            "bin": quantity((self.bin, 0.0), "ps"),
            "a": list(self.a),
            "b": list(self.b),
            "zero": quantity(self.zero_lag, "ps"),
            "date": self.date.isoformat(),
        }
        return found | ({} if self.wavelength is None else {"wavelength": quantity((self.wavelength, 0.0), "nm")})


@dataclass(frozen=True)
class DelayCalibration(Calibration):
    """Where a delay line has its zero, and what its travel is worth."""

    zero: Measured
    """Position of the coarse axis at equal paths, the fine axis in the middle of its range; in mm."""
    scale: DelayScale
    """What one mm of the mirror is worth."""
    fine_scale: Measured
    """um of mirror travel per unit of the fine axis; negative where it goes the other way."""
    fine_unit: str
    """Unit of the fine axis: 'um' or 'V'."""

    def position(self, delay: float) -> float:
        """Return the position of the coarse axis, in mm, for a delay in ps with the fine axis in the middle."""
        return self.zero[0] + self.scale.travel(delay)

    def delay(self, coarse: float, fine: float = 0.0) -> float:
        """Return the delay in ps for a position of the coarse axis in mm and fine mirror travel in um."""
        return self.scale.delay(coarse - self.zero[0]) + self.scale.delay(fine) * 1e-3

    def facts(self) -> dict[str, Any]:
        """Return what it adds to the conditions of a run."""
        return {
            "passes": self.scale.passes,
            "air_index": self.scale.air_index,
            "sense": self.scale.sense,
            "ps_per_mm": quantity((self.scale.per_length, 0.0), "ps/mm"),
            "zero": quantity(self.zero, "mm"),
            "fine_scale": quantity(self.fine_scale, f"um/{self.fine_unit}"),
            "date": self.date.isoformat(),
        }


def quantity(measured: Measured, unit: str) -> dict[str, Any]:
    """Return a quantity as the conditions of a run hold it."""
    return {"value": measured[0], "sigma": measured[1], "unit": unit}
