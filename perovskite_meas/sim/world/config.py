"""The confocal table's world file: every truth of sample, laser, optics and detectors and every imperfection."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from perovskite_meas.core.errors import UsageError

from .base import BaseImperfections, TableConfig, effective
from .optics import photon_order
from .quantity import Size, Switch
from .sections import Detectors, Laser, Optics, Sample


class Imperfections(BaseImperfections):
    """What makes a measurement hard on the confocal table."""

    pulse_energy_jitter: Annotated[float, Size("1", high=0.2)]
    one_photon_leak: Annotated[float, Size("1")]
    blinking: Annotated[float, Size("1", high=1)]
    bleaching: Annotated[float | None, Switch("J/cm^2")]
    crosstalk: Annotated[float, Size("1", high=0.1)]
    grey_state: Annotated[float | None, Switch("1", high=1)]


class WorldConfig(TableConfig):
    """A whole world file of the confocal table."""

    sample: Sample
    laser: Laser
    optics: Optics
    detectors: Detectors
    imperfections: Imperfections

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
        return effective(self.imperfections.bleaching, self.sample.bleaching_dose) or None

    @property
    def background(self) -> float:
        """Background per unit of <N> on the axis, relative to the plateau."""
        return effective(self.imperfections.background, self.sample.background)

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
        return effective(switch, self.sample.blinking.grey_yield)
