"""Every number that the world uses, under its name in the world file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .base import TableConfig
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
    nominal = dict(flat(config))
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
    spads = [config.timing(name) for name in INPUTS]
    actual["zero_lag"] = (spads[1].delay - spads[0].delay) * 1e3
    grey = config.grey_yield
    actual |= {"grey_yield": 1.0 if grey is None else grey, "crosstalk": config.imperfections.crosstalk}
    for name, spad in zip(INPUTS, spads, strict=True):
        actual |= {f"{name}.{field}": value for field, value in spad.model_dump().items()}
    for name, head in session.heads.items():
        actual |= {f"{name}.calibration": head.calibration, f"{name}.zero": head.zero}
    return {**nominal, **plain, **actual}


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


def flat(config: TableConfig) -> Iterator[tuple[str, Truth]]:
    """Return the entries of a world file as (name with the sections in front, number or word)."""
    return _flat("", config.model_dump(exclude={"instruments", "seed", "table"}))


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
