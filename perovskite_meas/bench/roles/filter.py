"""Neutral filters in a wheel before the spectrometer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.errors import HardwareFault, UsageError
from ..calibrations import Calibration, Measured, quantity
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table


def _impossible(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    """Return which transmissions cannot be."""
    found = options["transmissions"] or ()
    if any(not 0 <= share <= 1 for share, _ in found):
        return {"transmissions": "must be shares from 0 (blocked, not used) to 1; write them like 10 % +- 2 %"}
    if found and not any(share > 0 for share, _ in found):
        return {"transmissions": "must hold at least one that lets light through"}
    return {}


class FilterAdapter(RoleAdapter):
    """Puts one of several filters of known transmission into the emission, and sees that it stands."""

    options: ClassVar = {
        "use": Option("target", "place of the wheel, counted from 1", required=True),
        "transmissions": Option("values", "by place of the wheel, from place 1 on; 0 for one that is not to be used",
                                required=True),
        "settle": Option("quantity", "wait after each change", unit="s", default=0.1, least=0),
    }  # fmt: skip
    checks: ClassVar = (_impossible,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        stated: tuple[Measured, ...] = self.option("transmissions")
        used = [(measured, place) for place, measured in enumerate(stated, 1) if measured[0] > 0]
        self._filters = sorted(used, key=lambda pair: -pair[0][0])

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a wheel that takes 1 s for a change."""
        return PlannedHandle(dotted, table.clock, 1, set_takes=1.0, get_takes=0.01)

    def transmissions(self) -> tuple[float, ...]:
        """Return the transmissions that there are, from the highest down."""
        return tuple(measured[0] for measured, _ in self._filters)

    def insert(self, step: int) -> float:
        """Put in the filter of this place in `transmissions`, wait until it stands, and return its transmission.

        Raises:
            UsageError: no such filter; nothing has moved.
            HardwareFault: the wheel stands elsewhere.
        """
        if step not in range(len(self._filters)):
            raise UsageError(
                f"{self.label} has {len(self._filters)} filters, 0 to {len(self._filters) - 1} from the highest "
                f"transmission down; got {step!r}"
            )
        measured, place = self._filters[step]
        wheel = self.handles["use"]
        if int(wheel.get()) != place:
            wheel.set(place)
            self.clock.sleep(self.option("settle"))
            found = int(wheel.get())
            if found != place:
                raise HardwareFault(
                    f"{self.label} was sent to place {place} but says that it stands at {found}: see that nothing "
                    "blocks the wheel, then switch it off and on"
                )
        return measured[0]

    def facts(self) -> dict[str, Any]:
        """Return the transmissions with their sigma, from the highest down."""
        return {"transmissions": [quantity(measured, "1") for measured, _ in self._filters]}
