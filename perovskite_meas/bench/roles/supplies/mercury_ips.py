"""One axis (worker) of the Oxford Mercury iPS, through QCoDeS' `OxfordMercuryWorkerPS`.

Signals and actions as the driver uses them. The status word `STAT` and its bits are unverified against the manual:
where the supply does not know the question, a quench is noticed by the field that drops.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from .base import Fitting, Supply

_QUENCH = 0x100
"""Bit of the status word."""
_STATES = {"HOLD": "holding", "CLAMP": "holding", "TO SET": "ramping", "TO ZERO": "ramping"}
_HEX = re.compile(r":?([0-9A-Fa-f]{8})")


class MercuryIps(Supply):
    """A worker (GRPX, GRPY, GRPZ). A clamped output goes through HOLD before it ramps."""

    kind: ClassVar[str] = "mercury_ips"
    resolution: ClassVar[float] = 1e-4

    def __init__(self, owner: Any, field_name: str, fitting: Fitting) -> None:
        super().__init__(owner, field_name, fitting)
        self._knows_status = True

    def field(self) -> float:
        """Return the field of the coil, in T; the persistent one where the switch is cold."""
        return float(self.owner.field_persistent() if self._cold() else self.owner.field())

    def state(self) -> str:
        """Return the state as a word; the supply has none for a switch on its way."""
        if self._status() & _QUENCH:
            return "quench"
        found = _STATES[self.owner.ramp_status()]
        return "persistent" if found == "holding" and self._cold() else found

    def start(self, tesla: float, rate: float) -> None:
        """Begin to ramp to a field in T at `rate` T/s."""
        self.owner.field_ramp_rate(rate)
        self._verify("rate", rate * 60, float(self.owner.field_ramp_rate()) * 60, "T/min", 1e-3)
        self.owner.field_target(tesla)
        self._verify("target", tesla, float(self.owner.field_target()), "T")
        self.owner.ramp_to_target()

    def hold(self) -> None:
        """Hold; a clamped output stays clamped."""
        if self.owner.ramp_status() != "CLAMP":
            self.owner.ramp_status("HOLD")

    def leads(self) -> float:
        """Return the field to which the current in the leads corresponds, in T."""
        return float(self.owner.field())

    def start_leads(self, tesla: float, rate: float) -> None:
        """Begin to ramp the leads: the same as ramping, with a cold switch."""
        self.start(tesla, rate)

    def heat(self, on: bool) -> None:
        """Turn the heater of the switch on or off."""
        self.owner.heater_switch("ON" if on else "OFF")

    def _cold(self) -> bool:
        return self._fitting.switch and str(self.owner.heater_switch()).strip().upper() == "OFF"

    def _status(self) -> int:
        if not self._knows_status:
            return 0
        owner = self.owner
        found = _HEX.fullmatch(str(owner.parent.ask(f"READ:DEV:{owner.uid}:{owner.psu_string}:STAT")).strip())
        self._knows_status = found is not None
        return 0 if found is None else int(found[1], 16)
