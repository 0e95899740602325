"""Newport SMC100 and CONEX-CC controllers on one serial line, each with one stage.

Source: SMC100CC user's manual as quoted by public drivers; that replies repeat the command, that TP takes about
10 ms on the first controller and more on chained ones, and that zero bytes come after a restart, is what these report.
Unverified against the manual: the version text and how long a restart takes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...core.errors import UsageError
from ..clock import SimClock
from . import smc100_controller as smc
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .smc100_controller import Controller, RefusedError

_COMMAND = re.compile(r"(\d{0,3})([A-Z]{2})(.*)")
_QUESTIONS = ("TP", "TH", "TE", "TB", "TS", "PT", "VE")
"""Words that are answered even without a question mark."""
_FOR_ALL = ("ST", "MM", "RS")
"""Words that every controller obeys if no address stands before them."""

_MEANING = {
    "@": "No error",
    "A": "Unknown message code or floating point controller address",
    "B": "Controller address not correct",
    "C": "Parameter missing or out of range",
    "D": "Command not allowed",
    "E": "Home sequence already started",
    "F": "ESP stage name unknown",
    "G": "Displacement out of limits",
    "H": "Command not allowed in NOT REFERENCED state",
    "I": "Command not allowed in CONFIGURATION state",
    "J": "Command not allowed in DISABLE state",
    "K": "Command not allowed in READY state",
    "L": "Command not allowed in HOMING state",
    "M": "Command not allowed in MOVING state",
    "N": "Current position out of software limit",
    "S": "Communication time out",
    "U": "Error during EEPROM access",
    "V": "Error during command execution",
}


class SmcFaults(Faults):
    """Faults of the line and of one controller on it, the first unless `address` names another."""

    def __init__(self, device: SMC100) -> None:
        super().__init__()
        self._device = device

    def stall(self, address: int | None = None) -> None:
        """Block the next motion half way: following error, state DISABLE; none if the rest is shorter than FE."""
        self._device.controller(address).stage.block("stall")

    def hit_limit(self, address: int | None = None) -> None:
        """Have the next motion run into the end switch half way: end of run, reference lost."""
        self._device.controller(address).stage.block("limit")

    def emergency_stop(self, address: int | None = None) -> None:
        """Cut the motor supply: voltage too low, reference lost."""
        self._device.controller(address).lose(self._device.now(), smc.LOW_VOLTAGE)

    def restart(self, deaf: float = 0.0, address: int | None = None) -> None:
        """Power-cycle a controller: reference lost, settings as stored, zero bytes on the line.

        Args:
            deaf: seconds in which it hears nothing.
            address: on the line.
        """
        self._device.restart(address, deaf)

    def swap_stage(self, address: int | None = None) -> None:
        """Restart with another stage than the one in its memory: nothing moves."""
        self._device.controller(address).power_up(self._device.now(), smc.WRONG_STAGE)

    def lose_home(self, address: int | None = None) -> None:
        """Break the home switch: searches end by time-out."""
        self._device.controller(address).no_home = True

    def home_by_keypad(self, address: int | None = None) -> None:
        """Have somebody start a search for home at the keypad."""
        controller = self._device.controller(address)
        controller.obey("OR", "", self._device.now())
        controller.state = smc.HOMING_KEYPAD

    def jog(self, on: bool = True, address: int | None = None) -> None:
        """Have somebody take the keypad, or put it down again."""
        controller = self._device.controller(address)
        if on:
            controller.state = smc.JOGGING if controller.kind == "ready" else smc.JOGGING_DISABLED
        else:
            controller.state = smc.READY_JOGGED if controller.state == smc.JOGGING else smc.DISABLED_JOGGING


class SMC100(WireDevice):
    """The chain of controllers behind one serial port.

    Args:
        controllers: address (1 to 31) -> controller, in the order of the chain.
        clock: when a fault strikes.
        baud: of the serial line.
    """

    faults: SmcFaults
    buffer = 256

    def __init__(self, controllers: dict[int, Controller], clock: SimClock, *, baud: float) -> None:
        super().__init__(baud=baud, turnaround=0.010)
        self.faults = SmcFaults(self)
        self.controllers = controllers
        self._clock = clock
        self._deaf: dict[int, float] = {}

    def now(self) -> float:
        """Return the simulated time, s."""
        return self._clock.now()

    def controller(self, address: int | None = None) -> Controller:
        """Return the controller at an address, or the first."""
        return self.controllers[next(iter(self.controllers)) if address is None else address]

    def restart(self, address: int | None = None, deaf: float = 0.0) -> None:
        """Restart a controller, the first unless told otherwise; deaf for some seconds."""
        where = next(iter(self.controllers)) if address is None else address
        self.controllers[where].power_up(self.now())
        self._deaf[where] = self.now() + deaf
        self._reply(b"\0", self.now())

    def _command(self, command: bytes, now: float) -> None:
        text = command.decode("ascii", "replace").upper().replace(" ", "").strip("\r\0")
        match = _COMMAND.fullmatch(text)
        number = int(match[1] or 0) if match else 0
        if match and not number and match[2] in _FOR_ALL:
            addresses = list(self.controllers)
        else:
            addresses = [number] if number in self.controllers else []
        for address in addresses:
            if match and now >= self._deaf.get(address, 0.0):
                self._obey(address, match[2], match[3], now)

    def _obey(self, address: int, word: str, argument: str, now: float) -> None:
        controller = self.controllers[address]
        controller.settle(now)
        late = self.turnaround * (1 + list(self.controllers).index(address))
        try:
            if word == "RS":
                self.restart(address, deaf=1.0)
            elif word == "ZT":
                self._dump(address, controller, now + late)
            elif word in _QUESTIONS or argument.endswith("?"):
                parameter = argument.rstrip("?")
                answer = (
                    controller.answer(word, parameter, now) if word != "TB" else _told(parameter or controller.letter)
                )
                self._reply(f"{address}{word}{answer}\r\n".encode(), now + late)
            elif not argument and word not in ("OR", "ST"):
                controller.letter = "C"
            else:
                controller.obey(word, argument, now)
        except RefusedError as refused:
            controller.letter = refused.letter
        except KeyError:
            controller.letter = "A"
        except ValueError:
            controller.letter = "C"

    def _dump(self, address: int, controller: Controller, at: float) -> None:
        for line in ("PW1", *(f"{word}{value:g}" for word, value in controller.settings.items()), "PW0"):
            self._reply(f"{address}{line}\r\n".encode(), at)


def _told(letter: str) -> str:
    return f"{letter} {_MEANING[letter]}"


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> SMC100:
    """Wire up the controllers of one line, each with `port`, `bus_address`, perhaps `travel` (mm) or `identity`."""
    controllers: dict[int, Controller] = {}
    conex = entries[0].get("device") == "CONEX"
    usual = "CONEX-CC 2.0.1" if conex else "SMC_CC controller-driver version 3.1.2"
    for entry in entries:
        text = str(entry.get("bus_address", "1"))
        address = int(text) if text.isdigit() else 0
        if not 1 <= address <= 31 or address in controllers:
            raise UsageError(f"{entry['address']}: bus address {text!r} is taken or not one of 1 to 31")
        port = str(entry["port"])
        controllers[address] = Controller(
            laboratory.port(port),
            laboratory.rng(f"SMC100 {port}"),
            float(entry.get("travel", 25.0)),
            str(entry.get("identity", usual)),
            laboratory.clock.now(),
        )
    return SMC100(controllers, laboratory.clock, baud=921600 if conex else 57600)
