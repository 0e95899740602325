"""The world file: every truth of sample, laser, optics and detectors, with its unit, read strictly.

Numbers are kept in the unit in which the file's field is documented here; text carries its own unit.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from perovskite_meas.core.errors import UsageError

from .optics import photon_order
from .quantity import In, Ladder, Offset, OneOf, RadialOffset, Size, Switch, is_off

KINDS = ("cspbi3_single_RT",)
"""Kinds of sample that this world can hold."""


class Section(BaseModel):
    """A part of the world file: frozen, complete, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sample(Section):
    """One nanocrystal under pulsed light. Defaults of the packaged file: PHYSICS 3.1c and 9."""

    kind: Annotated[str, OneOf(KINDS)]
    two_photon_cross_section: Annotated[float, In("GM", above=0)]
    two_photon_convention: Annotated[str, OneOf(("absorbed_photons", "excitations"))]
    one_photon_cross_section: Annotated[float, In("cm^2", above=0)]
    biexciton_ratio: Annotated[float, In("1", low=0, high=1)]
    ladder: Annotated[str | tuple[float, ...], Ladder()]
    lifetime: Annotated[float, In("ns", above=0)]
    brightness: Annotated[float, In("cps", above=0)]
    """Plateau of the single exciton, detected, at BRIGHTNESS_RATE pulses per second."""
    quantum_yield: Annotated[float, In("1", above=0, high=1)]
    wavelength: Annotated[float, In("nm", low=300, high=2000)]
    background: Annotated[float, In("1", low=0)]
    """Counts per unit of <N> on the beam axis, relative to the plateau."""
    bleaching_dose: Annotated[float, In("J/cm^2", above=0)]
    """Local dose after which 1/e of the brightness is left."""

    @property
    def efficiency(self) -> float:
        """Detected photons per emitted one."""
        return self.brightness / (BRIGHTNESS_RATE * self.quantum_yield)


BRIGHTNESS_RATE = 5e6
"""Hz: `sample.brightness` is the plateau at this repetition rate; it scales with the laser's own."""


class Laser(Section):
    """The pulse train at the sample."""

    wavelength: Annotated[float, In("nm", low=300, high=2000)]
    repetition_rate: Annotated[float, In("Hz", above=0, high=1e10)]
    pulse_duration: Annotated[float, In("fs", above=0)]
    """Intensity FWHM at the sample."""
    pulse_shape: Annotated[str, OneOf(("gauss", "sech2", "rect"))]


class Attenuator(Section):
    """Half-wave plate and polariser."""

    maximum_power: Annotated[float, In("W", above=0, high=10)]
    """At the sample plane."""
    angle_of_maximum: Annotated[float, In("deg", low=-360, high=360)]
    extinction: Annotated[float, In("1", low=0, high=1)]
    """Lowest over highest power."""


class Optics(Section):
    """From the laser to the spot on the sample."""

    waist: Annotated[float, In("nm", above=0)]
    """1/e^2 radius of the intensity."""
    attenuator: Attenuator
    pickoff_ratio: Annotated[float, In("1", above=0)]
    """Power on the pick-off head over power at the sample plane."""
    scanner_gain: Annotated[float, In("um/V", above=0)]


class PhotonDetector(Section):
    """A counting detector."""

    dead_time: Annotated[float, In("ns", low=0, high=1e6)]
    dark_rate: Annotated[float, In("cps", low=0)]
    afterpulsing: Annotated[float, In("1", low=0, high=0.5)]


class Head(Section):
    """A power head's own error; what a session draws comes on top."""

    calibration: Annotated[float, In("1", above=0)]
    """Reading over truth."""
    zero: Annotated[float, In("W")]


class Detectors(Section):
    """Everything that turns light into numbers."""

    apd: PhotonDetector
    pickoff: Head
    sample_head: Head


class Imperfections(Section):
    """What makes a measurement hard, each by name: a size, or off. `on`: the size stands in its own section."""

    meter_calibration: Annotated[float, Size("1", high=0.3)]
    meter_zero: Annotated[float, Size("W")]
    meter_noise: Annotated[float, Size("1", high=0.5)]
    spot_size: Annotated[float, Size("1", high=0.2)]
    pulse_duration: Annotated[float, Size("1", high=0.2)]
    off_centre: Annotated[Offset, RadialOffset()]
    laser_noise: Annotated[float, Size("1", high=0.2)]
    laser_drift: Annotated[float, Size("1", high=0.2)]
    pulse_energy_jitter: Annotated[float, Size("1", high=0.2)]
    pickoff_drift: Annotated[float, Size("1", high=0.2)]
    attenuator_backlash: Annotated[float, Size("deg", high=5)]
    one_photon_leak: Annotated[float, Size("1")]
    blinking: Annotated[float, Size("1", high=1)]
    bleaching: Annotated[float | None, Switch("J/cm^2")]
    background: Annotated[float | None, Switch("1")]
    dead_time: Annotated[float | None, Switch("ns")]
    dark_counts: Annotated[float | None, Switch("cps")]
    afterpulsing: Annotated[float | None, Switch("1", high=0.5)]

    @model_validator(mode="before")
    @classmethod
    def _all_off(cls, raw: Any) -> Any:
        return dict.fromkeys(cls.model_fields, "off") if is_off(raw) else raw


class WorldConfig(Section):
    """A whole world file."""

    seed: int = Field(ge=0)
    sample: Sample
    laser: Laser
    optics: Optics
    detectors: Detectors
    imperfections: Imperfections
    instruments: dict[str, list[dict[str, str]]]
    """VISA address -> the devices behind it, each {device, port..., bus_address...}."""

    @model_validator(mode="before")
    @classmethod
    def _list_instruments(cls, raw: Any) -> Any:
        wiring = raw.get("instruments") if isinstance(raw, dict) else None
        if not isinstance(wiring, dict):
            return raw
        listed = {
            address: [_words(one) for one in (entry if isinstance(entry, list) else [entry])]
            for address, entry in wiring.items()
            if entry is not None
        }
        return {**raw, "instruments": listed}

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if photon_order(self.laser.wavelength, self.sample.wavelength) > 2:
            raise UsageError(
                f"laser.wavelength: two photons of {self.laser.wavelength:g} nm do not reach the emission at "
                f"{self.sample.wavelength:g} nm, and this sample knows no higher order; "
                f"allowed: up to {2 * self.sample.wavelength:g} nm"
            )
        return self

    @property
    def bleaching_dose(self) -> float | None:
        """J/cm^2 until 1/e is left, or None where nothing bleaches."""
        return _effective(self.imperfections.bleaching, self.sample.bleaching_dose) or None

    @property
    def background(self) -> float:
        """Background per unit of <N> on the axis, relative to the plateau."""
        return _effective(self.imperfections.background, self.sample.background)

    @property
    def dead_time(self) -> float:
        """Dead time of the counting detector, ns."""
        return _effective(self.imperfections.dead_time, self.detectors.apd.dead_time)

    @property
    def dark_rate(self) -> float:
        """Dark counts per second."""
        return _effective(self.imperfections.dark_counts, self.detectors.apd.dark_rate)

    @property
    def afterpulsing(self) -> float:
        """Probability of an afterpulse per count."""
        return _effective(self.imperfections.afterpulsing, self.detectors.apd.afterpulsing)


def _words(entry: Any) -> Any:
    """Return an instrument's entry with bare numbers (a bus address 0) as words."""
    return {key: str(value) for key, value in entry.items()} if isinstance(entry, dict) else entry


def _effective(switch: float | None, nominal: float) -> float:
    return nominal if switch is None else switch
