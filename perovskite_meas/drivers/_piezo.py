"""High-voltage output of an APT piezo controller."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import UsageError

from ._apt import CHANNEL, AptInstrument, Message

if TYPE_CHECKING:
    from typing_extensions import Unpack

LIMITS = {75: 1, 100: 2, 150: 3}
"""Voltage limits in V and their codes. Source: APT protocol, MGMSG_PZ_SET_TPZ_IOSETTINGS."""
POLL = 0.01
ENABLED = 1 << 31
_CONNECTED, _CLOSED_LOOP = 1 << 0, 1 << 10
_ON, _OFF = 1, 2
_OPEN, _CLOSED = (1, 3), (2, 4)
_FULL = 32767
_SETTLE = 0.5


class PiezoOutput(AptInstrument):
    """Output, limit and enable state; a subclass adds what else it can, and connects.

    Args:
        name: name in the station.
        address: VISA resource name of the virtual serial port.
        visalib: VISA library as PyVISA names it; None for the system's.
        maximum: what the actuator stands: 75, 100 or 150 V.
        tolerance: largest accepted difference between the voltage asked for and the one read back, in V.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    model = ""

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None,
        maximum: float,
        tolerance: float,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        if maximum not in LIMITS:
            raise ValueError(f"{name}: maximum {maximum:g} V is not one of the controller's limits 75, 100 and 150 V")
        self._maximum = maximum
        self._tolerance = tolerance
        self._running = False
        self._was_connected = False
        self._idn: dict[str, str | None] = {}
        self.voltage: Parameter[float, Self] = self.add_parameter(
            "voltage",
            label="Voltage",
            unit="V",
            get_cmd=self._get_voltage,
            set_cmd=self._set_voltage,
            vals=vals.Numbers(0, maximum),
        )
        """Output voltage; a set is read back and verified."""
        self.voltage_limit: Parameter[int, Self] = self.add_parameter(
            "voltage_limit",
            label="Voltage limit",
            unit="V",
            get_cmd=self._get_limit,
            set_cmd=self._set_limit,
            vals=vals.Enum(*LIMITS),
        )
        """The controller's own limit; can be set to `maximum` alone, and only while the output is disabled."""
        self.enabled: Parameter[bool, Self] = self.add_parameter(
            "enabled",
            label="Enabled",
            get_cmd=lambda: bool(self._status() & ENABLED),
            set_cmd=self._set_enabled,
            vals=vals.Bool(),
        )
        """Whether the output is on; it comes on at 0 V, and with knob and analog input cut off."""
        self.closed_loop: Parameter[bool, Self] = self.add_parameter(
            "closed_loop",
            label="Closed loop",
            get_cmd=lambda: self._control_mode() in _CLOSED,
            set_cmd=self._set_closed_loop,
            vals=vals.Bool(),
        )
        """Whether a strain gauge reader controls the output; voltage and ramp need the open loop."""

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        return dict(self._idn)

    def _greet(self) -> None:
        self._order(Message.HW_STOP_UPDATEMSGS)
        info = self._request(Message.HW_REQ_INFO, Message.HW_GET_INFO, "<I8sH4B48s12sHHH", channel=0)
        model = info[1].split(b"\0")[0].decode("ascii", "replace").strip()
        if model != self.model:
            raise self._stranger(f"{model!r} with serial number {info[0]}", f"a Thorlabs {self.model}")
        firmware = ".".join(str(part) for part in (info[5], info[4], info[3]))
        self._idn = {"vendor": "Thorlabs", "model": model, "serial": str(info[0]), "firmware": firmware}
        self._order(Message.PZ_STOP_LUTOUTPUT, CHANNEL)  # one that a program which died has left running
        self._was_connected = bool(self._status() & _CONNECTED)
        if not self._was_connected:
            self.log.warning("%s does not see an actuator", self._where)
        if (limit := self._get_limit()) != self._maximum:
            self.log.warning(
                "%s is limited to %g V, not to %g V: nothing will be set", self._where, limit, self._maximum
            )

    def _refuse_while_ramping(self, what: str) -> None:
        if self._running:
            raise UsageError(f"{self._where}: {what} refused while the ramp runs; set `ramping` to False first")

    def _get_voltage(self) -> float:
        steps = self._request(Message.PZ_REQ_OUTPUTVOLTS, Message.PZ_GET_OUTPUTVOLTS, "<Hh")[1]
        return float(steps / _FULL * self._get_limit())

    def _set_voltage(self, volts: float) -> None:
        with self._link.lock:
            self._refuse_while_ramping(f"voltage {volts:g} V")
            self._ready(f"voltage {volts:g} V")
            self._send_voltage(volts)
            try:
                wait_until(self.clock, lambda: self._is_at(volts), timeout=_SETTLE, poll=POLL)
            except TimeoutError:
                raise self._fault(
                    f"voltage reads {self._get_voltage():.3f} V after setting {volts:.3f} V, further away than the "
                    f"tolerance of {self._tolerance:g} V",
                    "check that nobody turns the knob and that the actuator is no short circuit",
                ) from None
            if not self._status() & ENABLED:
                raise self._fault(
                    f"the output went off while {volts:g} V were set, so somebody pressed the button, or the "
                    "controller was reset",
                    "set `enabled` to True and the voltage again",
                )

    def _is_at(self, volts: float) -> bool:
        return abs(self._get_voltage() - volts) <= self._tolerance

    def _send_voltage(self, volts: float) -> None:
        steps = round(volts / self._maximum * _FULL)
        self._order(Message.PZ_SET_OUTPUTVOLTS, data=struct.pack("<Hh", CHANNEL, steps))

    def _get_limit(self) -> int:
        code = self._io_settings()[1]
        for volts, known in LIMITS.items():
            if known == code:
                return volts
        raise self._garbage("MGMSG_PZ_REQ_TPZ_IOSETTINGS", str(code).encode(), "a voltage limit of code 1 to 3")

    def _set_limit(self, volts: int) -> None:
        if volts != self._maximum:
            raise UsageError(
                f"{self._where}: voltage limit {volts} V refused, because the actuator is stated to stand "
                f"{self._maximum:g} V (`maximum` in the station file)"
            )
        with self._link.lock:
            if self._status() & ENABLED:
                raise self._fault(
                    f"voltage limit {volts} V refused while the output is enabled, since it scales the voltage",
                    "set `enabled` to False first",
                )
            _, _, feedback, *rest = self._io_settings()
            data = struct.pack("<5H", CHANNEL, LIMITS[volts], feedback, *rest)
            self._order(Message.PZ_SET_TPZ_IOSETTINGS, data=data)
            if (found := self._get_limit()) != volts:
                raise self._fault(f"voltage limit is {found} V after setting {volts} V", "set it at the controller")

    def _io_settings(self) -> tuple[int, ...]:
        return self._request(Message.PZ_REQ_TPZ_IOSETTINGS, Message.PZ_GET_TPZ_IOSETTINGS, "<5H")

    def _set_enabled(self, wanted: bool) -> None:
        with self._link.lock:
            if wanted == bool(self._status() & ENABLED):
                return
            if wanted:
                self._check_limit("enabling")
                self._send_voltage(0.0)
                self._order(Message.PZ_SET_INPUTVOLTSSRC, data=struct.pack("<HH", CHANNEL, 0))
            else:
                self._order(Message.PZ_STOP_LUTOUTPUT, CHANNEL)
                self._running = False
            self._order(Message.MOD_SET_CHANENABLESTATE, CHANNEL, _ON if wanted else _OFF)
            try:
                wait_until(self.clock, lambda: bool(self._status() & ENABLED) == wanted, timeout=_SETTLE, poll=POLL)
            except TimeoutError:
                state = "disabled" if wanted else "ENABLED, WITH VOLTAGE ON THE ACTUATOR"
                raise self._fault(f"the output is still {state}", "use the button on the controller") from None

    def _control_mode(self) -> int:
        return int(self._request(Message.PZ_REQ_POSCONTROLMODE, Message.PZ_GET_POSCONTROLMODE, "<BB")[1])

    def _set_closed_loop(self, wanted: bool) -> None:
        with self._link.lock:
            self._check_limit("closed loop" if wanted else "open loop")
            modes = _CLOSED if wanted else _OPEN
            self._order(Message.PZ_SET_POSCONTROLMODE, CHANNEL, modes[0])
            if (found := self._control_mode()) not in modes:
                raise self._fault(
                    f"control mode is {found} after setting {modes[0]}", "closed loop needs a strain gauge reader"
                )

    def _ready(self, what: str) -> None:
        """Refuse to set anything unless the voltage sent is what reaches the actuator."""
        self._check_limit(what)
        status = self._status()
        if not status & ENABLED:
            raise self._fault(f"{what} refused, because the output is disabled", "set `enabled` to True first")
        if self._was_connected and not status & _CONNECTED:
            raise self._fault(f"{what} refused, because the actuator is no longer connected", "plug it in again")
        self._was_connected = bool(status & _CONNECTED)
        if status & _CLOSED_LOOP:
            raise self._fault(f"{what} refused in closed loop", "set `closed_loop` to False first")
        source = self._request(Message.PZ_REQ_INPUTVOLTSSRC, Message.PZ_GET_INPUTVOLTSSRC, "<HH")[1]
        if source:
            raise self._fault(
                f"{what} refused, because the knob or the analog input adds to the output (source {source})",
                "set `enabled` to False and to True again, which cuts them off",
            )

    def _check_limit(self, what: str) -> None:
        if (limit := self._get_limit()) != self._maximum:
            raise self._fault(
                f"{what} refused, because the controller's voltage limit is {limit} V, but the actuator is stated to "
                f"stand {self._maximum:g} V (`maximum` in the station file)",
                f"disable the output and set `voltage_limit` to {self._maximum:g} V, or correct `maximum`",
            )

    def _status(self) -> int:
        return int(self._request(Message.PZ_REQ_PZSTATUSUPDATE, Message.PZ_GET_PZSTATUSUPDATE, "<HhhI")[3])
