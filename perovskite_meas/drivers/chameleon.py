"""Coherent Chameleon tunable lasers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from pyvisa.constants import ControlFlow, Parity, StopBits
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from ._tunable import TunableLaser
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

FAULTS = {
    1: "laser head interlock",
    2: "external interlock",
    3: "power supply cover interlock",
    4: "LBO temperature",
    5: "LBO not locked at its temperature",
    6: "vanadate temperature",
    7: "etalon temperature",
    8: "temperature of diode 1",
    9: "temperature of diode 2",
    10: "baseplate temperature",
    11: "temperature of heat sink 1",
    12: "temperature of heat sink 2",
    16: "over-current of diode 1",
    17: "over-current of diode 2",
    18: "over-current",
    29: "power supply does not fit the head",
    31: "shutter is not where it should be",
}
"""Numbers of `?F`. Source: public drivers of Coherent's lasers; the manual has more."""

_SETTINGS = {
    "baud_rate": 19200,
    "data_bits": 8,
    "parity": Parity.none,
    "stop_bits": StopBits.one,
    "flow_control": ControlFlow.none,
    "read_termination": "\n",
}
_PROMPT = re.compile(r"^(\s*CHAMELEON\s*>)+", re.IGNORECASE)
_REFUSED = ("COMMAND NOT EXECUTED", "RANGE ERROR", "ERROR")


class Chameleon(TunableLaser):
    """Tunable titanium-sapphire laser. It clamps wavelengths silently, so its range is asked and the result read.

    Echo and prompt are switched off at first and tolerated where they come nevertheless.
    Source: public drivers of these lasers. Unverified against the manual: the words of the errors, HEARTBEAT as the
    watchdog, how several faults are listed.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        visalib: VISA library as PyVISA names it; None for the system's.
        watchdog: s without a command after which the laser goes off (HEARTBEAT), or text with a unit; 0 for none.
        tune_open: whether the wavelength may be set with the laser's own shutter open.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    _longest_watchdog = 100.0
    _mark = "?ST\r\n"

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None = None,
        watchdog: float | str = 0.0,
        tune_open: bool = False,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, watchdog, tune_open, **kwargs)
        self.status: Parameter[str, Self] = self.add_parameter(
            "status", label="Status", get_cmd=lambda: self._say("?ST"), vals=vals.Strings()
        )
        """What its display says, such as Starting or OK."""
        self._connect(Line(settings=_SETTINGS, timeout=2.0))

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor and model; the laser tells no more."""
        return {"vendor": "Coherent", "model": "Chameleon", "serial": None, "firmware": None}

    def _greet(self) -> None:
        for habit in ("ECHO=0", "PROMPT=0"):
            self._say(habit)
            self._link.dirty = True  # the rest of an echo, and a prompt, come behind the line
        low, high = self._range()
        if not 500 < low < high < 2000:
            raise self._stranger(f"a range of {low:g} nm to {high:g} nm", "a Coherent Chameleon")
        self._settle_in()

    def _is_open(self) -> bool:
        return self._choice("?S", 1) == 1

    def _move_shutter(self, opened: bool) -> None:
        self._command(f"SHUTTER={opened:d}")

    def _emits(self) -> bool:
        return self._choice("?L", 2) == 1

    def _switch(self, on: bool) -> None:
        if on and self._choice("?K", 1) != 1:
            raise self._fault("emission refused, since the key is off", "turn the key on")
        self._command(f"LASER={on:d}")

    def _nm(self) -> float:
        return self._value("?VW")

    def _range(self) -> tuple[float, float]:
        return self._value("?TMIN"), self._value("?TMAX")

    def _order(self, nm: int) -> None:
        self._command(f"WAVELENGTH={nm}")

    def _tunes(self) -> bool:
        return self._choice("?TS", 3) != 0

    def _is_locked(self) -> bool:
        return self._choice("?MDLK", 2) == 1

    def _watts(self) -> float:
        return self._value("?UF") / 1000

    def _faults(self) -> list[str]:
        told = self._say("?F")
        if not re.search(r"\d", told):
            return []  # such as "System OK"
        numbers = [int(number) for number in re.findall(r"\d+", told)]
        return [f"fault {number}: {FAULTS.get(number, 'see the manual')}" for number in numbers if number]

    def _arm(self, seconds: float) -> None:
        if seconds:
            self._command(f"HEARTBEATRATE={round(seconds)}")
        self._command(f"HEARTBEAT={int(seconds > 0)}")

    def _choice(self, query: str, most: int) -> int:
        found = self._value(query)
        if not found.is_integer() or not 0 <= found <= most:
            raise self._garbage(query, f"{found:g}".encode(), f"a whole number from 0 to {most}")
        return int(found)

    def _value(self, query: str) -> float:
        told = self._say(query)
        found = re.search(r"(?<![\d.])[-+]?\d+(\.\d*)?$", told)  # behind a label, if there is one
        if found is None:
            raise self._garbage(query, told.encode(), "a number")
        return float(found[0])

    def _command(self, command: str) -> None:
        with self._link.lock:
            told = self._say(command)
        if told:
            raise self._garbage(command, told.encode(), "an empty line")

    def _is_mark(self, line: str) -> bool:
        told = _PROMPT.sub("", line).strip().upper().removeprefix("?ST").strip()
        return bool(told) and not told.startswith(_REFUSED) and not re.search(r"\d", told)

    def _say(self, command: str) -> str:
        """Send a command and return its answer without prompt and echo.

        Raises:
            CommunicationError: no answer.
            ReplyError: an answer that is no text.
            HardwareFault: the laser refuses it.
        """
        told = _PROMPT.sub("", self._line(f"{command}\r\n")).strip()
        if told.upper().startswith(command.upper()):
            told = told[len(command) :].strip()
        if told.upper().startswith(_REFUSED):
            raise self._fault(f"{command!r} was refused: {told}", "see its range, key and firmware")
        return told
