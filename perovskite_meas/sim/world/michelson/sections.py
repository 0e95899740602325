"""The parts of the Michelson table's world file: sample, laser, optics and detectors, each number with its unit.

Numbers are kept in the unit in which the file's field is documented here; text carries its own unit.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from perovskite_meas.core.errors import UsageError

from ..base import BaseDetectors, BaseLaser, BaseOptics, Section, TimingDetector
from ..quantity import In, OneOf

KINDS = ("cspbi3_trion_4K", "laser")
"""Kinds of sample: a nanocrystal at 4 K, or scattered laser light in its place."""


class Blinking(Section):
    """How the nanocrystal turns bright and dark, with exponential times."""

    on_time: Annotated[float, In("ms", above=0)]
    off_time: Annotated[float, In("ms", above=0)]


class Sample(Section):
    """One nanocrystal in the spot. Defaults of the packaged file: PHYSICS 3.3c and 9."""

    kind: Annotated[str, OneOf(KINDS)]
    energy: Annotated[float, In("eV", low=0.6, high=4)]
    """Of the absorption line (the lower one of a doublet)."""
    t2: Annotated[float, In("ps", above=0, high=1e4)]
    t1: Annotated[float, In("ps", above=0, high=1e6)]
    splitting: Annotated[float, In("meV", low=0, high=10)]
    """Of the second line above the first; 0 for none."""
    splitting_ratio: Annotated[float, In("1", low=0, high=10)]
    """Strength of the second line over that of the first."""
    brightness: Annotated[float, In("cps", above=0)]
    """Counts if every pulse pair left it excited with certainty."""
    pi_power: Annotated[float, In("W", above=0)]
    """Average power of one arm whose pulses have area pi, in the middle of a spot of the nominal waist."""
    response: Annotated[str, OneOf(("bloch", "linear"))]
    background: Annotated[float, In("1", low=0)]
    """Counts over those of the nanocrystal, both taken at little power; also beside it."""
    blinking: Blinking
    diffusion_time: Annotated[float, In("s", above=0)]
    """Correlation time of the spectral diffusion."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.t2 > 2.0 * self.t1:
            raise UsageError(
                f"sample.t2: {self.t2:g} ps is longer than 2 T1 = {2 * self.t1:g} ps, which no line can have; "
                "allowed: up to 2 T1"
            )
        return self


class Laser(BaseLaser):
    """The light in both arms."""

    pulse_duration: Annotated[float, In("ps", above=0, high=100)]
    """Intensity FWHM, transform-limited."""


class Optics(BaseOptics):
    """From the laser through the interferometer to the spot on the sample and to the monitor."""

    arm_balance: Annotated[float, In("1", above=0, high=10)]
    """Power of arm b over that of arm a."""
    mode_overlap: Annotated[float, In("1", low=0, high=1)]
    """Of the arms at the sample."""
    monitor_overlap: Annotated[float, In("1", low=0, high=1)]
    """Of the arms at the monitor."""
    zero_position: Annotated[float, In("mm", low=0, high=1000)]
    """Stage position of zero delay, approached from below, with the piezo in its middle."""
    air_index: Annotated[float, In("1", low=1, high=1.01)]
    working_power: Annotated[float, In("W", above=0)]
    """Power at the sample to which monitor_rate and imperfections.leakage refer."""
    monitor_rate: Annotated[float, In("cps", low=0, high=1e8)]
    reference_wavelength: Annotated[float, In("nm", low=300, high=2000)]
    """In vacuum."""
    reference_rate: Annotated[float, In("cps", low=0, high=1e8)]
    fine_range: Annotated[float, In("um", above=0, high=1000)]
    fine_sensitivity: Annotated[float, In("um/V", above=0)]
    """Of the bare piezo, for a controller in volts whose wiring has no um_per_volt of its own."""
    cyclic_period: Annotated[float, In("mm", above=0)]
    """Of the stage's lead screw."""
    acoustic_frequency: Annotated[float, In("Hz", above=0, high=2000)]


class Detectors(BaseDetectors):
    """Everything that turns light into numbers."""

    signal: TimingDetector
    monitor: TimingDetector
