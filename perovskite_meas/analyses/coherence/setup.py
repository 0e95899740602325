"""The stated facts of the bench that a Michelson scan rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perovskite_meas.core.analysis import condition, fact
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

if TYPE_CHECKING:
    import xarray as xr

HBAR = 658.2119569
"""ueV ps."""
LIGHT = 299.792458
"""nm/fs."""
EV_NM = 1239.841984
"""Photon energy times vacuum wavelength, in eV nm."""
SHAPES = ("gauss", "sech2", "rect")
CARRIER_TRUST = 2e-3
"""Relative 1-sigma of a colour that was stated without one."""


@dataclass(frozen=True)
class Setup:
    """Pulse, colours, delay line and detector of one scan."""

    duration: Value | None
    """Intensity FWHM of the pulse, in ps."""
    shape: str
    """'gauss', 'sech2' or 'rect'."""
    period: Value | None
    """Optical period of the line (else of the laser), in fs."""
    reference: float | None
    """Optical period of the reference laser, in fs."""
    zero: Value
    """Zero delay on the axis of the rows, as calibrated beforehand, in ps."""
    dead_time: float
    """Of the emission's detector, in s; 0 where not stated."""
    pi_power: Value | None
    """Power of one arm whose pulses have area pi, in W."""

    @classmethod
    def of(cls, data: xr.Dataset) -> Setup:
        """Read the conditions stored with the data.

        Raises:
            AnalysisRefused: the delay line is not described, or a word is unknown.
        """
        if fact(data, "delay") is None:
            raise AnalysisRefused("'delay' is not stated in the bench: without it mirror travel is no delay")
        shape = str(fact(data, "pulse.shape", "gauss"))
        if shape not in SHAPES:
            raise AnalysisRefused(f"pulse.shape is {shape!r} in the bench; known are {', '.join(SHAPES)}")
        duration = optional(data, "pulse.duration", "fs")
        reference = optional(data, "reference.wavelength", "nm")
        scale = optional(data, "delay.ps_per_mm", "ps/mm")
        zero = optional(data, "delay.zero", "mm")
        sigma = zero.sigma * abs(scale.nominal) if zero is not None and scale is not None else 0.0
        dead = optional(data, "tagger.dead_time", "ns")
        return cls(
            duration=None if duration is None else Value(duration.nominal * 1e-3, duration.sigma * 1e-3, "ps"),
            shape=shape,
            period=_period(data),
            reference=None if reference is None else reference.nominal / LIGHT,
            zero=Value(0.0, sigma, "ps"),
            dead_time=0.0 if dead is None else dead.nominal * 1e-9,
            pi_power=optional(data, "sample.expect.pi_power", "W"),
        )


def optional(data: xr.Dataset, dotted: str, unit: str) -> Value | None:
    """Return a condition as a Value in `unit`, or None where the bench does not state it."""
    return None if fact(data, dotted) is None else condition(data, dotted, unit)


def _period(data: xr.Dataset) -> Value | None:
    energy = optional(data, "sample.expect.energy", "eV")
    if energy is not None and energy.nominal > 0:
        nominal, relative = EV_NM / energy.nominal / LIGHT, energy.relative
    else:
        laser = optional(data, "pulse.wavelength", "nm")
        if laser is None or not laser.nominal > 0:
            return None
        nominal, relative = laser.nominal / LIGHT, laser.relative
    return Value(nominal, nominal * max(relative, CARRIER_TRUST), "fs")
