"""Lake Shore 335 and 336 temperature controllers.

Source: manuals of the Models 335 and 336, chapter 6 (commands), as far as the stock drivers and the published pages of
them go: the bits of RDGST?, TLIMIT, HTRST?, that there is no answer to a mistake but a bit of the event register.
Unverified against the manual: that SETP? returns the moving set point, which outputs answer HTR?, and the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .lakeshore_inputs import Inputs
from .lakeshore_outputs import Outputs

_COMMAND_ERROR, _EXECUTION_ERROR, _POWER_ON = 32, 16, 128
_COMMON = {"*OPC": "1", "*TST": "0", "*STB": "000", "*ESE": "000", "*SRE": "000"}
_KEPT = {"MODE": "1", "LOCK": "0,123", "BRIGT": "2", "LEDS": "1", "TUNEST": "0,1,0,00", "KEYST": "1", "OPST": "000"}
_SILENT = ("*CLS", "*RST", "*ESE", "*SRE", "*OPC", "*WAI", "ALMRST")


class LakeshoreFaults(Faults):
    """Faults of a controller, its sensors and its heaters."""

    def __init__(self, device: Lakeshore) -> None:
        super().__init__()
        self._device = device

    def open_sensor(self, letter: str = "A") -> None:
        """Break the wire of a sensor: its reading is invalid, and what it regulates gets no heat."""
        self._device.inputs.open.add(letter)
        self._device.outputs.replan(self._device.clock.now())

    def restore_sensor(self, letter: str = "A") -> None:
        """Mend it."""
        self._device.inputs.open.discard(letter)
        self._device.outputs.replan(self._device.clock.now())

    def fail_heater(self, output: int = 1) -> None:
        """Break the heater: the controller finds an open load and switches its range off."""
        self._device.outputs.open_load(output, self._device.clock.now())


class Lakeshore(WireDevice):
    """One controller on one cold finger.

    Args:
        port: the World's port with `set(kelvin, t)` and `kelvin(sensor, t)`.
        clock: the laboratory's.
        inputs: how many, 2 or 4; the outputs are as many.
        identity: the reply to `*IDN?`.
        base: the temperature without heat, K.
        baud: of a serial line; None elsewhere.
    """

    faults: LakeshoreFaults

    def __init__(
        self, port: Any, clock: SimClock, *, inputs: int, identity: str, base: float, baud: float | None
    ) -> None:
        super().__init__(baud=baud, turnaround=0.01)
        self.faults = LakeshoreFaults(self)
        self.clock = clock
        self._identity = identity
        now = clock.now()
        self.inputs = Inputs(port, inputs)
        self.outputs = Outputs(port, self.inputs, round(self.inputs.kelvin("A", now), 1), base, now)
        self._kept = dict(_KEPT)
        self._events = _POWER_ON

    def _command(self, command: bytes, now: float) -> None:
        if self.inputs.too_hot(now):
            self.outputs.switch_off(now)
        answers = []
        for part in command.decode("ascii", "replace").split(";"):
            word, _, rest = part.strip().partition(" ")
            if not word:
                continue
            arguments = [argument.strip() for argument in rest.split(",")]
            try:
                if word.endswith("?"):
                    answers.append(self._ask(word[:-1].upper(), arguments, now))
                else:
                    self._obey(word.upper(), arguments, now)
            except LookupError:
                self._events |= _COMMAND_ERROR
            except ValueError:
                self._events |= _EXECUTION_ERROR
        if answers:
            self._reply(";".join(answers).encode("ascii") + b"\r\n", now + self.turnaround)

    def _ask(self, word: str, arguments: list[str], now: float) -> str:
        if word == "*IDN":
            return self._identity
        if word == "*ESR":
            events, self._events = self._events, 0
            return f"{events:03d}"
        answer = self.inputs.ask(word, arguments, now)
        if answer is None:
            answer = self.outputs.ask(word, arguments, now)
        return {**_COMMON, **self._kept}[word] if answer is None else answer

    def _obey(self, word: str, arguments: list[str], now: float) -> None:
        if self.inputs.obey(word, arguments) or self.outputs.obey(word, arguments, now):
            return
        if word in self._kept:
            self._kept[word] = ",".join(arguments)
        elif word == "*CLS":
            self._events = 0
        elif word not in _SILENT:
            raise LookupError(word)


def make_335(laboratory: Laboratory, entries: Sequence[Wiring]) -> Lakeshore:
    """Wire up a Model 335: `port`, and perhaps `base` (K), `identity`, `baud`."""
    return _make(laboratory, entries[0], 2, "LSCI,MODEL335,335A123/#######,2.4")


def make_336(laboratory: Laboratory, entries: Sequence[Wiring]) -> Lakeshore:
    """Wire up a Model 336: `port`, and perhaps `base` (K), `identity`, `baud`."""
    return _make(laboratory, entries[0], 4, "LSCI,MODEL336,336A123/#######,2.9")


def _make(laboratory: Laboratory, entry: Wiring, inputs: int, identity: str) -> Lakeshore:
    serial = str(entry["address"]).upper().startswith("ASRL")
    return Lakeshore(
        laboratory.port(entry["port"]),
        laboratory.clock,
        inputs=inputs,
        identity=str(entry.get("identity", identity)),
        base=float(entry.get("base", 4.0)),
        baud=float(entry.get("baud", 57600)) if serial else None,
    )
