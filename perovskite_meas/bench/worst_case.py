"""The most power that a table can put on its sample, for exposures before which nobody set a power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..core.units import show
from .calibrations import AttenuatorCalibration, Calibration, PowerAtSample

if TYPE_CHECKING:
    from .roles import RoleSpec


class WorstCase(NamedTuple):
    """The most power at the sample, as the bench file states it."""

    watt: float
    source: str
    """Where it is stated."""
    advice: str
    """What to do where that is too much."""

    def __str__(self) -> str:
        most = f"{show(self.watt, 'W')} ({self.source})"
        return f"the power is not known, so the most that the table gives, {most}, is assumed: {self.advice}"


def worst_case(roles: Mapping[str, RoleSpec], calibrations: Mapping[str, Calibration]) -> WorstCase | None:
    """Return the highest of all stated maxima; None where none is stated."""
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
    if not stated:
        return None
    attenuator = next((name for name, role in roles.items() if role.kind == "attenuator"), None)
    advice = "lower it by hand and state the new maximum there"
    if attenuator is not None:
        advice = f"call {attenuator}.set_power before the exposure"
    return WorstCase(*max(stated, key=lambda pair: pair[0]), advice)
