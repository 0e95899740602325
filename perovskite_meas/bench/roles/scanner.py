"""A scanner that moves the spot over the sample by two parameters, and its focus by a third."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

from ...core.errors import HardwareFault, UsageError
from ..calibrations import Calibration
from ..handle import Handle
from ..ledger import EMITTER, REACH
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .homing import homing_of

_SAME_PLACE = 0.02
"""um within which two places are one: below any focus, above the steps of the converters."""


def _impossible_focus(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    found, span = {}, options["z_range"]
    if span is not None and not span[0] < span[1]:
        found["z_range"] = f"must rise; got {span[0]:g} to {span[1]:g} um"
    if options["z_scale"] == 0:
        found["z_scale"] = "must not be 0; write it like '0.2 um/V'"
    return found


class ScannerAdapter(RoleAdapter):
    """Moves in um relative to the emitter, which is where the scanner stands when a run begins, or a stated `origin`.

    Where the bench names `z`, the role is a `FocusingAdapter`, which also moves the focus.
    """

    options: ClassVar = {
        "x": Option("target", "first axis", required=True),
        "y": Option("target", "second axis", required=True),
        "scale": Option("quantity", "travel on the sample per unit of the axes", unit="um/V or um/mm", default=1.0),
        "origin": Option("point", "place of the emitter on the axes", unit="mm or V"),
        "tolerance": Option("quantity", "how far a move may miss", unit="um", least=0),
        "off_emitter": Option("point", "where the sample is empty, from the emitter", unit="um"),
        "settle": Option("quantity", "wait after each move", unit="s", default=0.01, least=0),
        "z": Option("target", "the axis of the focus"),
        "z_scale": Option("quantity", "travel of the focus per unit of it", unit="um/V", default=1.0),
        "z_range": Option("point", "lowest and highest place of the focus: z times z_scale", unit="um"),
        "focus_settle": Option("quantity", "wait after each move of the focus", unit="s", default=0.1, least=0),
    }
    verbs: ClassVar = ("on_emitter", "off_emitter")
    checks: ClassVar = (_impossible_focus,)
    focusing: ClassVar[type[ScannerAdapter] | None] = None
    """What is made of it where the bench names `z`."""

    def __new__(cls, role: RoleSpec, table: Table) -> Self:
        """Return one that focuses where there is a `z`: procedures tell them apart by their class."""
        made = cls.focusing if "z" in role.targets and cls.focusing is not None else cls
        return cast("Self", object.__new__(made))

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._axes = (self.handles["x"], self.handles["y"])
        self._stated: tuple[float, float] | None = self.option("origin") and self.option("origin")[:2]
        self._homed = False
        self._origin: tuple[float, float] | None = None
        self._left_at: tuple[float, float] | None = None

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return an axis on the emitter; a stage takes longer for a move."""
        stated = self.role.options["origin"]
        value = 0.0 if stated is None or option not in "xy" else stated["xy".index(option)]
        return PlannedHandle(dotted, table.clock, value, set_takes=0.01 if stated is None else 0.5)

    def begin(self) -> None:
        """Take the present place for the emitter, unless we ourselves left the scanner elsewhere, or it is stated."""
        self._homed = False
        if self._stated is not None:
            self._origin, self._left_at = self._origin or self._stated, None
            return
        here = self._read()
        if self._origin is None or self._left_at is None or not self._near(here, self._left_at):
            self._origin, self._left_at = here, here
            self.guard.ledger.move(EMITTER)

    def move_to(self, x: float, y: float) -> None:
        """Move to x, y in um, relative to the emitter.

        Raises:
            HardwareFault: a stage has lost its place and the bench states no `origin`, or it missed by `tolerance`.
        """
        if self._origin is None:
            self.begin()
        self._home()
        origin, scale = self._origin or (0.0, 0.0), self.option("scale")
        here = (origin[0] + x / scale, origin[1] + y / scale)
        for axis, volt in zip(self._axes, here, strict=True):
            axis.set(volt)
        self._left_at = here
        self.clock.sleep(self.option("settle"))
        self._require_there(here)
        self._book(x, y)

    def position(self) -> tuple[float, float]:
        """Return where the spot was last sent, else where it is: x, y in um, relative to the emitter."""
        if self._origin is None:
            self.begin()
        origin, here, scale = self._origin or (0.0, 0.0), self._left_at or self._read(), self.option("scale")
        return (here[0] - origin[0]) * scale, (here[1] - origin[1]) * scale

    def centre_on(self, x: float, y: float) -> None:
        """Take the emitter to be at x, y in um, relative to where it was taken to be; does not move.

        Raises:
            UsageError: x or y is not a finite number.
        """
        if not (math.isfinite(x) and math.isfinite(y)):
            raise UsageError(f"{self.label}: the emitter cannot be at x = {x} um, y = {y} um; state finite numbers")
        here = self.position()
        origin, scale = self._origin or (0.0, 0.0), self.option("scale")
        self._origin = (origin[0] + x / scale, origin[1] + y / scale)
        self._book(here[0] - x, here[1] - y)

    def on_emitter(self) -> None:
        """Return to the emitter."""
        self.move_to(0.0, 0.0)

    def off_emitter(self) -> None:
        """Go where the sample is empty but everything else the same.

        Raises:
            UsageError: the bench does not say where that is.
        """
        place = self.option("off_emitter")
        if place is None:
            raise UsageError(f"{self.label}: where the sample is empty is not known; state off_emitter: [3 um, 0 um]")
        self.move_to(*place)

    def _book(self, x: float, y: float) -> None:
        self.guard.ledger.move(EMITTER if math.hypot(x, y) <= REACH else f"{x:.3f},{y:.3f}")

    def _read(self) -> tuple[float, float]:
        x, y = (float(axis.get()) for axis in self._axes)
        return x, y

    def _home(self) -> None:
        """Home stages that need it; only where the bench states where the emitter then is."""
        homes = [] if self._homed else [home for axis in self._axes if (home := homing_of(axis.owner)) is not None]
        if homes and self._stated is None:
            raise HardwareFault(
                f"{self.label} has lost its place since it was switched on: home it and bring the sample back, "
                "or state where the sample is on its axes, e.g. origin: [12.5 mm, 12.5 mm]: it is then homed at first"
            )
        for home in homes:
            home()
        self._homed = True

    def _require_there(self, there: tuple[float, float]) -> None:
        tolerance, scale = self.option("tolerance"), self.option("scale")
        if tolerance is None:
            return
        miss = max(abs(a - b) * abs(scale) for a, b in zip(self._read(), there, strict=True))
        if not miss <= tolerance:
            raise HardwareFault(
                f"{self.label} missed by {miss:.4g} um, more than {tolerance:g} um (option `tolerance`): see that its "
                "motors are on, that nothing blocks it, and home it"
            )

    def _near(self, here: tuple[float, float], there: tuple[float, float]) -> bool:
        reach = max(_SAME_PLACE, self.option("tolerance") or 0.0) / abs(self.option("scale"))
        return all(abs(a - b) <= reach for a, b in zip(here, there, strict=True))
