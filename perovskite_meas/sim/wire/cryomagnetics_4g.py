"""Cryomagnetics 4G superconducting magnet power supply with one channel.

Source: the 4G manual as quoted by the stock driver: IMAG?, VMAG?, IOUT?, VOUT?, ULIM, LLIM, SWEEP, RATE, RANGE, QRESET,
UNITS, REMOTE, LOCAL, and the bits of *STB?. Unverified against the manual: that UNITS T is taken and answered in kG,
that the sweep bit goes out at the limit, that nothing is started in local, and the times of the switch.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .magnet_circuit import Circuit
from .stage import finite

_SWEEPING, _STANDBY, _QUENCH = 1, 2, 4
_EXECUTION_ERROR, _COMMAND_ERROR = 16, 32
_RANGES = 5
_SLOWEST = 1e-4
"""A/s; less is no sweep at all."""
_FAST = 5
"""The rate that SWEEP ... FAST takes."""


class CryomagneticsFaults(Faults):
    """Faults of the magnet and its supply."""

    def __init__(self, device: Cryomagnetics4G) -> None:
        super().__init__()
        self._device = device

    def quench(self) -> None:
        """Quench now."""
        now = self._device.clock.now()
        self._device.circuit.settle(now)
        self._device.circuit.quench(now)

    def quench_at(self, tesla: float) -> None:
        """Quench as soon as a sweep that is started from now on reaches this field (either sign)."""
        self._device.circuit.weak_at = abs(tesla)

    def refuse_ramps(self, refuse: bool = True) -> None:
        """Stay in standby whatever SWEEP asks for."""
        self._device.sweeps_allowed = not refuse


class Cryomagnetics4G(WireDevice):
    """One supply and its magnet.

    Args:
        circuit: leads, coil and switch.
        clock: the laboratory's.
        inductance: of the coil, H.
        identity: the reply to `*IDN?`.
    """

    faults: CryomagneticsFaults

    def __init__(self, circuit: Circuit, clock: SimClock, *, inductance: float, identity: str) -> None:
        super().__init__(turnaround=0.01)
        self.faults = CryomagneticsFaults(self)
        self.circuit = circuit
        self.clock = clock
        self.sweeps_allowed = True
        self._inductance = inductance
        self._identity = identity
        self._units = "kG"
        self._remote = False
        self._sweep = "Standby"
        self._limits = {"ULIM": 0.0, "LLIM": 0.0, "VLIM": 5.0}
        self._bounds = [circuit.rated] * _RANGES
        self._rates = [0.03] * (_RANGES + 1)
        self._kept = circuit.coil(clock.now())
        self._heater = False
        self._quenched = False
        self._events = 0
        self._now = clock.now()

    def _command(self, command: bytes, now: float) -> None:
        self._now = now
        self._settle()
        answers = []
        for part in command.decode("ascii", "replace").split(";"):
            words = part.upper().split()
            if not words:
                continue
            try:
                if words[0].endswith("?"):
                    answers.append(self._ask(words[0][:-1], words[1:]))
                else:
                    self._obey(words[0], words[1:])
            except LookupError:
                self._events |= _COMMAND_ERROR
            except ValueError:
                self._events |= _EXECUTION_ERROR
        if answers:
            self._reply(";".join(answers).encode("ascii") + b"\r\n", now + self.turnaround)

    def _settle(self) -> None:
        turning = self.circuit.turning(self._now)
        if self.circuit.coupled and turning is None:
            self._kept = self.circuit.leads.at(self._now)
        if self._now >= self.circuit.quenching and not self._quenched:
            self._quenched, self._sweep, self._kept = True, "Standby", 0.0

    def _ask(self, word: str, arguments: list[str]) -> str:
        leads = self.circuit.leads.at(self._now)
        slope = self._inductance * self.circuit.leads.slope(self._now) if self.circuit.coupled else 0.0
        if word == "RATE":
            return f"{self._rates[_choice(arguments[0], _RANGES) if arguments else 0]:.4f}"
        if word == "RANGE":
            return f"{self._bounds[_choice(arguments[0], _RANGES - 1)]:.4f}"
        if word == "*ESR":
            events, self._events = self._events, 0
            return str(events)
        return {
            "*IDN": self._identity,
            "*STB": str(self._status()),
            "*OPC": "1",
            "*TST": "0",
            "IMAG": self._shown(self._kept if self.circuit.switch else leads),
            "IOUT": self._shown(leads),
            "VMAG": f"{slope:.4f}V",
            "VOUT": f"{slope:.4f}V",
            "ULIM": self._shown(self._limits["ULIM"]),
            "LLIM": self._shown(self._limits["LLIM"]),
            "VLIM": f"{self._limits['VLIM']:.3f}V",
            "SWEEP": self._sweep,
            "PSHTR": str(int(self._heater)),
            "UNITS": self._units,
            "MODE": "Manual",
        }[word]

    def _obey(self, word: str, arguments: list[str]) -> None:
        if word in ("REMOTE", "LOCAL", "RWLOCK"):
            self._remote = word != "LOCAL"
        elif word == "*CLS":
            self._events = 0
        elif word not in ("ULIM", "LLIM", "VLIM", "SWEEP", "RATE", "RANGE", "UNITS", "PSHTR", "QRESET", "*RST"):
            raise LookupError(word)
        elif word in ("SWEEP", "PSHTR", "QRESET") and not self._remote:
            raise ValueError(word)
        elif word in ("ULIM", "LLIM"):
            self._limits[word] = _within(finite(arguments[0]) / self._per_amp(), self.circuit.rated)
        elif word == "VLIM":
            self._limits[word] = _within(finite(arguments[0]), 10.0)
        elif word == "RANGE":
            self._bounds[_choice(arguments[0], _RANGES - 1)] = _within(finite(arguments[1]), self.circuit.rated)
        elif word == "RATE":
            self._rates[_choice(arguments[0], _RANGES)] = _within(finite(arguments[1]), 100.0)
        elif word == "UNITS":
            self._units = {"A": "A", "G": "kG", "KG": "kG", "T": "T"}[arguments[0]]
        elif word == "SWEEP":
            self._start(arguments)
        elif word == "PSHTR":
            self._turn_switch({"ON": True, "OFF": False}[arguments[0]])
        elif word == "QRESET" and self._quenched:
            self._quenched = False
            self.circuit.forgive()

    def _start(self, arguments: list[str]) -> None:
        goals = {"UP": self._limits["ULIM"], "DOWN": self._limits["LLIM"], "ZERO": 0.0, "PAUSE": None}
        goal = goals[arguments[0]]
        if goal is None:
            self._sweep = "Standby"
            self.circuit.hold(self._now)
            return
        if self._quenched or not self.sweeps_allowed or self.circuit.turning(self._now) is not None:
            raise ValueError(arguments[0])
        fast = arguments[1:] == ["FAST"] and not self.circuit.coupled
        slow = [(bound, rate) for bound, rate in zip(self._bounds, self._rates, strict=False) if rate >= _SLOWEST]
        rates = [(self.circuit.rated, max(self._rates[_FAST], _SLOWEST))] if fast else slow
        if not rates:
            raise ValueError(arguments[0])
        self.circuit.ramp(self._now, goal, rates)
        self._sweep = {"UP": "Sweep up", "DOWN": "Sweep down", "ZERO": "Zeroing"}[arguments[0]]

    def _turn_switch(self, heater: bool) -> None:
        if not self.circuit.switch or self._quenched:
            raise ValueError(heater)
        if heater != self._heater:
            self._sweep, self._heater = "Standby", heater
            self.circuit.hold(self._now)
            self.circuit.turn_switch(self._now, heater, 15.0)

    def _status(self) -> int:
        moving = self._now < self.circuit.leads.end and self._sweep != "Standby"
        return _SWEEPING * moving + _STANDBY * (self._sweep == "Standby") + _QUENCH * self._quenched

    def _per_amp(self) -> float:
        return 1.0 if self._units == "A" else 10.0 * self.circuit.constant

    def _shown(self, current: float) -> str:
        return f"{current * self._per_amp():.4f}{'A' if self._units == 'A' else 'kG'}"


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> Cryomagnetics4G:
    """Wire up one supply: `port`, and perhaps `coil_constant` (T/A), `rated_current` (A), `inductance` (H).

    Also `persistent_switch` (true or false) and `identity`.
    """
    entry = entries[0]
    circuit = Circuit(
        laboratory.port(entry["port"]),
        float(entry.get("coil_constant", 0.1125)),
        float(entry.get("rated_current", 80.0)),
        laboratory.clock.now(),
        switch=bool(entry.get("persistent_switch", False)),
    )
    identity = str(entry.get("identity", "Cryomagnetics,4G,5001,1.74"))
    return Cryomagnetics4G(
        circuit, laboratory.clock, inductance=float(entry.get("inductance", 20.0)), identity=identity
    )


def _choice(text: str, highest: int) -> int:
    value = int(text)
    if not 0 <= value <= highest:
        raise ValueError(text)
    return value


def _within(value: float, limit: float) -> float:
    if abs(value) > limit * (1 + 1e-9):
        raise ValueError(value)
    return value
