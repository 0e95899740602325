"""The Michelson table's world file: every truth of sample, laser, optics and detectors and every imperfection."""

from __future__ import annotations

from typing import Annotated

from perovskite_meas.core.delay_scale import DelayScale

from ..base import BaseImperfections, TableConfig, effective
from ..quantity import Size, Switch
from .sections import Detectors, Laser, Optics, Sample


class Imperfections(BaseImperfections):
    """What makes a measurement hard on the Michelson table."""

    zero_offset: Annotated[float, Size("um")]
    blinking: Annotated[float | None, Switch("ms")]
    spectral_diffusion: Annotated[float, Size("ueV")]
    phase_drift: Annotated[float, Size("rad/s")]
    phase_walk: Annotated[float, Size("rad/s^0.5")]
    acoustic: Annotated[float, Size("rad")]
    piezo_creep: Annotated[float, Size("1", high=0.1)]
    piezo_hysteresis_open: Annotated[float, Size("1", high=0.2)]
    piezo_hysteresis_closed: Annotated[float, Size("1", high=0.2)]
    piezo_nonlinearity: Annotated[float, Size("1", high=0.1)]
    piezo_nonlinearity_closed: Annotated[float, Size("1", high=0.1)]
    piezo_scale: Annotated[float, Size("1", high=0.1)]
    stage_backlash: Annotated[float, Size("um", high=100)]
    stage_cyclic: Annotated[float, Size("um", high=10)]
    overlap_drift: Annotated[float, Size("1", high=0.2)]
    leakage: Annotated[float, Size("1", high=10)]


class MichelsonConfig(TableConfig):
    """A whole world file of the Michelson table."""

    sample: Sample
    laser: Laser
    optics: Optics
    detectors: Detectors
    imperfections: Imperfections

    @property
    def background(self) -> float:
        """Counts of the surroundings over those of the nanocrystal, at little power."""
        return effective(self.imperfections.background, self.sample.background)

    @property
    def off_time(self) -> float:
        """Mean time that the nanocrystal stays dark, s; 0 where nothing blinks."""
        if self.sample.kind == "laser":
            return 0.0
        return effective(self.imperfections.blinking, self.sample.blinking.off_time) * 1e-3

    @property
    def diffusion(self) -> float:
        """1-sigma of the spectral diffusion, ueV."""
        return 0.0 if self.sample.kind == "laser" else self.imperfections.spectral_diffusion

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of the power at the sample that arms a and b carry."""
        ratio = self.optics.arm_balance
        return 1.0 / (1.0 + ratio), ratio / (1.0 + ratio)

    @property
    def scale(self) -> DelayScale:
        """What mirror travel is worth."""
        return DelayScale(air_index=self.optics.air_index)
