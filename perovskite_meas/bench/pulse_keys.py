"""How the keys of the calibrations of single pulses are read, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .calibrations import Calibration, SpotCalibration
from .document import Node
from .pulse_calibrations import CollectionCalibration, EnergyAtSample, EnergyCalibration

PULSE_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "energy_at_sample": (("date", "ratio"), ("zero", "wavelength", "head")),
    "energy": (("date", "maximum", "angle_of_maximum", "extinction", "range"), ("sigma",)),
    "collection": (("date", "geometry"), ("na", "filter", "length")),
}
"""Required and optional keys by kind; the longer of two names that begin alike stands first."""
PULSE_UNITS = {"energy": {"maximum": "J", "range": "J"}, "energy_at_sample": {"zero": "J"}}
"""Units of keys that mean something else in another kind."""


def _length(node: Node) -> tuple[float, float] | None:
    found = node.measured("mm")
    if found is not None and found[0] <= 0:
        node.problem("must be above 0 mm; leave it out where the length of the stripe is not known")
    return found


def _waist_y(node: Node) -> tuple[float, float] | None:
    found = node.measured("nm")
    if found is not None and found[0] <= 0:
        node.problem("must be above 0 nm; leave it out for a round focus")
    return found


def _energy(found: dict[str, Any]) -> Calibration:
    return EnergyCalibration(**found | {"extinction": found["extinction"][0], "sigma": found["sigma"] or 0.0})


def _energy_at_sample(found: dict[str, Any]) -> Calibration:
    return EnergyAtSample(**found | {"zero": found["zero"] or (0.0, 0.0), "head": found["head"] or ""})


PULSE_READERS: dict[str, Callable[[Node], Any]] = {
    "geometry": Node.text,
    "filter": Node.text,
    "length": _length,
    "waist_y": _waist_y,
    "profile": lambda node: node.text(("gauss", "top_hat")),
}
PULSE_BUILDERS: dict[str, Callable[[dict[str, Any]], Calibration]] = {
    "energy": _energy,
    "energy_at_sample": _energy_at_sample,
    "collection": lambda found: CollectionCalibration(**found | {"filter": found["filter"] or ""}),
    "spot": lambda found: SpotCalibration(**found | {"profile": found["profile"] or "gauss"}),
}
