"""Every number that the ASE table uses, under its name in the world file."""

from __future__ import annotations

import math

from ..scene import Truth
from ..truths import named_truths
from .config import AseConfig
from .draws import Draws


def all_truths(config: AseConfig, draws: Draws) -> dict[str, Truth]:
    """Return name -> number in the unit of the world file, or word.

    Plain names are what is really used, session draws and switched-off imperfections included; names
    with the file's section in front (`optics.waist`) are the nominal entries.
    """
    sizes, optics, laser, film = config.imperfections, config.optics, config.laser, config.film
    area = draws.waist * draws.waist_y / (optics.waist * optics.waist_y)
    actual: dict[str, Truth] = {
        "lasing": "yes" if film.lasing else "no",
        "photon_order": float(film.photon_order),
        "degradation_dose": film.degradation_dose or math.inf,
        "heating": film.heating,
        "waist": draws.waist,
        "waist_y": draws.waist_y,
        "top_hat": optics.top_hat,
        "fluence_scale": draws.heads["pickoff"].calibration * area,
        "repetition_rate": laser.repetition_rate,
        "pulse_duration": draws.pulse_duration,
        "pulse_shape": laser.pulse_shape,
        "energy_jitter": sizes.energy_jitter,
        "maximum_energy": optics.attenuator.maximum_energy,
        "angle_of_maximum": optics.attenuator.angle_of_maximum,
        "extinction": optics.attenuator.extinction,
        "pickoff_ratio": optics.pickoff_ratio,
        "knife_x": draws.knife_x,
        "knife_y": draws.knife_y,
        "dispersion_scale": draws.dispersion_scale,
        "wavelength_offset": draws.wavelength_offset,
        "analyser_offset": draws.analyser_offset,
        "read_noise": config.read_noise,
        "dark_current": config.dark_current,
    }
    actual |= {f"filter_{place}": one for place, one in enumerate(draws.filters, start=1)}
    for name, head in draws.heads.items():
        actual |= {f"{name}.calibration": head.calibration, f"{name}.zero": head.zero}
    return {**named_truths(config), **actual}
