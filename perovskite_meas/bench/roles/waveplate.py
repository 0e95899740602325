"""A wave plate in a motorised mount."""

from __future__ import annotations

from typing import ClassVar

from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .mount import Mount


class WaveplateAdapter(RoleAdapter):
    """Turns a wave plate in the dark, and tells the guard what that does to the power."""

    options: ClassVar = {
        "use": Option("target", "angle of the mount, in deg", required=True),
        "maximum": Option("quantity", "power at the sample at any angle, before there is a calibration", unit="W"),
        "tolerance": Option("quantity", "how far the mount may miss", unit="deg", default=0.2, least=0),
    }

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._mount = Mount(self.handles["use"], self.guard, self.label, self.option("tolerance"))
        self._attenuator = table.attenuators.get(role.targets["use"])

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a mount that takes 0.3 s for a move."""
        return PlannedHandle(dotted, table.clock, set_takes=0.3, get_takes=0.02)

    def rotate_to(self, degrees: float) -> float:
        """Turn to an angle and return the angle reached, in deg. Only in the dark.

        Raises:
            UsageError: the shutter is open.
        """
        before, attenuator = self.guard.power, self._attenuator
        reached = self._mount.turn(degrees)
        power: float | None = self.option("maximum")
        if attenuator is not None and attenuator in self.table.calibrations:
            power = float(self.calibration(attenuator).power_at(reached))
        elif power is None and attenuator is None:
            power = before  # a plate that polarises, not one that attenuates
        self.guard.power_is(power)
        return reached
