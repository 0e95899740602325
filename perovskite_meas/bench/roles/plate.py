"""What every attenuator by a half-wave plate is: a mount before a polariser, turned by calibration."""

from __future__ import annotations

from typing import ClassVar

from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .mount import Mount


def plate_options(calibration: str) -> dict[str, Option]:
    """Return the options of an attenuator; `calibration` says which kind of calibration it goes by."""
    return {
        "use": Option("target", "angle of the mount, in deg", required=True),
        "calibration": Option("calibration", calibration, required=True),
        "tolerance": Option("quantity", "how far the mount may miss", unit="deg", default=0.2, least=0),
        "backlash": Option("quantity", "overshoot, to arrive from one side", unit="deg", default=0.0, least=0),
    }


class PlateAdapter(RoleAdapter):
    """A half-wave plate in a mount; subclasses say what it sets."""

    verbs: ClassVar = ("minimum",)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        handle, label = self.handles["use"], self.label
        self._mount = Mount(handle, self.guard, label, self.option("tolerance"), self.option("backlash"))

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a mount that takes 0.3 s for a move."""
        return PlannedHandle(dotted, table.clock, set_takes=0.3, get_takes=0.02)
