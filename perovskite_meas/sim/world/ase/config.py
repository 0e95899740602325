"""The ASE table's world file: every truth of film, laser, optics and detectors and every imperfection."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from perovskite_meas.core.errors import UsageError

from ..base import Sizes, WorldFile, effective
from ..optics import photon_order
from ..quantity import Size, Switch
from .colours import HC
from .film_sample import FilmSample
from .sections import Detectors, Laser, Optics, Sample, Spectrograph


class Imperfections(Sizes):
    """What makes a measurement hard on the ASE table."""

    meter_calibration: Annotated[float, Size("1", high=0.3)]
    meter_zero: Annotated[float, Size("J")]
    meter_noise: Annotated[float, Size("1", high=0.5)]
    spot_size: Annotated[float, Size("1", high=0.2)]
    pulse_duration: Annotated[float, Size("1", high=0.2)]
    filter_scatter: Annotated[float, Size("1", high=0.3)]
    dispersion_scale: Annotated[float, Size("1", high=0.1)]
    wavelength_offset: Annotated[float, Size("nm", high=10)]
    knife_offset: Annotated[float, Size("mm", high=10)]
    analyser_offset: Annotated[float, Size("deg", high=10)]
    energy_jitter: Annotated[float, Size("1", high=0.5)]
    energy_drift: Annotated[float, Size("1", high=0.2)]
    pickoff_drift: Annotated[float, Size("1", high=0.2)]
    attenuator_backlash: Annotated[float, Size("deg", high=5)]
    stage_backlash: Annotated[float, Size("um", high=100)]
    spot_scatter: Annotated[float, Size("1", high=0.5)]
    spectral_noise: Annotated[float, Size("1", high=0.5)]
    degradation: Annotated[float | None, Switch("J/cm^2")]
    heating: Annotated[float | None, Switch("cm^2/W")]
    cosmic_rays: Annotated[float, Size("1/min", high=1e4)]
    read_noise: Annotated[float | None, Switch("1")]
    dark_current: Annotated[float | None, Switch("cps")]


class AseConfig(WorldFile):
    """A whole world file of the ASE table."""

    sample: Sample
    laser: Laser
    optics: Optics
    spectrograph: Spectrograph
    detectors: Detectors
    imperfections: Imperfections

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        laser, sample = self.laser, self.sample
        needed = photon_order(laser.wavelength, HC / sample.energy)
        if needed != sample.photon_order:
            raise UsageError(
                f"sample.photon_order: it takes {needed} photons of {laser.wavelength:g} nm to reach the emission at "
                f"{sample.energy:g} eV, not {sample.photon_order}; change that, laser.wavelength or sample.energy"
            )
        if not laser.shortest <= laser.wavelength <= laser.longest:
            raise UsageError(
                f"laser.wavelength: {laser.wavelength:g} nm is not within laser.shortest and laser.longest "
                f"({laser.shortest:g} to {laser.longest:g} nm)"
            )
        return self

    @property
    def degradation_dose(self) -> float | None:
        """J/cm^2 until 1/e of the brightness is left, or None where nothing degrades."""
        return effective(self.imperfections.degradation, self.sample.degradation_dose) or None

    @property
    def heating(self) -> float:
        """Relative rise of the threshold per average irradiance, cm^2/W."""
        return effective(self.imperfections.heating, self.sample.heating)

    @property
    def film(self) -> FilmSample:
        """The film as it really is, imperfections that are off left out."""
        said = self.sample.model_dump(exclude={"kind"})
        really = {"degradation_dose": self.degradation_dose, "heating": self.heating}
        scatter = self.imperfections.spot_scatter
        return FilmSample(**{**said, **really}, lasing=self.sample.kind == "lasing", spot_scatter=scatter)

    @property
    def read_noise(self) -> float:
        """Of one binned pixel, electrons."""
        return effective(self.imperfections.read_noise, self.detectors.camera.read_noise)

    @property
    def dark_current(self) -> float:
        """Electrons per second of one binned pixel at -70 degC."""
        return effective(self.imperfections.dark_current, self.detectors.camera.dark_rate)
