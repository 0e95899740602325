"""Every number that the world uses, under its name in the world file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .config import WorldConfig
from .emitter import Emitter
from .session import Session

Truth = float | str


def all_truths(config: WorldConfig, session: Session, emitter: Emitter) -> dict[str, Truth]:
    """Return name -> number in the unit of the world file, or word.

    Plain names are what is really used, session draws and switched-off imperfections included; names
    with the file's section in front (`optics.waist`) are the nominal entries.
    """
    nominal = dict(_flat("", config.model_dump(exclude={"instruments", "seed"})))
    plain = {name.split(".")[-1]: value for name, value in nominal.items() if name.startswith("sample.")}
    actual: dict[str, Truth] = {
        "bleaching_dose": config.bleaching_dose or math.inf,
        "background": config.background,
        "efficiency": config.sample.efficiency,
        "plateau": emitter.plateau,
        "repetition_rate": config.laser.repetition_rate,
        "pulse_shape": config.laser.pulse_shape,
        "pulse_duration": session.pulse_duration,
        "waist": session.waist,
        "off_centre": math.hypot(session.off_centre_x, session.off_centre_y),
        "off_centre_x": session.off_centre_x,
        "off_centre_y": session.off_centre_y,
        "maximum_power": config.optics.attenuator.maximum_power,
        "angle_of_maximum": config.optics.attenuator.angle_of_maximum,
        "extinction": config.optics.attenuator.extinction,
        "pickoff_ratio": config.optics.pickoff_ratio,
        "apd.dead_time": config.dead_time,
        "apd.dark_rate": config.dark_rate,
        "apd.afterpulsing": config.afterpulsing,
    }
    for name, head in session.heads.items():
        actual |= {f"{name}.calibration": head.calibration, f"{name}.zero": head.zero}
    return {**nominal, **plain, **actual}


def _flat(prefix: str, tree: dict[str, Any]) -> Iterator[tuple[str, Truth]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        elif value is None:
            yield prefix + name, "on"
        elif isinstance(value, (int, float)):
            yield prefix + name, float(value)
        else:
            yield prefix + name, value if isinstance(value, str) else ", ".join(map(str, value))
