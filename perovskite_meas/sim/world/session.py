"""What one session draws once: the true spot, pulse, position and meter errors behind the nominal ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .base import Head, TableConfig
from .noise import generator


@dataclass(frozen=True)
class HeadError:
    """reading = calibration x (power + zero)."""

    calibration: float
    zero: float
    """W."""


@dataclass(frozen=True)
class Session:
    """The draws of one seed."""

    waist: float
    """nm."""
    pulse_duration: float
    """In the unit of the table's laser section."""
    off_centre_x: float
    """nm: emitter minus beam axis at scanner zero."""
    off_centre_y: float
    """nm."""
    heads: dict[str, HeadError]


def draw_session(config: TableConfig, seed: int) -> Session:
    """Draw the session of `seed`; each quantity from a source of its own."""
    sizes = config.imperfections

    def gauss(name: str) -> float:
        return float(generator(seed, f"session.{name}").standard_normal())

    def head(name: str, nominal: Head) -> HeadError:
        return HeadError(
            nominal.calibration * (1.0 + sizes.meter_calibration * gauss(f"{name}.calibration")),
            nominal.zero + sizes.meter_zero * gauss(f"{name}.zero"),
        )

    place = generator(seed, "session.off_centre")
    offset = place.standard_normal(2)
    if sizes.off_centre.fixed:
        offset = sizes.off_centre.radius * offset / np.hypot(*offset)
    else:
        offset = sizes.off_centre.radius / math.sqrt(2.0) * offset
    return Session(
        waist=config.optics.waist * (1.0 + sizes.spot_size * gauss("spot_size")),
        pulse_duration=config.laser.pulse_duration * (1.0 + sizes.pulse_duration * gauss("pulse_duration")),
        off_centre_x=float(offset[0]),
        off_centre_y=float(offset[1]),
        heads={
            "pickoff": head("pickoff", config.detectors.pickoff),
            "sample_head": head("sample_head", config.detectors.sample_head),
        },
    )
