"""A delay line: one mirror on a coarse stage, one on a fine axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.delay_scale import DelayScale
from ...core.errors import HardwareFault, UsageError
from ...core.roles import DelayReading
from ..attempt import Bracket
from ..calibrations import Calibration, DelayCalibration
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .fine_axis import FineAxis
from .homing import homing_of
from .running_ramp import RampOnAxis

_SPEED = 2.5
"""mm/s of a planned stage."""


def _impossible_ranges(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    """Return which of the ranges cannot be."""
    found = {}
    coarse, fine, approach = options["coarse_range"], options["fine_range"], options["approach"]
    if coarse is not None and approach is not None and not coarse[0] + approach < coarse[1]:
        found["coarse_range"] = (
            f"must rise, by more than the approach of {approach:g} mm; got {coarse[0]:g} to {coarse[1]:g} mm"
        )
    if fine is None:
        return found
    calibration = calibrations.get(options["calibration"])
    if isinstance(calibration, DelayCalibration) and calibration.fine_unit != fine[2]:
        found["fine_range"] = (
            f"fine_range is in {fine[2]}, but calibration {options['calibration']!r} states fine_scale in "
            f"um/{calibration.fine_unit}; state both in the unit of the fine axis"
        )
    elif not fine[0] < fine[1]:
        found["fine_range"] = f"must rise; got {fine[0]:g} to {fine[1]:g} {fine[2]}"
    return found


class DelayAdapter(RoleAdapter):
    """Moves in ps from the calibrated zero; the coarse axis always arrives from below."""

    options: ClassVar = {
        "coarse": Option("target", "position of the coarse axis, in mm", required=True),
        "fine": Option("target", "position of the fine axis in um, or its voltage", required=True),
        "ramp": Option("target", "the ramp (core Ramp) that the fine axis is to run"),
        "ramping": Option("target", "whether it runs"),
        "recorded": Option("target", "where the fine axis was meanwhile (core RampRecord)"),
        "servo": Option("target", "whether the fine axis is in closed loop"),
        "overflow": Option("target", "whether its amplifier is at its limit"),
        "calibration": Option("calibration", "a delay calibration", required=True),
        "coarse_range": Option("point", "lowest and highest position", unit="mm", required=True),
        "fine_range": Option("point", "likewise, in the axis's own unit", unit="um or V", required=True),
        "approach": Option("quantity", "least way up to every coarse position", unit="mm", default=0.02, least=0),
        "settle": Option("quantity", "wait after each coarse move", unit="s", default=0.1, least=0),
        "fine_settle": Option("quantity", "wait after each fine move", unit="s", default=0.01, least=0),
        "tolerance": Option("quantity", "how far the coarse axis may miss", unit="um", default=1.0, least=0),
        "fine_tolerance": Option("quantity", "how far the fine axis may miss", unit="um", default=0.1, least=0),
    }
    verbs: ClassVar = ("rest",)
    checks: ClassVar = (_impossible_ranges,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._coarse = self.handles["coarse"]
        self._low, self._high = self.option("coarse_range")
        self._fine = FineAxis(self.handles, role.options, self._calibrated, self.clock, self.label, self._refuse)
        self._homed = False

    @property
    def label(self) -> str:
        """Name of the role and of its two axes, for messages."""
        axes = ", ".join(self.role.targets[axis] for axis in ("coarse", "fine"))
        return f"{self.role.name} ({axes}, {self.role.source})"

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return an axis in the middle of its range, and a controller that holds it."""
        options = self.role.options
        if option == "coarse":
            return PlannedStage(dotted, table.clock, sum(options["coarse_range"]) / 2)
        if option == "fine":
            return PlannedHandle(dotted, table.clock, sum(options["fine_range"][:2]) / 2, set_takes=0.05)
        slow = option == "ramp" and options["fine_range"][2] == "V"  # a table that is written sample by sample
        return PlannedHandle(dotted, table.clock, option == "servo", set_takes=1.3 if slow else 0.05)

    def begin(self) -> None:
        """Stop a ramp that still runs and bring the fine axis to its middle: a hand may have moved it."""
        self._homed = False
        self._fine.begin()

    def rest(self) -> None:
        """Stop a ramp and bring the fine axis to its middle; the coarse axis stays where it is."""
        self._fine.rest()

    def scale(self) -> DelayScale:
        """Return what mirror travel is worth."""
        return self._calibrated().scale

    def span(self) -> tuple[float, float]:
        """Return the shortest and the longest delay that the coarse axis reaches from below, in ps."""
        calibration = self._calibrated()
        ends = calibration.delay(self._low + self.option("approach")), calibration.delay(self._high)
        return min(ends), max(ends)

    def move_to(self, delay: float) -> DelayReading:
        """Move to a delay in ps with the fine axis in the middle of its range; homes first where that is needed.

        Raises:
            UsageError: beyond the range of the coarse axis, or a ramp runs; nothing has moved.
            HardwareFault: an axis did not arrive.
        """
        self._fine.require_still()
        target = self._checked(delay)
        self.guard.watch()
        self._fine.to_middle()
        self._home()
        approach: float = self.option("approach")
        if approach and float(self._coarse.get()) > target - approach:
            self._coarse.set(target - approach)
        self._coarse.set(target)
        self.clock.sleep(self.option("settle"))
        found, tolerance = self.read(), self.option("tolerance")
        if not abs(found.coarse - target) * 1e3 <= tolerance:
            raise HardwareFault(
                f"{self.label}: the coarse axis was sent to {target:.5f} mm for {delay:.4g} ps but stands at "
                f"{found.coarse:.5f} mm, more than {tolerance:g} um off (option `tolerance`): see that its motor is "
                "on, that nothing blocks it, and home it"
            )
        return found

    def read(self) -> DelayReading:
        """Return where both axes stand, as their controllers say."""
        coarse, fine = float(self._coarse.get()), self._fine.read()
        return DelayReading(self._calibrated().delay(coarse, fine), coarse, fine)

    def fine_span(self) -> float:
        """Return how far the fine axis can move the mirror, in um."""
        return self._fine.span

    def fine_to(self, um: float) -> DelayReading:
        """Move the fine axis by mirror travel from its middle, in um, and wait until it has arrived.

        Raises:
            UsageError: beyond its range, or a ramp runs; nothing has moved.
            HardwareFault: it did not arrive.
        """
        self.guard.watch()
        self._fine.to(um)
        return self.read()

    def ramping(self, um: float, forward: float, back: float) -> Bracket[RampOnAxis]:
        """Run the fine axis over `um` of mirror travel about its middle for a `with` block.

        Args:
            um: mirror travel.
            forward: s of even motion, with which every cycle begins.
            back: s of the return.

        Raises:
            UsageError: beyond its range, or the bench names no ramp; nothing has moved.
        """
        return self._fine.ramping(um, forward, back)

    def facts(self) -> dict[str, Any]:
        """Return the calibration."""
        return self._calibrated().facts()

    def _home(self) -> None:
        home = None if self._homed else homing_of(self._coarse.owner)
        if home is not None:
            home()
        self._homed = True

    def _calibrated(self) -> DelayCalibration:
        found: DelayCalibration = self.calibration(self.option("calibration"))
        return found

    def _checked(self, delay: float) -> float:
        """Return the coarse position for a delay, in mm."""
        target = self._calibrated().position(delay)
        lowest = self._low + float(self.option("approach"))
        slack = 1e-9 * (abs(self._low) + abs(self._high))
        if not lowest - slack <= target <= self._high + slack:
            first, last = self.span()
            self._refuse(
                "delay", abs(delay),
                f"{self.label}: {delay:.4g} ps needs the coarse axis at {target:.4f} mm, but it may go from "
                f"{self._low:g} mm to {self._high:g} mm (coarse_range; to arrive from below it starts at {lowest:g} mm)"
                f", that is {first:.4g} ps to {last:.4g} ps; ask for a delay inside, or move the zero",
            )  # fmt: skip
        return target

    def _refuse(self, what: str, how_far: float, text: str) -> None:
        raise UsageError(text)


class PlannedStage(PlannedHandle):
    """A stage for a dry run, which takes its time for the way."""

    def set(self, value: Any) -> None:
        """Remember a position after the time of the move."""
        self._clock.sleep(0.25 + abs(float(value) - float(self._value)) / _SPEED)
        super().set(value)


class PlannedDelay(DelayAdapter):
    """The same in a dry run: what is beyond a range is noted and the plan goes on; ramps run as commanded."""

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self.handles.pop("recorded", None)

    def _refuse(self, what: str, how_far: float, text: str) -> None:
        self.guard.note(f"{what} of {self.role.name}", how_far, text)


DelayAdapter.twin = PlannedDelay
