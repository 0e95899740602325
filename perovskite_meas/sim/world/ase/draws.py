"""What one session of the ASE table draws once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..noise import generator
from ..session import HeadError
from .config import AseConfig
from .sections import EnergyHeadSection


@dataclass(frozen=True)
class Draws:
    """Of one seed."""

    waist: float
    """um."""
    waist_y: float
    """um."""
    pulse_duration: float
    """fs."""
    heads: dict[str, HeadError]
    """J."""
    filters: tuple[float, ...]
    """Transmissions."""
    dispersion_scale: float
    """True dispersion over the nominal one."""
    wavelength_offset: float
    """Of the spectrometer's middle, nm."""
    knife_x: float
    """mm: position of the knife edge that halves the beam."""
    knife_y: float
    """mm."""
    analyser_offset: float
    """deg."""


def draw(config: AseConfig, seed: int) -> Draws:
    """Draw the session of `seed`; each quantity from a source of its own."""
    sizes, optics = config.imperfections, config.optics

    def gauss(name: str) -> float:
        return float(generator(seed, f"session.{name}").standard_normal())

    def head(name: str, nominal: EnergyHeadSection) -> HeadError:
        return HeadError(
            nominal.calibration * (1.0 + sizes.meter_calibration * gauss(f"{name}.calibration")),
            nominal.zero + sizes.meter_zero * gauss(f"{name}.zero"),
        )

    def transmission(place: int, nominal: float) -> float:
        scatter = sizes.filter_scatter * gauss(f"filter.{place}")
        return nominal if nominal >= 1.0 else min(1.0, nominal * math.exp(scatter))

    return Draws(
        waist=optics.waist * (1.0 + sizes.spot_size * gauss("spot_size.x")),
        waist_y=optics.waist_y * (1.0 + sizes.spot_size * gauss("spot_size.y")),
        pulse_duration=config.laser.pulse_duration * (1.0 + sizes.pulse_duration * gauss("pulse_duration")),
        heads={name: head(name, getattr(config.detectors, name)) for name in ("pickoff", "sample_head")},
        filters=tuple(transmission(place, one) for place, one in enumerate(optics.filters, start=1)),
        dispersion_scale=1.0 + sizes.dispersion_scale * gauss("dispersion_scale"),
        wavelength_offset=sizes.wavelength_offset * gauss("wavelength_offset"),
        knife_x=optics.knife_x + sizes.knife_offset * gauss("knife.x"),
        knife_y=optics.knife_y + sizes.knife_offset * gauss("knife.y"),
        analyser_offset=sizes.analyser_offset * gauss("analyser_offset"),
    )
