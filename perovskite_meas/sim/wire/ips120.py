"""Oxford Instruments IPS 120-10 magnet power supply, the forerunner of the Mercury iPS.

Source: IPS 120-10 manual as quoted by the stock driver and public ones: one letter and a number, CR behind everything,
the letter comes back, ? for what is not understood, nothing behind $; the fields of X. Unverified against the manual:
that H1 with unmatched leads changes nothing and says nothing, and that R reads six decimals in every protocol.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .magnet_circuit import Circuit
from .mercury_group import DeniedError, Group

_COMMAND = re.compile(r"([A-Z])([-+]?[\d.]*)")
_ACTIONS = {"0": "HOLD", "1": "RTOS", "2": "RTOZ", "4": "CLMP"}
_READINGS = {
    0: "SIG:CURR",
    1: "SIG:VOLT",
    2: "SIG:CURR",
    5: "SIG:CSET",
    6: "SIG:RCST",
    7: "SIG:FLD",
    8: "SIG:FSET",
    9: "SIG:RFST",
    16: "SIG:PCUR",
    18: "SIG:PFLD",
    22: "CLIM",
    24: "IND",
}
_SETTINGS = {"I": "SIG:CSET", "J": "SIG:FSET", "S": "SIG:RCST", "T": "SIG:RFST"}
_LOCAL = ("0", "2")


class IpsFaults(Faults):
    """Faults of the magnet and its supply."""

    def __init__(self, device: IPS120) -> None:
        super().__init__()
        self._device = device

    def quench(self) -> None:
        """Quench now."""
        now = self._device.clock.now()
        self._device.group.settle(now)
        self._device.group.circuit.quench(now)

    def quench_at(self, tesla: float) -> None:
        """Quench as soon as a sweep that is started from now on reaches this field (either sign)."""
        self._device.group.circuit.weak_at = abs(tesla)

    def refuse_ramps(self, refuse: bool = True) -> None:
        """Refuse all sweeps, as under an external interlock."""
        self._device.group.ramps_allowed = not refuse

    def fail_heater(self) -> None:
        """Let the heater of the switch do nothing from now on; the supply does not notice."""
        self._device.group.heater_works = False


class IPS120(WireDevice):
    """One supply and its magnet.

    Args:
        group: what it does with its current and its switch.
        clock: the laboratory's.
        identity: the reply to `V`.
        baud: of a serial line; None on GPIB.
    """

    stop_bytes = b"\r"
    faults: IpsFaults

    def __init__(self, group: Group, clock: SimClock, *, identity: str, baud: float | None) -> None:
        super().__init__(baud=baud, turnaround=0.01)
        self.faults = IpsFaults(self)
        self.group = group
        self.clock = clock
        self._identity = identity
        self._activity = "4"
        self._control = "2"

    def _command(self, command: bytes, now: float) -> None:
        line = command.decode("ascii", "replace").strip()
        silent = line.startswith("$")
        line = line.removeprefix("$")
        if not line:
            return
        self.group.settle(now)
        if self.group.quenched:
            self._activity = "4"
        understood = _COMMAND.fullmatch(line)
        answer = None if understood is None else self._obey(*understood.groups())
        if not silent:
            self._reply((f"?{line}" if answer is None else answer).encode("ascii", "replace") + b"\r", now + 0.01)

    def _obey(self, letter: str, argument: str) -> str | None:
        """Return the answer; None for what is not understood or not done."""
        if letter == "V":
            return self._identity
        if letter == "X":
            return self._status()
        if letter == "R":
            known = argument.isdigit() and int(argument) in _READINGS
            return f"R{self.group.value(_READINGS[int(argument)]):+.6f}" if known else None
        if letter == "C" and argument in ("0", "1", "2", "3"):
            self._control = argument
        elif letter not in "QUW" and (self._control in _LOCAL or not self._change(letter, argument)):
            return None
        return letter

    def _change(self, letter: str, argument: str) -> bool:
        group = self.group
        try:
            if letter in _SETTINGS:
                group.set(_SETTINGS[letter], argument)
                if self._activity == "1":
                    group.set("ACTN", "RTOS")
            elif letter == "A" and argument in _ACTIONS:
                group.set("ACTN", _ACTIONS[argument])
                self._activity = argument
            elif letter == "H" and argument in ("0", "1", "2"):
                if group.circuit.switch:
                    group.set("SIG:SWHN" if argument == "2" else "SIG:SWHT", "OFF" if argument == "0" else "ON")
            else:
                return letter in "MPF"
        except ValueError:
            return False
        except DeniedError:
            return letter == "H"
        return True

    def _status(self) -> str:
        group = self.group
        heater = (
            8
            if not group.circuit.switch
            else 1
            if group.read("SIG:SWHT") == "ON"
            else 2 * (abs(group.value("SIG:PFLD")) > 1e-6)
        )
        sweeping = int(group.read("ACTN") in ("RTOS", "RTOZ"))
        return f"X{int(group.quenched)}0A{self._activity}C{self._control}H{heater}M1{sweeping}P00"


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> IPS120:
    """Wire up one supply: `port`, and perhaps the magnet behind it.

    `coil_constant` (T/A), `rated_current` (A), `inductance` (H), `persistent_switch` (true or false; default true),
    `heat_time` and `cool_time` (s), `identity`, `baud`.
    """
    entry = entries[0]
    now = laboratory.clock.now()
    circuit = Circuit(
        laboratory.port(entry["port"]),
        float(entry.get("coil_constant", 0.1125)),
        float(entry.get("rated_current", 80.0)),
        now,
        switch=bool(entry.get("persistent_switch", True)),
    )
    times = float(entry.get("heat_time", 15.0)), float(entry.get("cool_time", 15.0))
    return IPS120(
        Group(circuit, float(entry.get("inductance", 20.0)), times, now),
        laboratory.clock,
        identity=str(entry.get("identity", "IPS120-10 Version 3.07 (c) OXFORD 1996")),
        baud=float(entry.get("baud", 9600)) if str(entry["address"]).upper().startswith("ASRL") else None,
    )
