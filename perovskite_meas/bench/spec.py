"""A bench as its file states it: frozen, validated, without instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .calibrations import (
    Calibration,
    Measured,
    PowerAtSample,
    PulseCalibration,
    SpotCalibration,
    quantity,
)
from .limits import Limits
from .roles import RoleSpec

EXPECTATIONS = {
    "biexciton_ratio": "1",
    "bright_dark_splitting": "meV",
    "brightness": "cps",
    "charged_fraction": "1",
    "cross_section": "GM",
    "energy": "eV",
    "film_thickness": "nm",
    "g2_zero": "1",
    "gain": "1/cm",
    "lifetime": "ns",
    "linewidth": "meV",
    "loss": "1/cm",
    "optical_depth": "1",
    "pi_power": "W",
    "saturation_power": "W",
    "stripe_length": "mm",
    "t2": "ps",
    "threshold_fluence": "J/cm^2",
}
"""What a bench may expect of its sample, and the unit in which it is kept."""

CONVENTIONS = ("absorbed_photons", "excitations")
"""What a two-photon cross-section counts."""


class SafeStep(NamedTuple):
    """One step of the safe state."""

    role: str
    verb: str

    def __str__(self) -> str:
        return f"{self.role}.{self.verb}"


@dataclass(frozen=True)
class SampleSpec:
    """What the lab says about its sample."""

    name: str = ""
    two_photon_convention: str | None = None
    expect: Mapping[str, Measured] = field(default_factory=dict)
    """Expectations with sigma, in the units of `EXPECTATIONS`."""
    notes: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what the sample adds to the conditions of a run."""
        facts: dict[str, Any] = {"name": self.name} if self.name else {}
        if self.two_photon_convention is not None:
            facts["two_photon_convention"] = self.two_photon_convention
        if self.expect:
            facts["expect"] = {name: quantity(value, EXPECTATIONS[name]) for name, value in self.expect.items()}
        return facts


@dataclass(frozen=True)
class BenchSpec:
    """Everything that a bench file says, checked."""

    path: Path
    text: str = field(repr=False)
    station: Path
    world: Path | None
    """World file of a virtual bench; None for a real one."""
    clock_speed: float
    """Simulated seconds per wall second, for a virtual bench."""
    roles: Mapping[str, RoleSpec]
    limits: Limits
    safe_state: tuple[SafeStep, ...]
    calibrations: Mapping[str, Calibration]
    sample: SampleSpec
    warnings: tuple[str, ...]
    """What is allowed but unwise, one line each."""

    @property
    def virtual(self) -> bool:
        """True where the instruments are simulated."""
        return self.world is not None

    @property
    def pulse(self) -> PulseCalibration | None:
        """The pulses at the sample, where stated."""
        found = self.calibrations.get("pulse")
        return found if isinstance(found, PulseCalibration) else None

    @property
    def spot(self) -> SpotCalibration | None:
        """The focus on the sample, where stated."""
        found = self.calibrations.get("spot")
        return found if isinstance(found, SpotCalibration) else None

    @property
    def power_at_sample(self) -> PowerAtSample | None:
        """The calibration of the pick-off, where stated."""
        found = self.calibrations.get("power_at_sample")
        return found if isinstance(found, PowerAtSample) else None
