"""A polarisation analyser in the emission: a half-wave plate before a fixed polariser, or a polariser that turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.errors import UsageError
from ..calibrations import Calibration, quantity
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .mount import Rotator, turn_between

TURNS = {"half_wave": 2.0, "polariser": 1.0}
"""Turn of the polarisation that passes, over that of the mount, by element."""


def _unknown_element(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    element = options["element"]
    if element is None or element in TURNS:
        return {}
    return {"element": f"must be half_wave or polariser; got {element!r}"}


class AnalyserAdapter(RoleAdapter):
    """Turns to a polarisation angle in the lab's frame; it stands behind the sample, so it may turn in the light."""

    options: ClassVar = {
        "use": Option("target", "angle of the mount, in deg", required=True),
        "zero": Option("quantity", "of the mount where polarisation along the lab's x axis passes", unit="deg",
                       required=True),
        "element": Option("setting", "half_wave (before a fixed polariser) or polariser", default="half_wave"),
        "accuracy": Option("quantity", "1-sigma of the polarisation angle", unit="deg", default=0.2, least=0),
        "tolerance": Option("quantity", "how far the mount may miss", unit="deg", default=0.2, least=0),
        "backlash": Option("quantity", "overshoot, to arrive from one side", unit="deg", default=0.0, least=0),
    }  # fmt: skip
    checks: ClassVar = (_unknown_element,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._mount = Rotator(self.handles["use"], self.label, self.option("tolerance"), self.option("backlash"))
        self._turns = TURNS[self.option("element")]

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a mount that takes 0.3 s for a move."""
        return PlannedHandle(dotted, table.clock, set_takes=0.3, get_takes=0.02)

    def set_angle(self, degrees: float) -> float:
        """Turn so that linear polarisation at `degrees` from the lab's x axis passes; return the angle reached, in deg.

        Raises:
            UsageError: not a finite angle.
            HardwareFault: the mount did not arrive.
        """
        if not abs(degrees) < 1e6:
            raise UsageError(f"{self.label}: {degrees} deg is no angle; state a finite one")
        self._mount.home()
        target = self.option("zero") + degrees / self._turns
        return degrees + self._turns * turn_between(target, self._mount.go(target))

    def facts(self) -> dict[str, Any]:
        """Return element and accuracy."""
        return {"element": self.option("element"), "accuracy": quantity((self.option("accuracy"), 0.0), "deg")}
