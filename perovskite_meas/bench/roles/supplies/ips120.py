"""The Oxford IPS 120-10, through PyMeasure's `IPS120_10` behind the bridge.

Letters of the status reply `XmnAnCnHnMmnPmn` as the driver reads them; the system status m (1 quenched, 2 over heated,
4 warming up, 8 fault) is unverified against the manual.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ....core.errors import ReplyError
from .base import Fitting, Supply

_SYSTEM = {"0": "", "1": "quench", "2": "fault", "4": "fault", "8": "fault"}
_NO_SWITCH, _WARM, _FAULTY = "8", "1", "5"


class Ips120(Supply):
    """An IPS 120-10; its setpoint is cut off silently by the driver's `field_range`, so it is read back."""

    kind: ClassVar[str] = "ips120"
    resolution: ClassVar[float] = 1e-3

    def __init__(self, owner: Any, field_name: str, fitting: Fitting) -> None:
        super().__init__(owner, field_name, fitting)
        self._driver = owner.driver

    def field(self) -> float:
        """Return the field of the coil, in T; the persistent one where the switch is cold."""
        return float(self._driver.persistent_field if self._cold(self._status()) else self._driver.demand_field)

    def state(self) -> str:
        """Return the state as a word; the supply has none for a switch on its way."""
        status = self._status()
        system = _SYSTEM.get(status[1], "fault")
        if system or (self._fitting.switch and status[8] == _FAULTY):
            return system or "fault"
        if status[11] != "0":
            return "ramping"
        return "persistent" if self._cold(status) else "holding"

    def start(self, tesla: float, rate: float) -> None:
        """Begin to ramp to a field in T at `rate` T/s, in remote control and through hold."""
        if self._driver.control_mode in ("LL", "LU"):
            self._driver.control_mode = "RU"
        self._driver.activity = "hold"
        self._driver.sweep_rate = rate * 60
        self._verify("rate", rate * 60, float(self._driver.sweep_rate), "T/min", 1e-2)
        self._driver.field_setpoint = tesla
        self._verify("setpoint", tesla, float(self._driver.field_setpoint), "T", 1e-3)
        self._driver.activity = "to setpoint"

    def hold(self) -> None:
        """Hold; a clamped output stays clamped."""
        if self._driver.activity != "clamp":
            self._driver.activity = "hold"

    def leads(self) -> float:
        """Return the field to which the current in the leads corresponds, in T."""
        return float(self._driver.demand_field)

    def start_leads(self, tesla: float, rate: float) -> None:
        """Begin to ramp the leads: the same as ramping, with a cold switch."""
        self.start(tesla, rate)

    def heat(self, on: bool) -> None:
        """Turn the heater of the switch on (the supply checks that the currents match) or off."""
        self._driver.switch_heater_enabled = on

    def _cold(self, status: str) -> bool:
        return self._fitting.switch and status[8] not in (_WARM, _NO_SWITCH, _FAULTY)

    def _status(self) -> str:
        reply = str(self._driver.ask("X")).strip()
        if len(reply) < 12 or reply[0] != "X":
            raise ReplyError(f"{type(self._driver).__name__} answered {reply!r} to X; expected XmnAnCnHnMmnPmn")
        return reply
