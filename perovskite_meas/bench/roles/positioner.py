"""A positioner: one motorised stage, such as a knife edge or the blade of a slit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.errors import HardwareFault, UsageError
from ..calibrations import Calibration
from ..handle import Handle
from .base import Option, RoleAdapter, RoleSpec, Table
from .delay import PlannedStage
from .homing import homing_of

_SENSES = {1: 1.0, -1: -1.0}


def _impossible(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    """Return which options cannot be."""
    found, span, approach = {}, options["range"], options["approach"]
    if span is not None and not span[0] < span[1]:
        found["range"] = f"must rise; got {span[0]:g} to {span[1]:g} mm"
    elif span is not None and approach is not None and not abs(approach) < span[1] - span[0]:
        found["approach"] = f"must be less than the range; got {approach:g} mm"
    if options["sense"] not in (*_SENSES, None):
        found["sense"] = f"must be 1 or -1; got {options['sense']!r}"
    return found


class PositionerAdapter(RoleAdapter):
    """Moves one stage in mm; it always arrives from the same side, from above where `approach` is negative."""

    options: ClassVar = {
        "use": Option("target", "position of the stage, in mm", required=True),
        "range": Option("point", "lowest and highest position of the role", unit="mm", required=True),
        "zero": Option("quantity", "of the stage where the role is at 0 mm", unit="mm", default=0.0),
        "sense": Option("setting", "1 where both grow together, else -1", default=1),
        "approach": Option("quantity", "least way up to every place; negative: down", unit="mm", default=0.02),
        "settle": Option("quantity", "wait after each move", unit="s", default=0.1, least=0),
        "tolerance": Option("quantity", "how far it may miss", unit="um", default=2.0, least=0),
    }
    checks: ClassVar = (_impossible,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._stage = self.handles["use"]
        self._sense = _SENSES[self.option("sense")]
        self._homed = False

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a stage in the middle of its range."""
        options = self.role.options
        middle = sum(options["range"]) / 2
        return PlannedStage(dotted, table.clock, options["zero"] + _SENSES[options["sense"]] * middle)

    def begin(self) -> None:
        """Look anew whether it knows its place: it may have been switched off."""
        self._homed = False

    def move_to(self, millimetre: float) -> float:
        """Move to a position in mm, always from the same side, and return the position reached.

        Raises:
            UsageError: beyond `range`; nothing has moved.
            HardwareFault: it did not arrive.
        """
        self._check(millimetre)
        self._home()
        target = self.option("zero") + self._sense * millimetre
        approach: float = self.option("approach")
        if approach and (float(self._stage.get()) - (target - approach)) * approach > 0:
            self._stage.set(target - approach)
        self._stage.set(target)
        self.clock.sleep(self.option("settle"))
        stands = float(self._stage.get())
        if not abs(stands - target) * 1e3 <= self.option("tolerance"):
            raise HardwareFault(
                f"{self.label} was sent to {target:.4f} mm but stands at {stands:.4f} mm, more than "
                f"{self.option('tolerance'):g} um off (option `tolerance`): see that its motor is on, that nothing "
                "blocks it, and home it"
            )
        return float((stands - self.option("zero")) * self._sense)

    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest position that the bench allows, in mm."""
        low, high = self.option("range")
        return float(low), float(high)

    def _check(self, millimetre: float) -> None:
        low, high = self.span()
        slack = 1e-9 * (abs(low) + abs(high))
        if not (math.isfinite(millimetre) and low - slack <= millimetre <= high + slack):
            self._refuse(
                abs(millimetre),
                f"{self.label} cannot go to {millimetre:.4f} mm, only from {low:g} mm to {high:g} mm (option `range`); "
                "ask for a position inside, or see how far the stage may really go",
            )

    def _refuse(self, how_far: float, text: str) -> None:
        raise UsageError(text)

    def _home(self) -> None:
        home = None if self._homed else homing_of(self._stage.owner)
        if home is not None:
            home()
        self._homed = True


class PlannedPositioner(PositionerAdapter):
    """The same in a dry run: a position beyond the range is noted, and the plan goes on."""

    def _refuse(self, how_far: float, text: str) -> None:
        self.guard.note(f"position of {self.role.name}", how_far, text)


PositionerAdapter.twin = PlannedPositioner
