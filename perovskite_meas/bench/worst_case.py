"""The most light that a table can put on its sample, for exposures before which nobody set how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..core.units import show
from .calibrations import AttenuatorCalibration, Calibration, PowerAtSample
from .pulse_calibrations import EnergyCalibration

if TYPE_CHECKING:
    from .roles import RoleSpec

_WHAT = {"W": "power", "J": "energy of a pulse"}


class WorstCase(NamedTuple):
    """The most light at the sample, as the bench file states it."""

    level: float
    """Average power in W, or energy of a pulse in J."""
    source: str
    """Where it is stated."""
    advice: str
    """What to do where that is too much."""
    unit: str
    """'W' or 'J'."""

    def __str__(self) -> str:
        most = f"{show(self.level, self.unit)} ({self.source})"
        return (
            f"the {_WHAT[self.unit]} is not known, so the most that the table gives, {most}, is assumed: {self.advice}"
        )


def worst_case(roles: Mapping[str, RoleSpec], calibrations: Mapping[str, Calibration]) -> WorstCase | None:
    """Return the highest of all stated maxima of the average power; None where none is stated."""
    stated: list[tuple[float, str]] = [
        (found.maximum, f"calibrations.{name}.maximum, {found.source}")
        for name, found in calibrations.items()
        if isinstance(found, (AttenuatorCalibration, PowerAtSample)) and found.maximum is not None
    ]
    stated += [
        (role.options["maximum"], f"roles.{name}.maximum, {role.source}")
        for name, role in roles.items()
        if role.kind == "waveplate" and role.options["maximum"] is not None
    ]
    return _highest(stated, _advice(roles, "attenuator", "set_power"), "W")


def worst_energy(roles: Mapping[str, RoleSpec], calibrations: Mapping[str, Calibration]) -> WorstCase | None:
    """Return the highest of all stated maxima of the energy of a pulse; None where none is stated."""
    stated = [
        (found.maximum, f"calibrations.{name}.maximum, {found.source}")
        for name, found in calibrations.items()
        if isinstance(found, EnergyCalibration)
    ]
    return _highest(stated, _advice(roles, "pulse_attenuator", "set_energy"), "J")


def _highest(stated: list[tuple[float, str]], advice: str, unit: str) -> WorstCase | None:
    return None if not stated else WorstCase(*max(stated, key=lambda pair: pair[0]), advice, unit)


def _advice(roles: Mapping[str, RoleSpec], kind: str, call: str) -> str:
    attenuator = next((name for name, role in roles.items() if role.kind == kind), None)
    if attenuator is None:
        return "lower it by hand and state the new maximum there"
    return f"call {attenuator}.{call} before the exposure"
