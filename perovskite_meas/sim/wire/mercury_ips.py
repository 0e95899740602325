"""Oxford Instruments Mercury iPS magnet power supply, as it answers on its TCP socket.

Source: the command reference of the Mercury iTC and iPS manuals (READ and SET, INVALID, NOT_FOUND, N/A, DENIED) as far
as published pages and the stock driver go. Unverified against the manual: the form of the alarm list and of the bits of
STAT, and that a quench has to be acknowledged at the front panel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.errors import UsageError, did_you_mean
from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .magnet_circuit import Circuit
from .mercury_group import DeniedError, Group, Spare

GROUPS = ("GRPX", "GRPY", "GRPZ")
_MAGNET, _PLATE, _SHIELD = "DEV:MB1.T1:TEMP", "DEV:DB8.T1:TEMP", "DEV:DB7.T1:TEMP"
_LEVEL = "DEV:DB1.L1:LVL"
_LOW_HELIUM = 20.0
"""Percent below which there is an alarm."""


class MercuryFaults(Faults):
    """Faults of the magnet and its supply; they strike the wired group."""

    def __init__(self, device: MercuryiPS) -> None:
        super().__init__()
        self._device = device

    def quench(self) -> None:
        """Quench now."""
        self._device.wired_now().circuit.quench(self._device.clock.now())

    def quench_at(self, tesla: float) -> None:
        """Quench as soon as a ramp that is started from now on reaches this field (either sign)."""
        self._device.wired.circuit.weak_at = abs(tesla)

    def acknowledge_quench(self) -> None:
        """Have somebody acknowledge it at the front panel."""
        self._device.wired_now().forgive()

    def leave_persistent(self) -> None:
        """Park the present field: a cold switch across the coil, no current in the leads."""
        self._device.wired_now().park()

    def refuse_ramps(self, refuse: bool = True) -> None:
        """Deny all ramps, as under an external interlock."""
        self._device.wired.ramps_allowed = not refuse

    def fail_heater(self) -> None:
        """Let the heater of the switch do nothing from now on; the supply does not notice."""
        self._device.wired.heater_works = False

    def helium(self, percent: float) -> None:
        """Set the level of the liquid helium."""
        self._device.helium = percent


class MercuryiPS(WireDevice):
    """One supply with three groups, one of which has a coil in the World.

    Args:
        groups: by name.
        wired: the one with the coil in the World.
        clock: the laboratory's.
        kelvin: the temperature of the magnet at a time, K.
        serial: number.
        firmware: version; from 2.6 on a supply is called SPSU.
    """

    faults: MercuryFaults

    def __init__(
        self,
        groups: dict[str, Group],
        wired: str,
        clock: SimClock,
        kelvin: Callable[[float], float],
        *,
        serial: str,
        firmware: str,
    ) -> None:
        super().__init__(turnaround=0.01)
        self.faults = MercuryFaults(self)
        self.wired = groups[wired]
        self.clock = clock
        self.helium = 80.0
        self._groups = groups
        self._kelvin = kelvin
        self._identity = f"IDN:OXFORD INSTRUMENTS:MERCURY IPS:{serial}:{firmware}"
        major, minor = (int(part) for part in firmware.split(".")[:2])
        self._noun = "SPSU" if (major, minor) >= (2, 6) else "PSU"

    def wired_now(self) -> Group:
        """Return the group with the coil as it is at this moment."""
        self.wired.settle(self.clock.now())
        return self.wired

    def _command(self, command: bytes, now: float) -> None:
        for group in self._groups.values():
            group.settle(now)
        line = command.decode("ascii", "replace").strip()
        verb, _, rest = line.partition(":")
        if line == "*IDN?":
            answer = self._identity
        elif verb == "READ":
            path = rest.removesuffix("?")
            answer = f"STAT:{path}:{self._read(path, now)}"
        elif verb == "SET":
            answer = f"STAT:SET:{rest}:{self._set(rest)}"
        elif line:
            answer = f"{verb}:INVALID"
        else:
            return
        self._reply(answer.encode("ascii", "replace") + b"\n", now + self.turnaround)

    def _read(self, path: str, now: float) -> str:
        system = self._system(now).get(path)
        if system is not None:
            return system
        group, noun = self._find(path)
        if group is None:
            return noun
        reading = group.read(noun)
        return "INVALID" if reading is None else reading

    def _set(self, rest: str) -> str:
        path, _, value = rest.rpartition(":")
        group, noun = self._find(path)
        if group is None:
            return noun
        try:
            if group.set(noun, value):
                return "VALID"
        except ValueError:
            return "INVALID"
        except DeniedError:
            return "DENIED"
        return "INVALID" if group.read(noun) is None else "DENIED"

    def _find(self, path: str) -> tuple[Group | None, str]:
        """Return the group that a path means and the rest of it, or None and what is wrong."""
        device, _, rest = path.partition(":")
        name, _, rest = rest.partition(":")
        kind, _, noun = rest.partition(":")
        if device != "DEV":
            return None, "INVALID"
        if name not in self._groups:
            return None, "NOT_FOUND"
        return (self._groups[name], noun) if kind == self._noun else (None, "N/A")

    def _system(self, now: float) -> dict[str, str]:
        devices = [*(f"DEV:{name}:{self._noun}" for name in self._groups), _MAGNET, _PLATE, _SHIELD, _LEVEL]
        alarms = [f"{name}\tMagnet quench;" for name, group in self._groups.items() if group.quenched]
        if self.helium < _LOW_HELIUM:
            alarms.append("DB1.L1\tHelium level low;")
        kelvin = self._kelvin(now)
        return {
            "SYS:CAT": ":".join(devices),
            "SYS:ALRM": "".join(alarms),
            f"{_MAGNET}:SIG:TEMP": f"{kelvin:.4f}K",
            f"{_PLATE}:SIG:TEMP": "45.0000K",
            f"{_SHIELD}:SIG:TEMP": f"{kelvin:.4f}K",
            f"{_LEVEL}:SIG:HEL:LEV": f"{self.helium:.2f}%",
        }


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> MercuryiPS:
    """Wire up one supply: `port`, `group` (GRPX, GRPY or GRPZ; default GRPZ), and perhaps the magnet behind it.

    `coil_constant` (T/A), `rated_current` (A), `inductance` (H), `persistent_switch` (true or false), `heat_time` and
    `cool_time` (s), `cryostat` (the port whose sensor B is on the magnet), `serial`, `firmware`.
    """
    entry = entries[0]
    now = laboratory.clock.now()
    times = float(entry.get("heat_time", 20.0)), float(entry.get("cool_time", 40.0))
    constant, rated = float(entry.get("coil_constant", 0.1125)), float(entry.get("rated_current", 80.0))
    wired = str(entry.get("group", "GRPZ"))
    if wired not in GROUPS:
        raise UsageError(f"{entry['address']}: MercuryiPS has no group {wired!r}; {did_you_mean(wired, GROUPS)}")

    def group(name: str) -> Group:
        port: Any = laboratory.port(entry["port"]) if name == wired else Spare(now)
        switch = name == wired and bool(entry.get("persistent_switch", False))
        circuit = Circuit(port, constant, rated, now, switch=switch)
        return Group(circuit, float(entry.get("inductance", 20.0)), times, now)

    finger: Any = laboratory.port(entry["cryostat"]) if "cryostat" in entry else None
    return MercuryiPS(
        {name: group(name) for name in GROUPS},
        wired,
        laboratory.clock,
        (lambda t: float(finger.kelvin("B", t))) if finger is not None else (lambda t: 4.2),
        serial=str(entry.get("serial", "160150042")),
        firmware=str(entry.get("firmware", "2.5.08.000")),
    )
