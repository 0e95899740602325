"""The parts of the confocal table's world file: sample, laser, optics and detectors, each number with its unit.

Numbers are kept in the unit in which the file's field is documented here; text carries its own unit.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import BaseDetectors, BaseLaser, BaseOptics, Section, TimingDetector
from .quantity import In, Ladder, OneOf

KINDS = ("cspbi3_single_RT", "laser")
"""Kinds of sample that this world can hold: nanocrystals, or Poissonian light in their place."""


class Blinking(Section):
    """How a nanocrystal changes between its neutral and its grey (charged) state."""

    a_on: Annotated[float, In("1", above=1, high=4)]
    """Exponent of P(t) ~ t^-a exp(-t/cutoff), the distribution of the times in the neutral state."""
    a_off: Annotated[float, In("1", above=1, high=4)]
    shortest: Annotated[float, In("s", low=1e-5)]
    cutoff_on: Annotated[float, In("s", above=0)]
    cutoff_off: Annotated[float, In("s", above=0)]
    grey_yield: Annotated[float, In("1", low=0, high=1)]
    """Quantum yields and lifetimes of the grey state over those of the neutral one."""


class Sample(Section):
    """Nanocrystals in one spot. Defaults of the packaged file: PHYSICS 3.1c and 9."""

    kind: Annotated[str, OneOf(KINDS)]
    emitters: int = Field(ge=1, le=20)
    """Equal nanocrystals in the same place, each with everything that is said below."""
    two_photon_cross_section: Annotated[float, In("GM", above=0)]
    two_photon_convention: Annotated[str, OneOf(("absorbed_photons", "excitations"))]
    one_photon_cross_section: Annotated[float, In("cm^2", above=0)]
    biexciton_ratio: Annotated[float, In("1", low=0, high=1)]
    ladder: Annotated[str | tuple[float, ...], Ladder()]
    lifetime: Annotated[float, In("ns", above=0)]
    biexciton_lifetime: Annotated[float, In("ps", above=0)]
    """Of two excitons; m of them fall to m - 1 in 4/(m^2 (m - 1)) of it."""
    brightness: Annotated[float, In("cps", above=0)]
    """Plateau of the single exciton, detected, at BRIGHTNESS_RATE pulses per second."""
    quantum_yield: Annotated[float, In("1", above=0, high=1)]
    wavelength: Annotated[float, In("nm", low=300, high=2000)]
    background: Annotated[float, In("1", low=0)]
    """Counts per unit of <N> on the beam axis, relative to the plateau."""
    background_lifetime: Annotated[float, In("ns", low=0)]
    bleaching_dose: Annotated[float, In("J/cm^2", above=0)]
    """Local dose after which 1/e of the brightness is left."""
    blinking: Blinking

    @property
    def efficiency(self) -> float:
        """Detected photons per emitted one."""
        return self.brightness / (BRIGHTNESS_RATE * self.quantum_yield)


BRIGHTNESS_RATE = 5e6
"""Hz: `sample.brightness` is the plateau at this repetition rate; it scales with the laser's own."""


class Laser(BaseLaser):
    """The light at the sample."""

    mode: Annotated[str, OneOf(("pulsed", "cw"))]
    pulse_duration: Annotated[float, In("fs", above=0)]
    """Intensity FWHM at the sample."""


class Optics(BaseOptics):
    """From the laser to the spot on the sample, and the reference light."""

    reference_rate: Annotated[float, In("cps", low=0, high=1e8)]
    """Photons of the reference light that both detectors together would count."""
    reference_width: Annotated[float, In("ps", low=0)]
    """1-sigma of its pulses."""


class Detectors(BaseDetectors):
    """Everything that turns light into numbers."""

    spad_a: TimingDetector
    spad_b: TimingDetector
