"""How the keys of the calibrations of a spectrum are read, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .calibrations import Calibration
from .document import Node
from .spectral_calibrations import GeometryCalibration, SpectralCalibration

GEOMETRIES = {"voigt": (90.0, 2.0), "faraday": (0.0, 2.0)}
"""Angle between field and viewing direction by name, in deg, with the sigma of a sample glued by hand."""


def _positive(node: Node, unit: str) -> float | None:
    number = node.quantity(unit)
    if number is not None and number <= 0:
        node.problem(f"must be above 0 {unit}")
    return number


def _grating(node: Node) -> int | None:
    number = node.quantity("1")
    if number is not None and not (number.is_integer() and number >= 1):
        node.problem(f"must be the number of a grating, 1 or more; got {number:g}")
    return None if number is None else int(number)


def _coil(node: Node) -> tuple[float, float] | None:
    found = node.measured("1")
    if found is not None and found[0] <= 0:
        node.problem("is the true field over the nominal one; write it like '1 +- 1 %'")
    return found


def _dispersion(node: Node) -> tuple[float, float] | None:
    found = node.measured("nm/px")
    if found is not None and found[0] == 0:
        node.problem("must not be 0; write it like '7.9e-3 nm/px +- 0.5 %'")
    return found


def _field_angle(node: Node) -> tuple[float, float] | None:
    if isinstance(node.value, str) and node.value in GEOMETRIES:
        return GEOMETRIES[node.value]
    found = node.measured("deg")
    if found is not None and not 0 <= found[0] <= 90:
        node.problem(f"must be from 0 deg (faraday) to 90 deg (voigt); got {found[0]:g} deg")
    return found


def _aperture(node: Node) -> float | None:
    number = node.quantity("1")
    if number is not None and not 0 < number < 1.6:
        node.problem(f"must be above 0 and below 1.6; got {number:g}")
    return number


def _wavelength(found: dict[str, Any]) -> Calibration:
    curvature, lamp = found["curvature"] or (0.0, 0.0), found["lamp"] or ""
    return SpectralCalibration(**found | {"curvature": curvature, "lamp": lamp})


def _geometry(found: dict[str, Any]) -> Calibration:
    """A coil whose field was never measured is off by a percent; the reference laser comes back through the glass."""
    coil, passes = found["coil"] or (1.0, 0.01), found["faraday_passes"]
    return GeometryCalibration(**found | {"coil": coil, "faraday_passes": 2.0 if passes is None else passes})


SPECTRAL_READERS: dict[str, Callable[[Node], Any]] = {
    "centre": lambda node: _positive(node, "nm"),
    "offset": lambda node: node.measured("nm"),
    "dispersion": _dispersion,
    "curvature": lambda node: node.measured("nm/px^2"),
    "focal": lambda node: _positive(node, "px"),
    "grating": _grating,
    "lamp": Node.text,
    "field_angle": _field_angle,
    "na": _aperture,
    "viewing": Node.text,
    "coil": _coil,
    "faraday_passes": lambda node: node.quantity("1", least=0.0),
}
SPECTRAL_BUILDERS: dict[str, Callable[[dict[str, Any]], Calibration]] = {
    "wavelength": _wavelength,
    "geometry": _geometry,
}
