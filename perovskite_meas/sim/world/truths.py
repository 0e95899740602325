"""Every number that the world uses, under its name in the world file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .base import TableConfig, WorldFile
from .config import WorldConfig
from .emitter import Emitter
from .photons.tagger import INPUTS
from .scene import Truth
from .session import Session


def all_truths(config: WorldConfig, session: Session, emitter: Emitter) -> dict[str, Truth]:
    """Return name -> number in the unit of the world file, or word.

    Plain names are what is really used, session draws and switched-off imperfections included; names
    with the file's section in front (`optics.waist`) are the nominal entries.
    """
    actual: dict[str, Truth] = {
        "bleaching_dose": config.bleaching_dose or math.inf,
        "background": config.background,
        "efficiency": config.sample.efficiency,
        "plateau": emitter.plateau,
    }
    spads = [config.timing(name) for name in INPUTS]
    actual["zero_lag"] = (spads[1].delay - spads[0].delay) * 1e3
    grey = config.grey_yield
    actual |= {"grey_yield": 1.0 if grey is None else grey, "crosstalk": config.imperfections.crosstalk}
    return {**named_truths(config), **front_truths(config, session, INPUTS), **actual}


def named_truths(config: WorldFile) -> dict[str, Truth]:
    """Return every entry of a world file under its whole name, and those of the sample under their last one, too."""
    nominal = dict(_flat("", config.model_dump(exclude={"instruments", "seed", "table"})))
    return nominal | {name.split(".")[-1]: value for name, value in nominal.items() if name.startswith("sample.")}


def front_truths(config: TableConfig, session: Session, inputs: Sequence[str]) -> dict[str, Truth]:
    """Return what every table really uses of laser, optics and detectors; `inputs` are those with a time tag."""
    optics = config.optics
    found: dict[str, Truth] = {
        "repetition_rate": config.laser.repetition_rate,
        "pulse_shape": config.laser.pulse_shape,
        "pulse_duration": session.pulse_duration,
        "waist": session.waist,
        "off_centre": math.hypot(session.off_centre_x, session.off_centre_y),
        "off_centre_x": session.off_centre_x,
        "off_centre_y": session.off_centre_y,
        "maximum_power": optics.attenuator.maximum_power,
        "angle_of_maximum": optics.attenuator.angle_of_maximum,
        "extinction": optics.attenuator.extinction,
        "pickoff_ratio": optics.pickoff_ratio,
        "apd.dead_time": config.dead_time,
        "apd.dark_rate": config.dark_rate,
        "apd.afterpulsing": config.afterpulsing,
    }
    for name in inputs:
        found |= {f"{name}.{field}": value for field, value in config.timing(name).model_dump().items()}
    for name, head in session.heads.items():
        found |= {f"{name}.calibration": head.calibration, f"{name}.zero": head.zero}
    return found


def light_truths(emitter: Emitter, excitations: float, dark_rate: float) -> dict[str, Truth]:
    """Return what depends on the light; `excitations` is <N> at the emitter, 0 the limit of little light.

    Args:
        emitter: the sample, all of it neutral.
        excitations: per pulse, or per lifetime under continuous light.
        dark_rate: of all detectors that share the light, cps.
    """
    x = np.array([excitations])
    signal = emitter.plateau * float(emitter.relative(x, np.zeros((1, emitter.emitters), dtype=bool))[0])
    other = emitter.background_beside(excitations) + dark_rate
    return {
        "excitations": excitations,
        "g2_zero": emitter.g2_zero(excitations),
        "antibunching_time": emitter.antibunching_time(excitations),
        "signal": signal,
        "background_fraction": other / (signal + other) if signal + other > 0.0 else 0.0,
    }


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
