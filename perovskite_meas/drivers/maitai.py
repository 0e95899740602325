"""Spectra-Physics Mai Tai tunable lasers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pyvisa.constants import ControlFlow, Parity, StopBits
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.errors import UsageError

from ._tunable import TunableLaser
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

STATUS = {
    "early": {"command error": 0, "execution error": 1, "system error": 5, "emission": 6},
    "later": {"emission": 0, "mode lock": 1, "shutter": 2, "system error": 5},
}
"""Bits of `*STB?` by the head's model. Source: the manual's for early heads, public drivers' for later ones."""

_WARM_UP = 600.0
_QUEUE = 20


class MaiTai(TunableLaser):
    """Tunable titanium-sapphire laser; its errors are read after everything that is set.

    `OFF` leaves the shutter open, so switching the emission off here closes the shutter first.
    Source: Mai Tai manual, serial interface. Unverified against the manual: the status bits of later heads and how
    SYST:ERR? says that there is no error.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        visalib: VISA library as PyVISA names it; None for the system's.
        watchdog: s without a command after which the pump goes off (TIM:WATC), or text with a unit; 0 for none.
        tune_open: whether the wavelength may be set with the laser's own shutter open.
        status: which head it is, "later" or "early": the bits of `*STB?`; early heads do not tell their mode lock.
        baud_rate: 9600 after every power-up.
        **kwargs: `metadata` and `label` of QCoDeS.

    Raises:
        UsageError: an unknown `status`.
    """

    _mark = "*IDN?\n"

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None = None,
        watchdog: float | str = 0.0,
        tune_open: bool = False,
        status: str = "later",
        baud_rate: int = 9600,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, watchdog, tune_open, **kwargs)
        if status not in STATUS:
            raise UsageError(f"{self._where}: no status {status!r}; known: {', '.join(STATUS)}")
        self._bits = STATUS[status]
        self._idn: dict[str, str | None] = {}
        self.warm: Parameter[float, Self] = self.add_parameter(
            "warm", label="Warm-up", unit="percent", get_cmd=lambda: self._value("READ:PCTW?", "%"), vals=vals.Numbers()
        )
        """How warm the diodes of the pump are, in percent; it emits at 100."""
        self.pump_power: Parameter[float, Self] = self.add_parameter(
            "pump_power",
            label="Pump power",
            unit="W",
            get_cmd=lambda: self._value("READ:PLAS:POW?", "W"),
            vals=vals.Numbers(),
        )
        """Power of the green pump, in W."""
        self._connect(
            Line(
                settings={
                    "baud_rate": baud_rate,
                    "data_bits": 8,
                    "parity": Parity.none,
                    "stop_bits": StopBits.one,
                    "flow_control": ControlFlow.xon_xoff,
                    "read_termination": "\n",
                },
                timeout=2.0,
            )
        )

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        return dict(self._idn)

    def warm_up(self, timeout: float = _WARM_UP) -> None:
        """Start the warm-up of a cold laser and wait until it is warm, at most `timeout` s; it does not emit yet.

        Raises:
            HardwareFault: it is not warm in time.
        """
        with self._link.lock:
            if self._value("READ:PCTW?", "%") == 0:
                self._command("ON")
            if not self._becomes(lambda: self._value("READ:PCTW?", "%") >= 100, timeout):
                raise self._fault(
                    f"it is warm to {self._value('READ:PCTW?', '%'):g} % after {timeout:g} s", "give it more time"
                )

    def _greet(self) -> None:
        found = self._say("*IDN?")
        fields = [field.strip() for field in found.split(",")]
        if len(fields) < 2 or "MAI" not in fields[1].upper():
            raise self._stranger(repr(found), "a Spectra-Physics Mai Tai")
        self._idn = dict(zip(("vendor", "model", "serial", "firmware"), [*fields, None, None][:4], strict=True))
        for trouble in self._queue():
            self.log.warning("%s had this error waiting: %s", self._where, trouble)
        self._settle_in()

    def _is_open(self) -> bool:
        told = self._value("SHUT?")
        if told not in (0, 1):
            raise self._garbage("SHUT?", f"{told:g}".encode(), "0 or 1")
        return told == 1

    def _move_shutter(self, opened: bool) -> None:
        self._command(f"SHUT {opened:d}")

    def _emits(self) -> bool:
        return self._bit("emission")

    def _switch(self, on: bool) -> None:
        if on and (warm := self._value("READ:PCTW?", "%")) < 100:
            raise self._fault(
                f"emission refused, since it is warm to {warm:g} % only",
                "call its warm_up(), then set it again",
            )
        self._command("ON" if on else "OFF")

    def _nm(self) -> float:
        return self._value("READ:WAV?", "nm")

    def _range(self) -> tuple[float, float]:
        return self._value("WAV:MIN?", "nm"), self._value("WAV:MAX?", "nm")

    def _order(self, nm: int) -> None:
        self._command(f"WAV {nm}")
        taken = self._value("WAV?", "nm")
        if round(taken) != nm:
            low, high = self._range()
            raise self._fault(
                f"it took {taken:g} nm for the {nm} nm that it was told, though it says that it tunes from "
                f"{low:g} nm to {high:g} nm",
                "ask for a wavelength that it reaches, and measure nothing with this one",
            )

    def _tunes(self) -> bool:
        return round(self._nm()) != round(self._value("WAV?", "nm"))

    def _is_locked(self) -> bool:
        if not self._tells_lock():
            raise self._fault(
                "an early head does not tell whether it is mode-locked",
                "leave the mode lock out of the bench file, or give `status: later` in the station file if it does",
            )
        return self._bit("mode lock")

    def _tells_lock(self) -> bool:
        return "mode lock" in self._bits

    def _watts(self) -> float:
        return self._value("READ:POW?", "W")

    def _faults(self) -> list[str]:
        status = self._status()
        found = [name for name, bit in self._bits.items() if name.endswith("error") and status >> bit & 1]
        code = self._value("PLAS:ERRC?")
        return [*found, *([f"error {code:g} of the pump"] if code else []), *self._queue()]

    def _arm(self, seconds: float) -> None:
        self._command(f"TIM:WATC {round(seconds)}")

    def _queue(self) -> list[str]:
        """Return the errors that wait, oldest first."""
        found: list[str] = []
        for _ in range(_QUEUE):
            told = self._say("SYST:ERR?")
            number = told.partition(",")[0].strip()
            if not number.lstrip("+-").isdigit():
                raise self._garbage("SYST:ERR?", told.encode(), "a number and a text")
            if int(number) == 0:
                return found
            found.append(told)
        return found

    def _status(self) -> int:
        return self._integer("*STB?", self._say("*STB?").encode())

    def _bit(self, name: str) -> bool:
        return bool(self._status() >> self._bits[name] & 1)

    def _command(self, command: str) -> None:
        """Send a command, which is not answered, and see that it was taken."""
        with self._link.lock:
            self._tell(f"{command}\n")
            refused = self._queue()
        if refused:
            raise self._fault(
                f"{command!r} was refused: {'; '.join(refused)}", "see its range, and whether it is ready"
            )

    def _value(self, command: str, unit: str = "") -> float:
        told = self._say(command)
        return self._number(command, told.removesuffix(unit).strip().encode())

    def _say(self, command: str) -> str:
        return self._line(f"{command}\n")

    def _is_mark(self, line: str) -> bool:
        return "MAI" in line.upper() and "," in line
