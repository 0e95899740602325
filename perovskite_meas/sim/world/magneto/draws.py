"""What one session draws once for the magneto table, on top of what every table draws."""

from __future__ import annotations

from dataclasses import dataclass

from ..noise import generator
from .config import MagnetoConfig


@dataclass(frozen=True)
class Draws:
    """Of one seed."""

    field_scale: float
    """True field over the coil's nominal one."""
    dispersion_scale: float
    """True dispersion of the spectrograph over the nominal one."""
    dial_offset: float
    """True minus dial, nm."""
    spectral_drift: float
    """Of the window, px/h."""
    analyser_offset: float
    """Of the analyser's plane, deg."""
    focus_offset: float
    """Of the emitter from where the focus was found before, um."""
    thermometers: dict[str, float]
    """Reading minus truth, K."""


def draw(config: MagnetoConfig, seed: int) -> Draws:
    """Draw the session of `seed`; each quantity from a source of its own."""
    sizes = config.imperfections

    def gauss(name: str) -> float:
        return float(generator(seed, f"session.{name}").standard_normal())

    return Draws(
        field_scale=1.0 + sizes.field_scale * gauss("field_scale"),
        dispersion_scale=1.0 + sizes.dispersion_scale * gauss("dispersion_scale"),
        dial_offset=sizes.turret_offset * gauss("turret_offset"),
        spectral_drift=sizes.spectral_drift * (1.0 if gauss("spectral_drift") > 0.0 else -1.0),
        analyser_offset=sizes.analyser_offset * gauss("analyser_offset"),
        focus_offset=sizes.focus_offset * gauss("focus_offset"),
        thermometers={one: sizes.thermometer_offset * gauss(f"thermometer_offset.{one}") for one in "AB"},
    )
