"""The kinds of calibration: which keys each has, how they are read, and what is made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..core.delay_scale import DelayScale
from .calibrations import (
    AttenuatorCalibration,
    Calibration,
    DelayCalibration,
    PowerAtSample,
    PulseCalibration,
    TimingCalibration,
)
from .document import Node
from .pulse_keys import PULSE_BUILDERS, PULSE_KEYS, PULSE_READERS, PULSE_UNITS
from .spectral_keys import SPECTRAL_BUILDERS, SPECTRAL_READERS

COMMON = ("date", "max_age", "kind", "notes")
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "attenuator": (("date", "maximum", "angle_of_maximum", "extinction", "range"), ("sigma",)),
    "power_at_sample": (("date", "ratio", "range"), ("zero", "extinction", "maximum", "wavelength", "head")),
    "pulse": (("date", "repetition_rate", "duration", "shape", "wavelength"), ("energy_spread",)),
    "spot": (("date", "waist"), ("centring", "waist_y", "profile")),
    "irf": (("date", "bin", "a", "b"), ("zero_lag", "wavelength")),
    "delay": (("date", "zero"), ("passes", "air_index", "sense", "fine_scale")),
    "wavelength": (("date", "centre", "offset", "dispersion"), ("curvature", "focal", "grating", "lamp")),
    "geometry": (("date", "field_angle", "na", "viewing"), ("coil", "faraday_passes")),
    **PULSE_KEYS,
}
"""Required and optional keys by kind."""
UNITS = {"angle_of_maximum": "deg", "maximum": "W", "range": "W", "wavelength": "nm"}
UNITS |= {"bin": "ps", "zero_lag": "ps"}
UNITS |= {
    "centre": "nm",
    "offset": "nm",
    "dispersion": "nm/px",
    "curvature": "nm/px^2",
    "focal": "px",
    "field_angle": "deg",
}
UNITS |= {"repetition_rate": "Hz", "duration": "fs", "waist": "nm", "waist_y": "nm", "centring": "nm", "max_age": "d"}
UNITS |= {"length": "mm"}
"""Unit by key, where a key has one in all kinds."""
_OWN_UNITS = {"power_at_sample": {"zero": "W"}, "delay": {"zero": "mm"}, **PULSE_UNITS}
"""Units of keys that mean something else in another kind."""
WITH_SIGMA = {"ratio", "zero", "zero_lag", "extinction", "repetition_rate", "duration", "waist", "fine_scale", "offset"}
WITH_SIGMA |= {"dispersion", "curvature", "field_angle", "coil", "waist_y", "length"}
_HOW = {
    "attenuator": "run PowerCalibration",
    "power_at_sample": "run PowerCalibration",
    "irf": "leave it out: HBT measures it where the bench has a `reference`",
    "delay": "state {date: ..., zero: 12.5 mm +- 0.1 mm}, the position of equal paths as well as you know it: "
    "MichelsonScan finds the zero of each run near it",
    "wavelength": "state the nominal axis, e.g. {date: ..., centre: 539 nm, offset: 0 nm, dispersion: 8e-3 nm/px}, and "
    "run WavelengthCalibration",
    "geometry": "state {date: ..., field_angle: voigt, na: 0.8, viewing: unknown} as the sample is mounted",
    "energy": "measure the energy of a pulse at the sample over the angle of the mount",
    "energy_at_sample": "put an energy head at the sample and compare it with this one",
    "spot": "run KnifeEdge where the table has two edges, or state its keys in place of the file",
    "collection": "state {date: ..., geometry: edge, na: 0.1, filter: FELH0450, length: 0.5 mm +- 5 %}",
}
_PER_VOLT = re.compile(r"/\s*[a-zµμ]?V\b")
_LETTER = re.compile(r"[A-Za-zµμ]")


def units_of(mapping: Mapping[str, Any], name: str = "") -> dict[str, str]:
    """Return the unit by key of the calibration that a mapping holds: by its kind, its name, else by its keys."""
    fitting = (kind for kind, (required, _) in KEYS.items() if set(required) <= set(mapping))
    kind = str(mapping.get("kind") or (name if name in KEYS else next(fitting, "")))
    return {**UNITS, **_OWN_UNITS.get(kind, {})}


def how_to_get(name: str, kind: str | None = None) -> str:
    """Return the advice on how to come by a calibration of this kind, or of the kind that its name tells."""
    kind = kind or next((one for one in KEYS if name == one or name.startswith(f"{one}_")), "")
    return _HOW.get(kind, "state its keys in place of the file")


def read_keys(kind: str, keys: Mapping[str, Node]) -> dict[str, Any]:
    """Return what the keys of one calibration state; problems are reported at their nodes."""
    own = {key: _OWN_READERS.get(key, _measured)(unit) for key, unit in _OWN_UNITS.get(kind, {}).items()}
    readers = {**_READERS, **own}
    found = {key: readers[key](child) for key, child in keys.items() if key in readers}
    _check_order(keys, found, _OWN_UNITS.get(kind, {}).get("range", "W"))
    return found


def build(kind: str, found: dict[str, Any]) -> Calibration:
    """Return the calibration of this kind from the values of all its keys, None where one is not stated."""
    return _BUILDERS[kind](found)


def _check_order(keys: Mapping[str, Node], found: Mapping[str, Any], unit: str) -> None:
    low_high = found.get("range")
    if low_high is not None and not 0 <= low_high[0] < low_high[1]:
        keys["range"].problem(f"must rise, from 0 {unit} or more; write it like [0.5 u{unit}, 110 u{unit}]")
    maximum = found.get("maximum")
    if low_high is not None and maximum is not None and low_high[1] > maximum:
        keys["range"].problem("ends above `maximum`; a calibrated range lies below it")
    extinction = found.get("extinction")
    share = extinction[0] if isinstance(extinction, tuple) else extinction
    if share is not None and not 0 <= share < 1:
        keys["extinction"].problem("is the least over the highest power; write a number from 0 to 1 such as 1e-4")


def _positive(unit: str) -> Callable[[Node], Any]:
    def read(node: Node) -> float | None:
        number = node.quantity(unit)
        if number is not None and number <= 0:
            node.problem(f"must be above 0 {unit}")
        return number

    return read


def _measured(unit: str) -> Callable[[Node], Any]:
    return lambda node: node.measured(unit)


def _positive_measured(unit: str) -> Callable[[Node], Any]:
    def read(node: Node) -> tuple[float, float] | None:
        found = node.measured(unit)
        if found is not None and found[0] <= 0:
            node.problem(f"must be above 0 {unit}".rstrip(" 1"))
        return found

    return read


def _counts(node: Node) -> tuple[float, ...] | None:
    found = [item.quantity("1", least=0.0) for item in node.items()]
    return None if None in found else tuple(number for number in found if number is not None)


def _whole(node: Node, allowed: str, fits: Callable[[float], bool]) -> int | None:
    number = node.quantity("1")
    if number is not None and not (number.is_integer() and fits(number)):
        node.problem(f"must be {allowed}; got {number:g}")
    return None if number is None else int(number)


def _air_index(node: Node) -> float | None:
    number = node.quantity("1")
    if number is not None and not 1.0 <= number < 1.1:
        node.problem(f"must be from 1 to 1.1, 1.00027 in air; got {number:g}")
    return number


def _fine_scale(node: Node) -> tuple[tuple[float, float], str] | None:
    """Return um of mirror travel per unit of the fine axis with sigma, and that unit."""
    text = node.value if isinstance(node.value, str) else ""
    per_volt = _PER_VOLT.search(text) is not None
    found = node.measured("um/V" if per_volt else "um/um" if _LETTER.search(text) else "1")
    if found is not None and found[0] == 0:
        node.problem("must not be 0; write it like '1 um/um' or '0.2 um/V +- 1 %'")
    return None if found is None else (found, "V" if per_volt else "um")


_OWN_READERS: dict[str, Callable[[str], Callable[[Node], Any]]] = {
    "maximum": _positive,
    "range": lambda unit: lambda node: node.pair(unit),
}
"""Readers by key of what has another unit in another kind; any other is measured."""
_READERS: dict[str, Callable[[Node], Any]] = {
    "date": Node.date,
    "max_age": _positive("d"),
    "maximum": _positive("W"),
    "angle_of_maximum": lambda node: node.quantity("deg"),
    "extinction": lambda node: node.measured("1", least=0.0),
    "range": lambda node: node.pair("W"),
    "sigma": lambda node: node.quantity("1", least=0.0),
    "ratio": _positive_measured("1"),
    "wavelength": _positive("nm"),
    "head": Node.text,
    "repetition_rate": _positive_measured("Hz"),
    "duration": _positive_measured("fs"),
    "energy_spread": lambda node: node.quantity("1", least=0.0),
    "shape": lambda node: node.text(("gauss", "sech2", "rect")),
    "waist": _positive_measured("nm"),
    "centring": lambda node: node.quantity("nm", least=0.0),
    "bin": _positive("ps"),
    "zero_lag": lambda node: node.measured("ps"),
    "a": _counts,
    "b": _counts,
    "passes": lambda node: _whole(node, "1 or more", lambda number: number >= 1),
    "sense": lambda node: _whole(node, "1 or -1", lambda number: number in (1, -1)),
    "air_index": _air_index,
    "fine_scale": _fine_scale,
    **SPECTRAL_READERS,
    **PULSE_READERS,
}


def _attenuator(found: dict[str, Any]) -> Calibration:
    sigma = found.pop("sigma") or 0.0
    return AttenuatorCalibration(**found | {"extinction": found["extinction"][0], "sigma": sigma})


def _power_at_sample(found: dict[str, Any]) -> Calibration:
    return PowerAtSample(**found | {"zero": found["zero"] or (0.0, 0.0), "head": found["head"] or ""})


def _delay(found: dict[str, Any]) -> Calibration:
    """All keys of a delay line but its zero have what a mirror met head-on in air has."""
    stated = {key: found.pop(key) for key in ("passes", "air_index", "sense", "fine_scale")}
    fine_scale, fine_unit = stated.pop("fine_scale") or ((1.0, 0.0), "um")
    scale = DelayScale(**{key: value for key, value in stated.items() if value is not None})
    return DelayCalibration(**found, scale=scale, fine_scale=fine_scale, fine_unit=fine_unit)


_BUILDERS: dict[str, Callable[[dict[str, Any]], Calibration]] = {
    "attenuator": _attenuator,
    "power_at_sample": _power_at_sample,
    "pulse": lambda found: PulseCalibration(**found),
    "delay": _delay,
    **SPECTRAL_BUILDERS,
    **PULSE_BUILDERS,
    "irf": lambda found: TimingCalibration(**found | {"zero_lag": found["zero_lag"] or (0.0, 0.0)}),
}
