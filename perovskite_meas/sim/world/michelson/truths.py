"""Every number that the Michelson table uses, under its name in the world file, and what follows from them."""

from __future__ import annotations

import math

from ..scene import Truth
from ..session import Session
from ..truths import flat
from .config import MichelsonConfig
from .dot import Dot
from .geometry import Geometry
from .response import HBAR

_DOT_ONLY = ("t2", "t1", "splitting", "splitting_ratio", "response", "diffusion_time")


def all_truths(config: MichelsonConfig, session: Session, geometry: Geometry, dot: Dot) -> dict[str, Truth]:
    """Return name -> number in the unit of the world file, or word.

    Plain names are what is really used, session draws and switched-off imperfections included; names
    with the file's section in front (`optics.waist`) are the nominal entries. Without a nanocrystal there is no T2.
    """
    nominal = dict(flat(config))
    sample, optics = config.sample, config.optics
    plain = {name.split(".")[-1]: value for name, value in nominal.items() if name.startswith("sample.")}
    actual: dict[str, Truth] = {
        "background": config.background,
        "off_time": config.off_time * 1e3,
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
        "arm_balance": optics.arm_balance,
        "leakage": config.imperfections.leakage,
        "visibility_zero": dot.visibility,
        "zero_delay": geometry.zero,
        "fringe_period": 2.0 * math.pi / dot.omega * 1e3,
        "piezo_scale": geometry.piezo_scale,
        "phase_drift": geometry.noise.drift,
        "apd.dead_time": config.dead_time,
        "apd.dark_rate": config.dark_rate,
        "apd.afterpulsing": config.afterpulsing,
    }
    for name in ("signal", "monitor"):
        actual |= {f"{name}.{field}": value for field, value in config.timing(name).model_dump().items()}
    for name, head in session.heads.items():
        actual |= {f"{name}.calibration": head.calibration, f"{name}.zero": head.zero}
    if dot.is_laser:
        return {**nominal, **{name: plain[name] for name in plain if name not in _DOT_ONLY}, **actual}
    line: dict[str, Truth] = {
        "linewidth": 2.0 * HBAR / sample.t2,
        "inhomogeneous": config.diffusion,
        "beat": sample.splitting if sample.splitting_ratio else 0.0,
    }
    if line["beat"] == 0.0:
        line["visibility_intercept"] = dot.intercept(sample.t2)
    return {**nominal, **plain, **actual, **line}


def light_truths(dot: Dot, power: float) -> dict[str, Truth]:
    """Return what depends on the light, for this power of both arms on the dot (W)."""
    signal = dot.mean_rate(power)
    return {
        "pulse_area": dot.area(power) / math.pi,
        "pulse_area_b": dot.area(power, 1) / math.pi,
        "signal": signal,
    }
