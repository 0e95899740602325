"""Every number that the Michelson table uses, under its name in the world file, and what follows from them."""

from __future__ import annotations

import math

from ..scene import Truth
from ..session import Session
from ..truths import front_truths, named_truths
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
    sample = config.sample
    actual: dict[str, Truth] = {
        "background": config.background,
        "off_time": config.off_time * 1e3,
        "arm_balance": config.optics.arm_balance,
        "leakage": config.imperfections.leakage,
        "visibility_zero": dot.visibility,
        "zero_delay": geometry.zero,
        "fringe_period": 2.0 * math.pi / dot.omega * 1e3,
        "piezo_scale": geometry.piezo_scale,
        "phase_drift": geometry.noise.drift,
    }
    named = named_truths(config)
    actual |= front_truths(config, session, ("signal", "monitor"))
    if dot.is_laser:
        return {**{name: named[name] for name in named if name not in _DOT_ONLY}, **actual}
    line: dict[str, Truth] = {
        "linewidth": 2.0 * HBAR / sample.t2,
        "inhomogeneous": config.diffusion,
        "beat": sample.splitting if sample.splitting_ratio else 0.0,
    }
    if line["beat"] == 0.0:
        line["visibility_intercept"] = dot.intercept(sample.t2)
    return {**named, **actual, **line}


def light_truths(dot: Dot, power: float) -> dict[str, Truth]:
    """Return what depends on the light, for this power of both arms on the dot (W)."""
    signal = dot.mean_rate(power)
    return {
        "pulse_area": dot.area(power) / math.pi,
        "pulse_area_b": dot.area(power, 1) / math.pi,
        "signal": signal,
    }
