"""The reference light's own shutter: light that goes to the detectors and never to the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.errors import HardwareFault, UsageError
from ...core.lamp_lines import lamp_lines
from ..attempt import Bracket
from ..calibrations import Calibration, quantity
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table


def _unknown_lines(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    if options["lines"] is None:
        return {}
    try:
        lamp_lines(str(options["lines"]))
    except UsageError as error:
        return {"lines": str(error)}
    return {}


class ReferenceAdapter(RoleAdapter):
    """Opens and blocks light that goes to the detectors alone, by setting a parameter: of a laser, or of a lamp."""

    options: ClassVar = {
        "use": Option("target", "parameter that opens and closes", required=True),
        "open": Option("setting", "its value for open", default="open"),
        "closed": Option("setting", "its value for closed", default="closed"),
        "settle": Option("quantity", "wait after each change", unit="s", default=0.005, least=0),
        "wavelength": Option("quantity", "of the light, in vacuum", unit="nm", least=1),
        "lines": Option("setting", "of a lamp: its elements, or the lines in standard air, in nm"),
    }
    verbs: ClassVar = ("block",)
    checks: ClassVar = (_unknown_lines,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._handle = self.handles["use"]

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a closed shutter that takes 85 ms to confirm a change."""
        return PlannedHandle(dotted, table.clock, self.role.options["closed"], set_takes=0.085, get_takes=0.02)

    def begin(self) -> None:
        """Start every run without it."""
        self.block()

    def block(self) -> None:
        """Block it and confirm.

        Raises:
            HardwareFault: the shutter does not report that it is closed.
        """
        closed = self.option("closed")
        self._handle.set(closed)
        self.clock.sleep(self.option("settle"))
        answer: Any = self._handle.get()
        if str(answer).strip().lower() != str(closed).strip().lower():
            raise HardwareFault(
                f"{self.label} was told {closed!r} but reports {answer!r}: reference light may be on the detectors"
            )

    def facts(self) -> dict[str, Any]:
        """Return wavelength and lines, where they are stated."""
        wavelength, lines = self.option("wavelength"), self.option("lines")
        facts: dict[str, Any] = {} if wavelength is None else {"wavelength": quantity((wavelength, 0.0), "nm")}
        return facts | ({} if lines is None else {"lines": str(lines)})

    def shining(self) -> Bracket[None]:
        """Let it onto the detectors for the duration of a `with` block; blocked again however the block ends."""
        return Bracket(self._unblock, {"the reference light could not be blocked": self.block})

    def _unblock(self) -> None:
        self._handle.set(self.option("open"))
        self.clock.sleep(self.option("settle"))
