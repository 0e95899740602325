"""The stated facts of the bench that spectra in a field rest on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perovskite_meas.core.analysis import condition, fact
from perovskite_meas.core.errors import AnalysisRefused, UsageError
from perovskite_meas.core.lamp_lines import lamp_lines as known_lines
from perovskite_meas.core.value import Value

if TYPE_CHECKING:
    import xarray as xr

EV_NM = 1239.841984
"""Photon energy times wavelength in vacuum, in eV nm."""
MU_B = 0.0578838181
"""Bohr magneton, in meV/T."""
K_B = 0.08617333
"""Boltzmann's constant, in meV/K."""
FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))
DISPERSION_TRUST = 0.005
COIL_TRUST = 0.01
"""Relative 1-sigma of a coil constant that is stated without one."""


@dataclass(frozen=True)
class Setup:
    """Geometry, magnet, camera and axis of one scan."""

    angle: Value | None
    """Between field and viewing direction, in deg; None where not stated."""
    aperture: float | None
    """Numerical aperture."""
    viewing: str
    """Viewing direction in the crystal, as stated."""
    coil: Value
    """True over nominal field."""
    passes: float
    """Passes of the reference laser through the glass that turns the emission once."""
    gain: float
    """Electrons per count of the camera."""
    read_noise: float
    """In electrons, rms."""
    lines: tuple[float, ...]
    """Of the lamp, in vacuum, in nm."""
    dispersion: float
    """Relative 1-sigma of the dispersion by the bench's calibration."""
    reference: float | None
    """Wavelength of the reference laser in vacuum, in nm."""

    @classmethod
    def of(cls, data: xr.Dataset) -> Setup:
        """Read the conditions stored with the data.

        Raises:
            AnalysisRefused: the camera's gain is not positive.
        """
        gain, noise = number(data, "camera.gain", "1", 1.0), number(data, "camera.read_noise", "1", 5.0)
        if not gain > 0 or not noise >= 0:
            raise AnalysisRefused(f"camera.gain {gain:g} and read_noise {noise:g} in the bench must be positive")
        coil = optional(data, "geometry.coil", "1") or Value(1.0, COIL_TRUST, "1")
        angle = field_angle(data)
        aperture = fact(data, "geometry.na")
        reference = optional(data, "reference.wavelength", "nm")
        return cls(
            angle=angle,
            aperture=None if aperture is None else number(data, "geometry.na", "1", 0.8),
            viewing=str(fact(data, "geometry.viewing", "unknown")),
            coil=coil,
            passes=number(data, "geometry.faraday_passes", "1", 2.0),
            gain=gain,
            read_noise=noise,
            lines=lamp_lines(fact(data, "lamp.lines")),
            dispersion=_dispersion(fact(data, "wavelength.dispersion")),
            reference=None if reference is None else reference.nominal,
        )


def field_angle(data: xr.Dataset) -> Value | None:
    """Return the angle between field and view, in deg, from a number or from 'voigt' and 'faraday'."""
    stated = fact(data, "geometry.field_angle")
    words = {"voigt": 90.0, "faraday": 0.0}
    if isinstance(stated, str) and stated.strip().lower() in words:
        return Value(words[stated.strip().lower()], 2.0, "deg")
    return None if stated is None else condition(data, "geometry.field_angle", "deg")


def optional(data: xr.Dataset, dotted: str, unit: str) -> Value | None:
    """Return a condition as a Value in `unit`, or None where the bench does not state it."""
    return None if fact(data, dotted) is None else condition(data, dotted, unit)


def number(data: xr.Dataset, dotted: str, unit: str, default: float) -> float:
    """Return a condition as a number, whatever unit of a count it is stored with."""
    stored = fact(data, dotted)
    if stored is None:
        return default
    if isinstance(stored, Mapping):
        return float(stored["value"])
    return float(stored) if isinstance(stored, (int, float)) else condition(data, dotted, unit).nominal


def lamp_lines(stated: Any) -> tuple[float, ...]:
    """Return wavelengths in vacuum from the names of gases or from wavelengths in standard air, in nm.

    Raises:
        AnalysisRefused: the bench names lines that are none.
    """
    if isinstance(stated, Mapping):
        stated = stated.get("value", ())
    words = stated if isinstance(stated, str) else " ".join(str(line) for line in stated or ())
    if not words.strip():
        return ()
    try:
        return tuple(line.vacuum for line in known_lines(re.sub(r"[;+]", " ", words)))
    except UsageError as error:
        raise AnalysisRefused(f"lamp.lines in the bench: {error}") from error


def _dispersion(stated: Any) -> float:
    if isinstance(stated, Mapping) and float(stated.get("value", 0.0)):
        sigma = float(stated.get("sigma", 0.0) or 0.0)
        return abs(sigma / float(stated["value"])) or DISPERSION_TRUST
    return DISPERSION_TRUST
