"""Limits of the light on the sample, each with the line that set it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from ..core.units import show
from .calibrations import PulseCalibration, SpotCalibration

UNITS = {
    "average_power": "W",
    "peak_irradiance": "W/cm^2",
    "fluence": "J/cm^2",
    "pulse_energy": "J",
    "count_rate": "cps",
    "dose": "J/cm^2",
}
NEEDS = {"peak_irradiance": ("spot", "pulse"), "fluence": ("spot", "pulse"), "dose": ("spot",)}
"""Calibrations without which a limit cannot be watched."""

_ADVICE = {
    "average_power": "ask for less power",
    "peak_irradiance": "ask for less power or a longer pulse",
    "fluence": "ask for less power",
    "pulse_energy": "ask for less energy",
    "count_rate": "ask for less power, or look for room light on the detector",
    "dose": "ask for fewer or shorter exposures, or less power",
}
_PEAK_OVER_MEAN = {
    "gauss": 2 * math.sqrt(math.log(2) / math.pi),  # 0.939437
    "sech2": math.log(1 + math.sqrt(2)),  # 0.881374
    "rect": 1.0,
}
"""Peak of a pulse of unit area and unit full width at half maximum."""


@dataclass(frozen=True)
class Limit:
    """One limit and who set it."""

    name: str
    value: float
    """In the unit of `UNITS`."""
    source: str
    """File and line."""

    def breach(self, value: float, where: str = "") -> str:
        """Say that `value` breaks this limit, who set it and what to do."""
        unit = UNITS[self.name]
        return (
            f"{self.name.replace('_', ' ')} {show(value, unit)}{where} exceeds the limit of {show(self.value, unit)} "
            f"(limits.{self.name}, {self.source}); {_ADVICE[self.name]}, or change the limit there"
        )


@dataclass(frozen=True)
class Limits:
    """All limits of a bench; None where not stated."""

    average_power: Limit | None = None
    peak_irradiance: Limit | None = None
    fluence: Limit | None = None
    pulse_energy: Limit | None = None
    count_rate: Limit | None = None
    dose: Limit | None = None

    def __iter__(self) -> Iterator[Limit]:
        for declared in fields(self):
            limit = getattr(self, declared.name)
            if limit is not None:
                yield limit


class Beam:
    """Turns average power, or the energy of a pulse, at the sample into what the centre of the spot sees.

    Peak fluence of a Gaussian focus F0 = 2E/(pi w_x w_y), w the 1/e^2 radii of the intensity (of a round one both are
    the same), half of it where the spot is even; peak irradiance F0 c/tau, tau the intensity FWHM, c = 0.9394 (Gauss),
    0.8814 (sech^2), 1 (rect).
    """

    def __init__(self, spot: SpotCalibration | None, pulse: PulseCalibration | None) -> None:
        self.use(spot, pulse)

    def use(self, spot: SpotCalibration | None, pulse: PulseCalibration | None) -> None:
        """Use these calibrations from now on."""
        self._per_area = None if spot is None else spot.peak_per_energy
        self.rate = None if pulse is None else pulse.repetition_rate[0]
        """Nominal pulses per second, in Hz; None where not stated."""
        self._peak = None if pulse is None else _PEAK_OVER_MEAN[pulse.shape] / (pulse.duration[0] * 1e-15)
        self.photon_energy = None if pulse is None else 6.62607015e-34 * 2.99792458e8 / (pulse.wavelength * 1e-9)
        """Energy of one photon in J; None where the wavelength is not stated."""

    def dose(self, joule: float) -> float | None:
        """Return the dose at the centre in J/cm^2 of an energy at the sample in J."""
        return None if self._per_area is None else joule * self._per_area

    def fluence(self, watt: float) -> float | None:
        """Return the peak fluence of one pulse in J/cm^2."""
        return None if self._per_area is None or self.rate is None else watt / self.rate * self._per_area

    def irradiance(self, watt: float) -> float | None:
        """Return the peak irradiance in W/cm^2."""
        fluence = self.fluence(watt)
        return None if fluence is None or self._peak is None else fluence * self._peak

    def irradiance_of(self, joule: float) -> float | None:
        """Return the peak irradiance in W/cm^2 of a pulse of so many J at the sample."""
        fluence = self.dose(joule)
        return None if fluence is None or self._peak is None else fluence * self._peak
