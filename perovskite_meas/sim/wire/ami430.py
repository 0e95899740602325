"""American Magnetics Model 430 power supply programmer with its supply, as it answers on its TCP socket.

Source: AMI Model 430 manual, chapter 4: commands, the ten states, the error queue (ten entries, first in first out, the
last one replaced when it overflows), a quench that forces 0 V and disables ramping until it is reset. Unverified: that
heating, cooling and a reset of a quench end in PAUSED, that a manual ramp stays in its state at the current limit, the
text about inhibited ramps, and the time a reply takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

from ..clock import SimClock
from .ami430_settings import AmiError, Handler, Settings, shown
from .ami430_supply import Supply
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .magnet_circuit import Circuit
from .scpi import spellings

_BANNER = b"American Magnetics Model 430 IP Interface\r\nHello.\r\n"
_LEAD_RESISTANCE = 0.005
_DEPTH = 10


class AmiFaults(Faults):
    """Faults of the magnet and its supply."""

    def __init__(self, device: AMI430) -> None:
        super().__init__()
        self._device = device

    def quench(self) -> None:
        """Quench now."""
        self._device.supply_now().circuit.quench(self._device.clock.now())

    def quench_at(self, tesla: float) -> None:
        """Quench as soon as a ramp that is started from now on reaches this field (either sign)."""
        self._device.supply.circuit.weak_at = abs(tesla)

    def leave_persistent(self) -> None:
        """Park the present field: a cold switch across the coil, no current in the leads."""
        self._device.supply_now().park()

    def refuse_ramps(self, refuse: bool = True) -> None:
        """Answer nothing to RAMP but an error in the queue, as under an external interlock."""
        self._device.supply.ramps_allowed = not refuse

    def fail_heater(self) -> None:
        """Let the heater of the switch do nothing from now on; the programmer does not notice."""
        self._device.supply.heater_works = False


class AMI430(WireDevice):
    """One programmer, its supply and its magnet.

    Args:
        circuit: leads, coil and switch.
        clock: the laboratory's.
        tesla: whether fields are in T (else kG).
        minutes: whether rates are per minute (else per second).
        identity: the reply to `*IDN?`.
    """

    faults: AmiFaults

    def __init__(self, circuit: Circuit, clock: SimClock, *, tesla: bool, minutes: bool, identity: str) -> None:
        super().__init__(turnaround=0.01)
        self.faults = AmiFaults(self)
        self.clock = clock
        settings = Settings(
            constant=circuit.constant,
            limit=circuit.rated,
            tesla=tesla,
            minutes=minutes,
            changed=lambda: self.supply.replan(),
        )
        self.settings = settings
        self.supply = Supply(circuit, settings, clock.now())
        self._identity = identity
        self._errors: deque[str] = deque()
        table = {**self._commands(), **settings.commands()}
        self._handlers = {way: handler for spelling, handler in table.items() for way in spellings(spelling)}

    def connect(self, now: float) -> None:
        """Greet whoever connects; what was for the one before is lost."""
        self.clear()
        self._reply(_BANNER, now + self.turnaround)

    def supply_now(self) -> Supply:
        """Return the supply as it is at this moment."""
        self.supply.settle(self.clock.now())
        return self.supply

    def _commands(self) -> dict[str, Handler]:
        supply = self.supply
        table: dict[str, Handler] = {
            "*IDN?": lambda _: self._identity,
            "*TST?": lambda _: "1",
            "*OPC?": lambda _: "1",
            "*STB?": lambda _: str(4 * supply.quenched),
            "*ESR?": lambda _: "0",
            "*CLS": lambda _: self._errors.clear(),
            "*RST": self._reset,
            "SYSTem:ERRor?": self._next_error,
            "SYSTem:ERRor:COUNt?": lambda _: str(len(self._errors)),
            "SYSTem:REMote": lambda _: None,
            "SYSTem:LOCal": lambda _: None,
            "STATE?": lambda _: str(supply.state()),
            "CONFigure:PSwitch": supply.install,
            "PSwitch:INSTalled?": lambda _: str(int(supply.installed)),
            "PSwitch": supply.turn_switch,
            "PSwitch?": lambda _: str(int(supply.heater)),
            "PERSistent?": lambda _: str(int(supply.persistent())),
            "QUench": supply.set_quench,
            "QUench?": lambda _: str(int(supply.quenched)),
            "QUench:COUNT?": lambda _: str(supply.quenches),
            "VOLTage:MAGnet?": lambda _: shown(supply.voltage()),
            "VOLTage:SUPPly?": lambda _: shown(supply.voltage() + _LEAD_RESISTANCE * supply.leads()),
            "CURRent:MAGnet?": lambda _: shown(supply.magnet()),
            "CURRent:SUPPly?": lambda _: shown(supply.leads()),
            "FIELD:MAGnet?": lambda _: shown(supply.magnet() * self.settings.per_amp),
            "FIELD:SUPPly?": lambda _: shown(supply.leads() * self.settings.per_amp),
        }
        for word, mode in (("RAMP", "ramp"), ("PAUSE", "pause"), ("ZERO", "zero"), ("INCR", "up"), ("DECR", "down")):
            table[word] = partial(lambda mode, _: supply.start(mode), mode)
        return table

    def _command(self, command: bytes, now: float) -> None:
        self.supply.settle(now)
        for part in command.decode("ascii", "replace").split(";"):
            header, _, argument = part.strip().partition(" ")
            if not header:
                continue
            try:
                answer = self._obey(header.upper(), argument.strip())
            except AmiError as error:
                self._note(error)
            else:
                if answer is not None:
                    self._reply(answer.encode("ascii") + b"\r\n", now + self.turnaround)

    def _obey(self, header: str, argument: str) -> str | None:
        handler = self._handlers.get(header.lstrip(":"))
        if handler is None:
            query = header.endswith("?")
            raise AmiError(-201 if query else -101, f"Unrecognized {'query' if query else 'command'}")
        return handler(argument)

    def _note(self, error: AmiError) -> None:
        if len(self._errors) < _DEPTH:
            self._errors.append(error.entry)
        else:
            self._errors[-1] = AmiError(-304, "Error buffer overflow").entry

    def _next_error(self, _: str) -> str:
        return self._errors.popleft() if self._errors else '0,"No errors"'

    def _reset(self, _: str) -> None:
        """`*RST`: the queue is empty and a ramp pauses; what was set up stays."""
        self._errors.clear()
        self.supply.start("pause")


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> AMI430:
    """Wire up one programmer: `port`, and perhaps the magnet behind it.

    `coil_constant` (T/A), `rated_current` (A), `persistent_switch` (true or false); and how it was set up:
    `field_units` (T or kG), `rate_units` (s or min), `identity`.
    """
    entry = entries[0]
    constant, rated = float(entry.get("coil_constant", 0.1125)), float(entry.get("rated_current", 80.0))
    circuit = Circuit(
        laboratory.port(entry["port"]),
        constant,
        rated,
        laboratory.clock.now(),
        switch=bool(entry.get("persistent_switch", False)),
    )
    return AMI430(
        circuit,
        laboratory.clock,
        tesla=str(entry.get("field_units", "T")) != "kG",
        minutes=str(entry.get("rate_units", "s")) == "min",
        identity=str(entry.get("identity", "AMERICAN MAGNETICS INC.,MODEL 430,1430001,2.59")),
    )
