"""Every number that the magneto table uses, under its name in the world file, and what follows from them."""

from __future__ import annotations

import math

import numpy as np

from ..scene import Truth
from ..session import Session
from ..truths import front_truths, named_truths
from .config import MagnetoConfig
from .draws import Draws
from .glow import Glow
from .kinetics import Rates
from .tagger import INPUTS

_WEAKEST, _CLOSEST = 0.03, 0.02
"""A line counts from this share of the strongest on; closer ones (meV) are one line."""
_SMALL = 0.1
"""T: a field in which the dark state brightens with the square of the field."""
_EXCITON_ONLY = ("dark", "bright_x", "bright_y", "bright_z", "dark_lifetime")


def all_truths(config: MagnetoConfig, session: Session, draws: Draws, glow: Glow) -> dict[str, Truth]:
    """Return name -> number in the unit of the world file, or word.

    Plain names are what is really used, session draws and switched-off imperfections included; names
    with the file's section in front (`optics.waist`) are the nominal entries. A trion has no dark state.
    """
    sizes, optics, sample = config.imperfections, config.optics, config.sample
    electron = np.array([sample.g_electron_x, sample.g_electron_y, sample.g_electron_z])
    hole = np.array([sample.g_hole_x, sample.g_hole_y, sample.g_hole_z])
    actual: dict[str, Truth] = {
        "background": config.background,
        "g_sum": float(np.mean(electron + hole)),
        "g_diff": abs(float(np.mean(electron - hole))),
        "n_lines": _lines(glow),
        "field_angle": optics.field_angle,
        "faraday_rotation": optics.faraday_rotation,
        "spectral_diffusion": sizes.spectral_diffusion,
        "field_scale": draws.field_scale,
        "dispersion_scale": draws.dispersion_scale,
        "spectral_drift": draws.spectral_drift,
        "analyser_offset": draws.analyser_offset,
        "focus_offset": draws.focus_offset,
        "thermometer_offset": draws.thermometers["A"],
        "read_noise": config.read_noise,
        "dark_current": config.dark_current,
    }
    named = named_truths(config)
    actual |= front_truths(config, session, INPUTS)
    if sample.kind == "trion":
        return {**{name: named[name] for name in named if name not in _EXCITON_ONLY}, **actual, "ground_state": "none"}
    return {**named, **actual, **_exciton(config, glow)}


def _exciton(config: MagnetoConfig, glow: Glow) -> dict[str, Truth]:
    sample = config.sample
    bright = (sample.bright_x, sample.bright_y, sample.bright_z)
    mean, rates = sum(bright) / 3.0, glow.rates
    shares = np.array(bright) - mean
    return {
        "bright_dark_splitting": mean - sample.dark,
        "lowest_gap": min(bright) - sample.dark,
        "ground_state": "dark" if sample.dark < min(bright) else "bright",
        "q": float(shares @ glow.view.field**2),
        "dark_rate_slope": _slope(glow, rates),
        # The entry is that of a dark state left to itself; what is warm enough goes on by way of the bright ones.
        "dark_lifetime": 1.0 / float(np.min(glow.unresolved().decay.rates)),
    }


def _slope(glow: Glow, rates: Rates) -> float:
    """Return by how much the dark state's decay rate grows with the square of the field, 1/(ns T^2)."""
    levels = glow.levels(_SMALL)
    return float(np.min(rates.share(levels))) / rates.bright_lifetime / _SMALL**2


def _lines(glow: Glow) -> float:
    """Return how many lines there are to see without field."""
    lines = glow.unresolved()
    seen = np.sort(lines.energies[lines.shares > _WEAKEST * np.max(lines.shares)])
    return 1.0 + float(np.count_nonzero(np.diff(seen) >= _CLOSEST))


def light_truths(excitations: float, signal: float, background: float) -> dict[str, Truth]:
    """Return what depends on the light; counts per second of the SPAD, without field."""
    total = signal + background
    return {
        "excitations": excitations,
        "signal": signal,
        "background_fraction": background / total if total > 0.0 else 0.0,
    }


def beside_axis(session: Session) -> float:
    """Return the irradiance at the emitter over that on the beam axis, in focus, the scanner at zero."""
    return math.exp(-2.0 * (session.off_centre_x**2 + session.off_centre_y**2) / session.waist**2)
