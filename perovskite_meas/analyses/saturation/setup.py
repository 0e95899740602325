"""The stated facts of the bench that turn watts into mean excitations, and those into GM."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perovskite_meas.core.analysis import condition, fact
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

if TYPE_CHECKING:
    import xarray as xr

PLANCK_TIMES_C = 1.98644586e-16
"""h c, in J nm."""
GOEPPERT_MAYER = 1e-50
"""cm^4 s per photon."""
SHAPE_FACTOR = {"gauss": 0.66428, "sech2": 0.58758, "rect": 1.0}
"""g2 = tau * INT s(t)^2 dt for a pulse s of unit area and intensity FWHM tau."""
KAPPA = {"absorbed_photons": 0.5, "excitations": 1.0}
"""Excitations per unit that the cross-section counts; Xu and Webb, JOSA B 13, 481 (1996)."""


@dataclass(frozen=True)
class Setup:
    """Pulse, spot, power calibration, counter and expectations of one run."""

    repetition_rate: float
    """Hz."""
    duration: Value
    """Intensity FWHM at the sample, in fs."""
    shape: str
    """'gauss', 'sech2' or 'rect'."""
    wavelength: float
    """nm."""
    energy_spread: float
    """Relative rms of the pulse energy; 0 where not stated."""
    waist: Value
    """1/e^2 intensity radius, in nm."""
    centring: float
    """Rms radial distance of the emitter from where it is taken to be, in nm."""
    ratio: Value
    """Power at the sample over power on the head."""
    zero: Value
    """Reading of the head in darkness, in W, as known beforehand."""
    leak: Value | None
    """Power on the head with the attenuator at its minimum, in W; None where not stated."""
    dead_time: Value | None
    """Of the counter, in ns."""
    lifetime: Value | None
    """Of the single exciton, in ns."""
    biexciton_ratio: Value | None
    """Prior for Q_BX/Q_X."""
    convention: str
    """'absorbed_photons' or 'excitations'."""
    offset: float = 0.0
    """Known distance of the emitter from the beam axis, in nm; 0 unless the run centred it."""

    @classmethod
    def of(cls, data: xr.Dataset) -> Setup:
        """Read the conditions stored with the data.

        Raises:
            AnalysisRefused: a needed condition is missing, or a word is unknown.
        """
        shape = _word(data, "pulse.shape", "gauss", SHAPE_FACTOR)
        ratio = condition(data, "power_at_sample.ratio", "1")
        centring = optional(data, "spot.centring", "nm")
        spread = optional(data, "pulse.energy_spread", "1")
        setup = cls(
            repetition_rate=condition(data, "pulse.repetition_rate", "Hz").nominal,
            duration=condition(data, "pulse.duration", "fs"),
            shape=shape,
            wavelength=condition(data, "pulse.wavelength", "nm").nominal,
            energy_spread=spread.nominal if spread else 0.0,
            waist=condition(data, "spot.waist", "nm"),
            centring=centring.nominal if centring else 0.0,
            ratio=ratio,
            zero=optional(data, "power_at_sample.zero", "W") or Value(0.0, 0.0, "W"),
            leak=_leak(data, ratio),
            dead_time=optional(data, "counter.dead_time", "ns"),
            lifetime=optional(data, "sample.expect.lifetime", "ns"),
            biexciton_ratio=optional(data, "sample.expect.biexciton_ratio", "1"),
            convention=_word(data, "sample.two_photon_convention", "absorbed_photons", KAPPA),
        )
        for name, value in (
            ("pulse.repetition_rate", setup.repetition_rate),
            ("pulse.duration", setup.duration.nominal),
            ("spot.waist", setup.waist.nominal),
            ("power_at_sample.ratio", ratio.nominal),
        ):
            if not value > 0:
                raise AnalysisRefused(f"{name} is {value:g} in the bench; it must be positive")
        return setup

    @property
    def period(self) -> float:
        """Time between pulses, in ns."""
        return 1e9 / self.repetition_rate

    @property
    def survival(self) -> float:
        """Probability that an exciton outlives the period; 0 where the lifetime is not stated."""
        return math.exp(-self.period / self.lifetime.nominal) if self.lifetime else 0.0

    @property
    def fluence_per_watt(self) -> float:
        """Peak fluence on the axis per pulse and watt at the sample, J/cm^2/W: F0 = 2 E/(pi w^2)."""
        waist_cm = self.waist.nominal * 1e-7
        return 2.0 / (math.pi * waist_cm**2 * self.repetition_rate)

    @property
    def photon_energy(self) -> float:
        """J."""
        return PLANCK_TIMES_C / self.wavelength

    def centring_factor(self) -> tuple[float, float]:
        """Return mean and rms of exp(-4 r^2/w^2) over the emitter's unknown place in the beam.

        Two equal Gaussian coordinates of rms radius `centring` about a place at the distance `offset`.
        """
        t, known = (self.centring / self.waist.nominal) ** 2, (self.offset / self.waist.nominal) ** 2
        mean, square = (math.exp(-a * known / (1.0 + a * t)) / (1.0 + a * t) for a in (4.0, 8.0))
        return mean, math.sqrt(max(0.0, square - mean**2))

    def cross_section(self, alpha: float) -> float:
        """Return sigma2 in GM from alpha = <N>/P^2 in 1/W^2.

        <N> = kappa sigma2 g2 F^2/tau with F in photons/cm^2 at the emitter.
        """
        photons_per_watt = self.fluence_per_watt / self.photon_energy
        per_fluence = alpha / (photons_per_watt**2 * self.centring_factor()[0])
        tau = self.duration.nominal * 1e-15
        return per_fluence * tau / (KAPPA[self.convention] * SHAPE_FACTOR[self.shape]) / GOEPPERT_MAYER

    def alpha(self, cross_section: float) -> float:
        """Return <N>/P^2 in 1/W^2 for a cross-section in GM; the inverse of `cross_section`."""
        return cross_section / self.cross_section(1.0)

    def saturation_fluence(self, alpha: float) -> float:
        """Return the fluence at the emitter where <N> = 1, in J/cm^2."""
        return self.fluence_per_watt * math.sqrt(self.centring_factor()[0] / alpha)


def optional(data: xr.Dataset, dotted: str, unit: str) -> Value | None:
    """Return a condition as a Value in `unit`, or None where the bench does not state it."""
    return None if fact(data, dotted) is None else condition(data, dotted, unit)


def _leak(data: xr.Dataset, ratio: Value) -> Value | None:
    extinction = optional(data, "power_at_sample.extinction", "1")
    maximum = optional(data, "power_at_sample.maximum", "W")
    if extinction is None or maximum is None:
        return None
    scale = maximum.nominal / ratio.nominal
    return Value(extinction.nominal * scale, extinction.sigma * scale, "W")


def _word(data: xr.Dataset, dotted: str, default: str, known: dict[str, float]) -> str:
    word = str(fact(data, dotted, default))
    if word not in known:
        raise AnalysisRefused(f"{dotted} is {word!r} in the bench; known are {', '.join(known)}")
    return word
