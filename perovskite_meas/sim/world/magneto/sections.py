"""The parts of the magneto table's world file, each number with its unit.

Numbers are kept in the unit in which the file's field is documented here; text carries its own unit.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from ..base import BaseDetectors, BaseLaser, BaseOptics, PhotonDetector, Section, TimingDetector
from ..quantity import In, OneOf

KINDS = ("exciton", "trion")
"""Kinds of sample: a neutral nanocrystal with its fine structure, or a charged one without exchange."""

_G = In("1", low=-10, high=10)
_SHIFT = In("meV", low=-20, high=20)


class Sample(Section):
    """One nanocrystal in the spot. Defaults of the packaged file: PHYSICS 3.7."""

    kind: Annotated[str, OneOf(KINDS)]
    energy: Annotated[float, In("eV", low=0.6, high=4)]
    """Of what the levels below are counted from."""
    dark: Annotated[float, _SHIFT]
    bright_x: Annotated[float, _SHIFT]
    bright_y: Annotated[float, _SHIFT]
    bright_z: Annotated[float, _SHIFT]
    g_electron: Annotated[float, _G]
    g_hole: Annotated[float, _G]
    g_electron_x: Annotated[float, _G]
    """Along one crystal axis; where the file says nothing: as `g_electron`. The same for the next five."""
    g_electron_y: Annotated[float, _G]
    g_electron_z: Annotated[float, _G]
    g_hole_x: Annotated[float, _G]
    g_hole_y: Annotated[float, _G]
    g_hole_z: Annotated[float, _G]
    diamagnetic: Annotated[float, In("ueV/T^2", low=-100, high=100)]
    field_polar: Annotated[float, In("deg", low=-360, high=360)]
    """Direction of the field in the crystal's axes, from z."""
    field_azimuth: Annotated[float, In("deg", low=-360, high=360)]
    view_roll: Annotated[float, In("deg", low=-360, high=360)]
    """Turns the viewing direction about the field."""
    bright_lifetime: Annotated[float, In("ns", above=0, high=1e4)]
    dark_lifetime: Annotated[float, In("ns", above=0, high=1e5)]
    """At zero field."""
    linewidth: Annotated[float, In("ueV", above=0, high=1e4)]
    """Homogeneous, full width at half maximum."""
    phonon_wing: Annotated[float, In("1", low=0, high=0.9)]
    """Share of the light."""
    phonon_energy: Annotated[float, In("meV", above=0, high=50)]
    """Where the acoustic wing has its maximum."""
    phonon_rate: Annotated[float, In("1/ns", low=0, high=1e4)]
    """g0 of one-phonon jumps between bright states."""
    optical_phonon: Annotated[float, In("meV", above=0, high=200)]
    """LO phonon of the two-phonon jumps."""
    optical_phonon_rate: Annotated[float, In("1/ns", low=0, high=1e6)]
    brightness: Annotated[float, In("cps", above=0)]
    """Counts of the SPAD without field if every pulse excited it with certainty; mean over analyser angles."""
    saturation_power: Annotated[float, In("W", above=0)]
    """Average power that leaves one excitation per pulse in the middle of a spot of the nominal waist."""
    background: Annotated[float, In("1", low=0)]
    """Counts over those of the nanocrystal at little power; also beside it, grows with the power."""
    background_lifetime: Annotated[float, In("ns", low=0)]
    diffusion_time: Annotated[float, In("s", above=0)]
    """Correlation time of the spectral diffusion."""

    @model_validator(mode="before")
    @classmethod
    def _isotropic(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        same = {f"{name}_{axis}": raw[name] for name in ("g_electron", "g_hole") if name in raw for axis in "xyz"}
        return {**same, **raw}


class Laser(BaseLaser):
    """The light that excites."""

    pulse_duration: Annotated[float, In("ps", above=0, high=1e5)]
    """Intensity FWHM."""


class Optics(BaseOptics):
    """From the laser to the sample, and from there to spectrograph and SPAD."""

    field_angle: Annotated[float, In("deg", low=0, high=180)]
    """Between field and viewing direction: 90 deg is Voigt, 0 deg Faraday geometry."""
    na: Annotated[float, In("1", above=0, high=0.999)]
    faraday_rotation: Annotated[float, In("deg/T", low=-20, high=20)]
    """Of the emission's plane, in the glass, in one passage."""
    analyser_zero: Annotated[float, In("deg", low=-360, high=360)]
    """Mount angle of the half-wave plate that lets the lab's x axis through."""
    camera_ratio: Annotated[float, In("1", above=0, high=100)]
    """Electrons in all pixels over counts of the SPAD."""
    lamp_rate: Annotated[float, In("cps", low=0)]
    """Electrons per second of the strongest lamp line."""
    reference_wavelength: Annotated[float, In("nm", low=300, high=2000)]
    """Of the reference laser, in vacuum."""
    reference_rate: Annotated[float, In("cps", low=0)]
    """Electrons per second of the reference laser, mean over analyser angles."""
    reference_angle: Annotated[float, In("deg", low=-360, high=360)]
    """Plane of its polarisation without field."""
    focus_range: Annotated[float, In("um", above=0, high=1000)]
    focus_position: Annotated[float, In("um", low=0, high=1000)]
    """Of the focus piezo with the emitter in focus, without field."""
    focus_sensitivity: Annotated[float, In("um/V", above=0)]


class Magnet(Section):
    """The coil, and what its field does to the sample's mount."""

    stage_x: Annotated[float, In("nm/T", low=-1e4, high=1e4)]
    """The emitter walks so far from the spot per tesla."""
    stage_y: Annotated[float, In("nm/T", low=-1e4, high=1e4)]
    stage_z: Annotated[float, In("nm/T", low=-1e4, high=1e4)]
    stage_hysteresis: Annotated[float, In("T", low=0, high=10)]
    """Half width of its play."""


class Cryostat(Section):
    """What keeps the sample cold."""

    temperature: Annotated[float, In("K", low=0.1, high=400)]
    """Of the sample when the world begins."""
    time_constant: Annotated[float, In("s", above=0)]
    gradient: Annotated[float, In("K", low=-10, high=10)]
    """Sample minus cold plate."""
    stage_z: Annotated[float, In("nm/K", low=-1e4, high=1e4)]
    """The emitter walks out of focus by so much per kelvin."""


class Spectrograph(Section):
    """The grating, and what it makes of a line."""

    focal_length: Annotated[float, In("mm", above=0)]
    grooves: Annotated[float, In("1/mm", above=0)]
    """Of grating 1."""
    grooves_2: Annotated[float, In("1/mm", above=0)]
    grooves_3: Annotated[float, In("1/mm", above=0)]
    included_angle: Annotated[float, In("deg", low=0, high=90)]
    """Between its arms, seen from the grating."""
    resolution: Annotated[float, In("ueV", above=0)]
    """FWHM of a sharp line with grating 1."""
    start: Annotated[float, In("nm", low=0, high=2000)]
    """Dial when the world begins."""


class Camera(Section):
    """The CCD behind the spectrograph, all rows binned."""

    pixels: int = Field(ge=16, le=8192)
    pixel_size: Annotated[float, In("um", above=0)]
    gain: Annotated[float, In("1", above=0)]
    """Electrons per count."""
    read_noise: Annotated[float, In("1", low=0)]
    """Electrons, 1-sigma, of one binned pixel."""
    offset: Annotated[float, In("1", low=0)]
    """Counts without light and dark current."""
    dark_rate: Annotated[float, In("cps", low=0)]
    """Electrons per second of one binned pixel at -70 degC; doubles every 7 K."""
    full_well: Annotated[float, In("1", above=0)]
    """Electrons of one binned pixel."""


class Detectors(BaseDetectors):
    """Everything that turns light into numbers."""

    apd: PhotonDetector
    signal: TimingDetector
    camera: Camera
