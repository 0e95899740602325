"""The world file: every truth of sample, laser, optics and detectors and every imperfection, read strictly."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from perovskite_meas.core.errors import UsageError

from .optics import photon_order
from .quantity import Offset, RadialOffset, Size, Switch, is_off
from .sections import Detectors, Laser, Optics, Sample, Section, TimingDetector


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
    jitter: Annotated[float | None, Switch("ps", high=1e5)]
    crosstalk: Annotated[float, Size("1", high=0.1)]
    grey_state: Annotated[float | None, Switch("1", high=1)]

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
        if self.sample.kind == "laser":
            return None
        return _effective(self.imperfections.bleaching, self.sample.bleaching_dose) or None

    @property
    def background(self) -> float:
        """Background per unit of <N> on the axis, relative to the plateau."""
        return _effective(self.imperfections.background, self.sample.background)

    @property
    def is_cw(self) -> bool:
        """Say whether the light at the sample is continuous."""
        return self.laser.mode == "cw"

    @property
    def grey_yield(self) -> float | None:
        """Yields and lifetimes of the grey state over the neutral ones, or None where nothing blinks."""
        switch = self.imperfections.grey_state
        if switch == 0.0 or self.sample.kind == "laser":
            return None
        return _effective(switch, self.sample.blinking.grey_yield)

    def timing(self, name: str) -> TimingDetector:
        """Return what spad_a or spad_b really does: its section, with the imperfections that are off taken away."""
        nominal: TimingDetector = getattr(self.detectors, name)
        switches = self.imperfections
        return nominal.model_copy(
            update={
                "dead_time": _effective(switches.dead_time, nominal.dead_time),
                "dark_rate": _effective(switches.dark_counts, nominal.dark_rate),
                "afterpulsing": _effective(switches.afterpulsing, nominal.afterpulsing),
                "jitter": _effective(switches.jitter, nominal.jitter),
                "jitter_tail": 0.0 if switches.jitter == 0.0 else nominal.jitter_tail,
            }
        )

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
