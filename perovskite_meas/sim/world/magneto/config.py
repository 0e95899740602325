"""The magneto table's world file: every truth of sample, laser, optics, coil and detectors and every imperfection."""

from __future__ import annotations

from typing import Annotated

from ..base import BaseImperfections, TableConfig, effective
from ..quantity import Size, Switch
from .sections import Cryostat, Detectors, Laser, Magnet, Optics, Sample, Spectrograph


class Imperfections(BaseImperfections):
    """What makes a measurement hard on the magneto table."""

    field_scale: Annotated[float, Size("1", high=0.2)]
    trapped_flux: Annotated[float, Size("mT", high=500)]
    magnet_lag: Annotated[float, Size("s", high=100)]
    stage_drift: Annotated[float, Size("1", high=10)]
    focus_offset: Annotated[float, Size("um", high=10)]
    focus_drift: Annotated[float, Size("um", high=10)]
    eddy_warming: Annotated[float, Size("K", high=10)]
    temperature_unrest: Annotated[float, Size("K", high=10)]
    thermometer_offset: Annotated[float, Size("K", high=10)]
    dispersion_scale: Annotated[float, Size("1", high=0.1)]
    turret_offset: Annotated[float, Size("nm", high=10)]
    drive_offset: Annotated[float, Size("nm", high=1)]
    drive_backlash: Annotated[float, Size("nm", high=1)]
    spectral_drift: Annotated[float, Size("px/h", high=10)]
    analyser_offset: Annotated[float, Size("deg", high=10)]
    blinking: Annotated[float, Size("1", high=1)]
    spectral_diffusion: Annotated[float, Size("ueV", high=1e4)]
    cosmic_rays: Annotated[float, Size("1/min", high=1e4)]
    read_noise: Annotated[float | None, Switch("1")]
    dark_current: Annotated[float | None, Switch("cps")]


class MagnetoConfig(TableConfig):
    """A whole world file of the magneto table."""

    sample: Sample
    laser: Laser
    optics: Optics
    magnet: Magnet
    cryostat: Cryostat
    spectrograph: Spectrograph
    detectors: Detectors
    imperfections: Imperfections

    @property
    def background(self) -> float:
        """Counts of the surroundings over those of the nanocrystal, at little power."""
        return effective(self.imperfections.background, self.sample.background)

    @property
    def read_noise(self) -> float:
        """Of one binned pixel, electrons."""
        return effective(self.imperfections.read_noise, self.detectors.camera.read_noise)

    @property
    def dark_current(self) -> float:
        """Electrons per second of one binned pixel at -70 degC."""
        return effective(self.imperfections.dark_current, self.detectors.camera.dark_rate)
