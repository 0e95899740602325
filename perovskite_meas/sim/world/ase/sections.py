"""The parts of the ASE table's world file, each number with its unit.

Numbers are kept in the unit in which the file's field is documented here; text carries its own unit.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base import BaseLaser, Section
from ..quantity import In, OneOf

KINDS = ("ase", "lasing")
"""Kinds of film: light that is amplified once along the stripe, or light that finds cavities."""
FILTERS = 6
"""Places of the filter wheel."""

_SHARE = In("1", low=0, high=1)


class Sample(Section):
    """A film of nanocrystals. Defaults of the packaged file: PHYSICS 3.2 and 9."""

    kind: Annotated[str, OneOf(KINDS)]
    photon_order: int = Field(ge=1, le=5)
    """Pump photons that make one electron-hole pair."""
    threshold_fluence: Annotated[float, In("J/cm^2", above=0)]
    """Incident peak fluence that leaves no gain at the film's surface, for the mean size, on a spot without scatter."""
    charged_fraction: Annotated[float, _SHARE]
    """Of the nanocrystals; they have gain from fewer pairs on."""
    gain: Annotated[float, In("1/cm", above=0)]
    """At full inversion."""
    loss: Annotated[float, In("1/cm", low=0)]
    """Along the film, also where it is not pumped."""
    optical_depth: Annotated[float, In("1", low=0, high=10)]
    """Of the film at the pump wavelength: ln of incident over transmitted light."""
    size_spread: Annotated[float, In("1", low=0, high=0.5)]
    """1-sigma of how well nanocrystals absorb."""
    energy: Annotated[float, In("eV", low=0.6, high=4)]
    """Of the spontaneous emission's maximum."""
    linewidth: Annotated[float, In("meV", above=0, high=500)]
    """FWHM of the spontaneous emission."""
    gain_width: Annotated[float, In("meV", above=0, high=500)]
    """FWHM of the gain."""
    gain_shift: Annotated[float, In("meV", low=-200, high=200)]
    """Maximum of the gain minus that of the spontaneous emission."""
    biexciton_ratio: Annotated[float, _SHARE]
    """Quantum yield of two pairs over that of one."""
    brightness: Annotated[float, In("1", above=0)]
    """Spontaneous photo-electrons per pulse of 0.5 mm pumped evenly with one pair in every nanocrystal, no filter."""
    spontaneous_coupling: Annotated[float, _SHARE]
    """Share of the spontaneous light that runs along the stripe and is amplified."""
    saturation: Annotated[float, In("1", above=0)]
    """Light running along the stripe that halves the gain, over `brightness`."""
    reabsorption: Annotated[float, _SHARE]
    """Band-edge absorption outside of the stripe, over `gain`; 0: only `loss` acts there."""
    degradation_dose: Annotated[float, In("J/cm^2", above=0)]
    """Dose on one place after which 1/e of the brightness is left."""
    degradation_threshold: Annotated[float, In("1", low=0, high=100)]
    """Relative rise of the threshold by then."""
    heating: Annotated[float, In("cm^2/W", low=0)]
    """Relative rise of the threshold per average irradiance of the past seconds."""
    mode_spacing: Annotated[float, In("nm", above=0, high=100)]
    """Of a film that lases."""
    mode_width: Annotated[float, In("nm", above=0, high=10)]
    """FWHM of one mode."""
    mode_scatter: Annotated[float, In("1", low=0, high=2)]
    """Relative scatter of one mode's light from pulse to pulse."""
    polarisation: Annotated[float, _SHARE]
    """Degree of linear polarisation of the amplified light, along the lab's x axis."""


class Laser(BaseLaser):
    """The amplifier, or what seeds it, and its pulse picker."""

    wavelength: Annotated[float, In("nm", low=300, high=3000)]
    """Nominal; the film is made for it."""
    repetition_rate: Annotated[float, In("Hz", above=0, high=1e5)]
    """Of the amplifier, before the picker."""
    pulse_duration: Annotated[float, In("fs", above=0)]
    """Intensity FWHM at the sample."""
    divider: int = Field(ge=1, le=1_000_000)
    """Of the picker, when the world begins."""
    power: Annotated[float, In("W", above=0)]
    """Average, of the laser itself, before any picking."""
    shortest: Annotated[float, In("nm", low=200, high=3000)]
    """Wavelength to which it can be tuned."""
    longest: Annotated[float, In("nm", low=200, high=3000)]


class EnergyAttenuator(Section):
    """Half-wave plate and polariser."""

    maximum_energy: Annotated[float, In("J", above=0, high=10)]
    """Of a pulse in the whole focus at the film, on average."""
    angle_of_maximum: Annotated[float, In("deg", low=-360, high=360)]
    extinction: Annotated[float, _SHARE]
    """Lowest over highest energy."""


class Optics(Section):
    """From the laser to the line on the film, and from the film's edge to the spectrometer."""

    waist: Annotated[float, In("um", above=0)]
    """1/e^2 radius of the intensity along the line."""
    waist_y: Annotated[float, In("um", above=0)]
    """The same across it."""
    top_hat: Annotated[float, _SHARE]
    """Share of the energy that is even across the line instead of Gaussian, with the same maximum."""
    centre: Annotated[float, In("mm", low=-10, high=10)]
    """Of the line, from the film's edge with the stage at 0."""
    near: Annotated[float, In("mm", low=0, high=100)]
    """Where the near blade stands when the world begins, from the film's edge with the stage at 0."""
    slit: Annotated[float, In("mm", low=0, high=100)]
    """The same of the far blade."""
    knife_x: Annotated[float, In("mm", low=-100, high=100)]
    """Position of the knife edge that halves the beam along the line; below it passes everything."""
    knife_y: Annotated[float, In("mm", low=-100, high=100)]
    attenuator: EnergyAttenuator
    pickoff_ratio: Annotated[float, In("1", above=0)]
    """Energy on the pick-off head over energy in the focus."""
    analyser_zero: Annotated[float, In("deg", low=-360, high=360)]
    """Mount angle of the half-wave plate that lets the lab's x axis through."""
    filters: Annotated[list[Annotated[float, _SHARE]], Field(min_length=FILTERS, max_length=FILTERS)]
    """Nominal transmission of each place of the wheel."""


class Spectrograph(Section):
    """The fixed grating in front of the camera."""

    centre: Annotated[float, In("nm", low=300, high=2000)]
    """Vacuum wavelength in the middle of the sensor."""
    dispersion: Annotated[float, In("nm", above=0, high=10)]
    """Of one pixel there."""
    curvature: Annotated[float, In("1", low=-1, high=1)]
    """Relative change of the dispersion from the middle to the red end."""
    resolution: Annotated[float, In("nm", above=0, high=10)]
    """FWHM of a sharp line."""


class Camera(Section):
    """The CCD, all rows binned."""

    pixels: int = Field(ge=16, le=8192)
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


class EnergyHeadSection(Section):
    """An energy head's own error; what a session draws comes on top."""

    calibration: Annotated[float, In("1", above=0)]
    """Reading over truth."""
    zero: Annotated[float, In("J")]


class Detectors(Section):
    """Everything that turns light into numbers."""

    camera: Camera
    pickoff: EnergyHeadSection
    sample_head: EnergyHeadSection
