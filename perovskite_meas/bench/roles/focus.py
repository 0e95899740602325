"""A scanner that also moves the focus."""

from __future__ import annotations

import math

from ...core.errors import UsageError
from ..handle import Handle
from .base import PlannedHandle, RoleSpec, Table
from .scanner import ScannerAdapter

_SLACK = 1e-6
"""um by which rounding may miss the end of the range."""


class FocusingAdapter(ScannerAdapter):
    """The same with a focus in um from where it stood when the run began; the range is that of the axis itself."""

    def __init__(self, role: RoleSpec, table: Table) -> None:
        if role.options["z_range"] is None:
            raise UsageError(
                "a scanner with `z` needs `z_range`, how far the focus may go; state z_range: [1 um, 14 um]"
            )
        super().__init__(role, table)
        self._z: Handle = self.handles["z"]
        self._z_origin: float | None = None

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a focus in the middle of its range."""
        if option != "z":
            return super().planned(option, dotted, table)
        options = self.role.options
        return PlannedHandle(dotted, table.clock, sum(options["z_range"]) / 2 / options["z_scale"])

    def begin(self) -> None:
        """Take the present place for the emitter and the present focus for z = 0."""
        super().begin()
        self._z_origin = self._read_z()

    def focus(self) -> float:
        """Return where the focus is: z in um from where it stood when the run began."""
        return self._read_z() - self._origin_of_z()

    def focus_to(self, z: float) -> float:
        """Move the focus to z in um from where it stood when the run began, and return where it is.

        Raises:
            UsageError: beyond the range; nothing has moved.
        """
        low, high = self.focus_span()
        if not (math.isfinite(z) and low - _SLACK <= z <= high + _SLACK):
            self._refuse(
                abs(z),
                f"{self.label}: the focus cannot go to z = {z:.4g} um, only from {low:.4g} um to {high:.4g} um of "
                "where it stood (option `z_range`); bring it to the middle of its range before the run, or search "
                "over less",
            )
        self._z.set((self._origin_of_z() + z) / self.option("z_scale"))
        self.clock.sleep(self.option("focus_settle"))
        return self.focus()

    def focus_span(self) -> tuple[float, float]:
        """Return the lowest and the highest z that the bench allows, in um from where it stood when the run began."""
        low, high = self.option("z_range")
        origin = self._origin_of_z()
        return low - origin, high - origin

    def _origin_of_z(self) -> float:
        if self._z_origin is None:
            self._z_origin = self._read_z()
        return self._z_origin

    def _read_z(self) -> float:
        return float(self._z.get()) * float(self.option("z_scale"))

    def _refuse(self, how_far: float, text: str) -> None:
        raise UsageError(text)


class PlannedScanner(ScannerAdapter):
    """A scanner in a dry run."""


class PlannedFocusing(PlannedScanner, FocusingAdapter):
    """A focus in a dry run: what is beyond its range is noted, and the plan goes on."""

    def _refuse(self, how_far: float, text: str) -> None:
        self.guard.note(f"focus of {self.role.name}", how_far, text)


ScannerAdapter.twin = PlannedScanner
ScannerAdapter.focusing = FocusingAdapter
PlannedScanner.focusing = PlannedFocusing
