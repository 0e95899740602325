"""What a run records of its bench."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .calibrations import TimingCalibration, quantity
from .limits import UNITS
from .pulse_calibrations import CollectionCalibration, EnergyAtSample
from .roles import PulseAdapter, RoleAdapter, SpectrometerAdapter
from .spec import BenchSpec
from .spectral_calibrations import GeometryCalibration


def conditions_of(spec: BenchSpec, roles: Mapping[str, RoleAdapter]) -> dict[str, Any]:
    """Return the nested conditions of a run; a quantity is a mapping of value, sigma and unit."""
    conditions: dict[str, Any] = {}
    if (pulse := spec.pulse) is not None:
        conditions["pulse"] = {
            "repetition_rate": quantity(pulse.repetition_rate, "Hz"),
            "duration": quantity(pulse.duration, "fs"),
            "shape": pulse.shape,
            "wavelength": quantity((pulse.wavelength, 0.0), "nm"),
        }
        if pulse.energy_spread is not None:
            conditions["pulse"]["energy_spread"] = quantity((pulse.energy_spread, 0.0), "1")
    if (spot := spec.spot) is not None:
        conditions["spot"] = spot.facts()
    if (power := spec.power_at_sample) is not None:
        found = {"ratio": quantity(power.ratio, "1"), "zero": quantity(power.zero, "W")}
        if power.extinction is not None:
            found["extinction"] = quantity(power.extinction, "1")
        if power.maximum is not None:
            found["maximum"] = quantity((power.maximum, 0.0), "W")
        conditions["power_at_sample"] = found
    if (timing := spec.calibrations.get("irf")) is not None and isinstance(timing, TimingCalibration):
        conditions["irf"] = timing.facts()
    if (geometry := spec.calibrations.get("geometry")) is not None and isinstance(geometry, GeometryCalibration):
        conditions["geometry"] = geometry.facts()
    for name, kind in (("energy_at_sample", EnergyAtSample), ("collection", CollectionCalibration)):
        found_here = spec.calibrations.get(name)
        if isinstance(found_here, kind):
            conditions[name] = found_here.facts()
    for name, role in roles.items():
        section = name
        if isinstance(role, SpectrometerAdapter):  # analyses ask for its camera and its axis, whatever its name
            section = "camera"
            if axis := role.axis_facts():
                conditions["wavelength"] = axis
        elif isinstance(role, PulseAdapter):
            section = "pulse"
        if facts := role.facts():
            conditions[section] = {**conditions.get(section, {}), **facts}
    if facts := spec.sample.facts():
        conditions["sample"] = facts
    return conditions


def description_of(spec: BenchSpec) -> dict[str, Any]:
    """Return the whole bench as JSON data, with the texts of its files."""
    return {
        "bench": {"file": str(spec.path), "text": spec.text},
        "station": {"file": str(spec.station), "text": _text(spec.station)},
        "world": None if spec.world is None else {"file": str(spec.world), "text": _text(spec.world)},
        "roles": {
            name: {"kind": role.kind, **{key: _plain(value) for key, value in role.stated.items()}}
            for name, role in spec.roles.items()
        },
        "limits": {
            limit.name: {"value": limit.value, "unit": UNITS[limit.name], "source": limit.source}
            for limit in spec.limits
        },
        "safe_state": [str(step) for step in spec.safe_state],
        "calibrations": {
            name: {"source": found.source, "date": found.date.isoformat(), "text": found.text}
            for name, found in spec.calibrations.items()
        },
        "sample": spec.sample.facts(),
        "warnings": list(spec.warnings),
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
