"""What world files say whatever stands on the table: the wiring, and where they are: beam, detectors, power heads."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .quantity import In, Offset, OneOf, RadialOffset, Size, Switch, is_off

TABLES = ("confocal", "michelson", "magneto", "ase")
"""Kinds of optical table that this simulation knows."""


class Section(BaseModel):
    """A part of the world file: frozen, complete, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attenuator(Section):
    """Half-wave plate and polariser."""

    maximum_power: Annotated[float, In("W", above=0, high=10)]
    """At the sample plane."""
    angle_of_maximum: Annotated[float, In("deg", low=-360, high=360)]
    extinction: Annotated[float, In("1", low=0, high=1)]
    """Lowest over highest power."""


class PhotonDetector(Section):
    """A counting detector."""

    dead_time: Annotated[float, In("ns", low=0, high=1e6)]
    dark_rate: Annotated[float, In("cps", low=0)]
    afterpulsing: Annotated[float, In("1", low=0, high=0.5)]


class TimingDetector(PhotonDetector):
    """A counting detector whose pulses are time-tagged."""

    jitter: Annotated[float, In("ps", low=0, high=1e5)]
    """1-sigma of the Gaussian part."""
    jitter_tail: Annotated[float, In("1", low=0, high=1)]
    """Fraction of the pulses that come later by an exponentially distributed time."""
    tail_time: Annotated[float, In("ps", low=0, high=1e5)]
    delay: Annotated[float, In("ns", low=0, high=1e4)]
    """Of its cable, relative to the sync of the laser."""


class Head(Section):
    """A power head's own error; what a session draws comes on top."""

    calibration: Annotated[float, In("1", above=0)]
    """Reading over truth."""
    zero: Annotated[float, In("W")]


class BaseLaser(Section):
    """The laser of a table."""

    wavelength: Annotated[float, In("nm", low=300, high=2000)]
    repetition_rate: Annotated[float, In("Hz", above=0, high=1e10)]
    pulse_duration: float
    """Intensity FWHM at the sample, in the unit of the table's own section."""
    pulse_shape: Annotated[str, OneOf(("gauss", "sech2", "rect"))]


class BaseOptics(Section):
    """From the laser to the spot on the sample."""

    waist: Annotated[float, In("nm", above=0)]
    """1/e^2 radius of the intensity."""
    attenuator: Attenuator
    pickoff_ratio: Annotated[float, In("1", above=0)]
    """Power on the pick-off head over power at the sample plane."""
    scanner_gain: Annotated[float, In("um/V", above=0)]


class BaseDetectors(Section):
    """What turns light into numbers."""

    apd: PhotonDetector
    pickoff: Head
    sample_head: Head


class Sizes(Section):
    """What makes a measurement hard, each by name: a size, or off. `on`: the size stands in its own section."""

    @model_validator(mode="before")
    @classmethod
    def _all_off(cls, raw: Any) -> Any:
        return dict.fromkeys(cls.model_fields, "off") if is_off(raw) else raw


class BaseImperfections(Sizes):
    """What makes a measurement hard on a table with a focused beam and counting detectors."""

    meter_calibration: Annotated[float, Size("1", high=0.3)]
    meter_zero: Annotated[float, Size("W")]
    meter_noise: Annotated[float, Size("1", high=0.5)]
    spot_size: Annotated[float, Size("1", high=0.2)]
    pulse_duration: Annotated[float, Size("1", high=0.2)]
    off_centre: Annotated[Offset, RadialOffset()]
    laser_noise: Annotated[float, Size("1", high=0.2)]
    laser_drift: Annotated[float, Size("1", high=0.2)]
    pickoff_drift: Annotated[float, Size("1", high=0.2)]
    attenuator_backlash: Annotated[float, Size("deg", high=5)]
    background: Annotated[float | None, Switch("1")]
    dead_time: Annotated[float | None, Switch("ns")]
    dark_counts: Annotated[float | None, Switch("cps")]
    afterpulsing: Annotated[float | None, Switch("1", high=0.5)]
    jitter: Annotated[float | None, Switch("ps", high=1e5)]


class WorldFile(Section):
    """A whole world file, as far as it is the same for all tables."""

    table: Annotated[str, OneOf(TABLES)] = TABLES[0]
    """Which optical table stands here."""
    seed: int = Field(ge=0)
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
            if not _unplugged(entry)
        }
        return {**raw, "instruments": listed}


class TableConfig(WorldFile):
    """The world file of a table with a focused beam and counting detectors."""

    laser: BaseLaser
    optics: BaseOptics
    detectors: BaseDetectors
    imperfections: BaseImperfections

    def timing(self, name: str) -> TimingDetector:
        """Return what a detector of the tagger really does: its section, without the imperfections that are off."""
        nominal: TimingDetector = getattr(self.detectors, name)
        switches = self.imperfections
        return nominal.model_copy(
            update={
                "dead_time": effective(switches.dead_time, nominal.dead_time),
                "dark_rate": effective(switches.dark_counts, nominal.dark_rate),
                "afterpulsing": effective(switches.afterpulsing, nominal.afterpulsing),
                "jitter": effective(switches.jitter, nominal.jitter),
                "jitter_tail": 0.0 if switches.jitter == 0.0 else nominal.jitter_tail,
            }
        )

    @property
    def dead_time(self) -> float:
        """Dead time of the counting detector, ns."""
        return effective(self.imperfections.dead_time, self.detectors.apd.dead_time)

    @property
    def dark_rate(self) -> float:
        """Dark counts per second."""
        return effective(self.imperfections.dark_counts, self.detectors.apd.dark_rate)

    @property
    def afterpulsing(self) -> float:
        """Probability of an afterpulse per count."""
        return effective(self.imperfections.afterpulsing, self.detectors.apd.afterpulsing)


def effective(switch: float | None, nominal: float) -> float:
    """Return what an imperfection really is: the nominal size where its switch is on (None), else the switch's own."""
    return nominal if switch is None else switch


def _words(entry: Any) -> Any:
    """Return an instrument's entry with bare numbers (a bus address 0) as words, without unplugged ports."""
    if not isinstance(entry, dict):
        return entry
    return {key: str(value) for key, value in entry.items() if not _unplugged(value)}


def _unplugged(entry: object) -> bool:
    return entry is None or is_off(entry)
