"""A shutter over any settable parameter."""

from __future__ import annotations

from typing import Any, ClassVar

from ...core.errors import HardwareFault
from ..attempt import Bracket
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .words import same_word


class ShutterAdapter(RoleAdapter):
    """Blocks by setting a parameter and reading it back; opens for a `with` block only.

    The shutter of one arm of an interferometer stands before the one that keeps the sample dark: opened alone it
    puts no light there and nothing is booked, and what must not move in the light may move.
    """

    options: ClassVar = {
        "use": Option("target", "parameter that opens and closes", required=True),
        "open": Option("setting", "its value for open", default="open"),
        "closed": Option("setting", "its value for closed", default="closed"),
        "settle": Option("quantity", "wait after each change", unit="s", default=0.005, least=0),
        "confirm": Option("flag", "whether it can be read back", default=True),
        "arm": Option("flag", "whether it is that of one arm, with another shutter behind it", default=False),
    }
    verbs: ClassVar = ("block",)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._handle = self.handles["use"]
        self._last: Any = None
        self.guard.add_shutter(self, arm=self.option("arm"))

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a closed shutter that takes 85 ms to confirm a change, as one on a serial line does."""
        return PlannedHandle(dotted, table.clock, self.role.options["closed"], set_takes=0.085, get_takes=0.02)

    def begin(self) -> None:
        """Start every run in the dark: also with the shutters that its procedure does not ask for."""
        self.block()

    def stand_by(self) -> None:
        """Open the shutter of an arm of which the procedure knows nothing: closed, it would keep all light away."""
        if self.option("arm"):
            self.unblock()

    def block(self) -> None:
        """Block the light and confirm it.

        Raises:
            HardwareFault: the shutter does not report that it is closed.
        """
        closed = self.option("closed")
        self._last = None
        self._handle.set(closed)
        self._last = closed
        self.clock.sleep(self.option("settle"))
        if self.option("confirm") and not same_word(answer := self._handle.get(), closed):
            raise HardwareFault(
                f"{self.label} was told {closed!r} but reports {answer!r}: light may be on the sample; "
                "block the beam by hand, then look at the shutter's interlock and cable"
            )
        self.guard.closed(self)

    def is_blocking(self) -> bool:
        """Return whether the shutter reports that it is closed; where it cannot, whether we closed it last."""
        return same_word(self._handle.get() if self.option("confirm") else self._last, self.option("closed"))

    def exposure(self) -> Bracket[None]:
        """Open for the duration of a `with` block; blocked again however the block ends."""
        return Bracket(self.unblock, {"the light could not be blocked": self.block})

    def unblock(self) -> None:
        """Open, after the guard has agreed; for exposures only."""
        self.guard.open_light(self)
        self._last = None
        self._handle.set(self.option("open"))
        self.clock.sleep(self.option("settle"))
