"""The reference light's own shutter: light that goes to the detectors and never to the sample."""

from __future__ import annotations

from typing import Any, ClassVar

from ...core.errors import HardwareFault
from ..attempt import Bracket
from ..calibrations import quantity
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table


class ReferenceAdapter(RoleAdapter):
    """Opens and blocks split, attenuated laser light at the emission colour, by setting a parameter."""

    options: ClassVar = {
        "use": Option("target", "parameter that opens and closes", required=True),
        "open": Option("setting", "its value for open", default="open"),
        "closed": Option("setting", "its value for closed", default="closed"),
        "settle": Option("quantity", "wait after each change", unit="s", default=0.005, least=0),
        "wavelength": Option("quantity", "of the light, in vacuum", unit="nm", least=1),
    }
    verbs: ClassVar = ("block",)

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
        """Return the wavelength, where it is stated."""
        wavelength = self.option("wavelength")
        return {} if wavelength is None else {"wavelength": quantity((wavelength, 0.0), "nm")}

    def shining(self) -> Bracket[None]:
        """Let it onto the detectors for the duration of a `with` block; blocked again however the block ends."""
        return Bracket(self._unblock, {"the reference light could not be blocked": self.block})

    def _unblock(self) -> None:
        self._handle.set(self.option("open"))
        self.clock.sleep(self.option("settle"))
