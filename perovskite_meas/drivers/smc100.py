"""Newport SMC100 and CONEX-CC motion controllers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Self

from pyvisa.constants import ControlFlow, Parity, StopBits
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, InstrumentError

from ._smc100_talk import SMCInstrument
from ._smc100_words import Status, letter_text
from ._stage import miss, refuse_beyond
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_SETTINGS = {
    "data_bits": 8,
    "parity": Parity.none,
    "stop_bits": StopBits.one,
    "flow_control": ControlFlow.xon_xoff,
    "read_termination": "\n",
}
_SPACING = 0.02
"""s between two commands: the controller is busy for about 10 ms with each."""
_POLL = 0.05
_SPARE = 5.0
"""s that a motion may last beyond twice the time that the controller predicts."""
_RESTART = 15.0
"""s that a restart may take (unverified against the manual)."""


class SMC100(SMCInstrument):
    """Single-axis motion controller; several on one line share its session.

    Positions can be set only while the controller is referenced and ready, which is asked before anything is sent. This
    driver never enters the configuration (PW1): leaving it writes a memory that bears about 100 writes.
    Source: SMC100CC and SMC100PP user's manual, chapter on commands; the baud rate is unverified against it.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        bus_address: of the controller on that line, 1 to 31.
        visalib: VISA library as PyVISA names it; None for the system's.
        tolerance: largest accepted difference between the position asked for and the one reached, in mm.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    _baud_rate: ClassVar[int] = 57600

    def __init__(
        self,
        name: str,
        address: str,
        bus_address: int | str = 1,
        visalib: str | None = None,
        tolerance: float = 5e-4,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, bus_address, visalib, **kwargs)
        self._tolerance = tolerance
        self._idn: dict[str, str | None] = {}
        self.position: Parameter[float, Self] = self.add_parameter(
            "position",
            label="Position",
            unit="mm",
            get_cmd=lambda: self._read("TP"),
            set_cmd=self._set_position,
            vals=vals.Numbers(),
        )
        """Position that the encoder counts, in mm; a set returns when it is reached."""
        self.velocity: Parameter[float, Self] = self.add_parameter(
            "velocity",
            label="Velocity",
            unit="mm/s",
            get_cmd=lambda: self._read("VA", "?"),
            set_cmd=lambda speed: self._store("VA", speed, "mm/s"),
            vals=vals.Numbers(1e-6),
        )
        """Velocity of a move, in mm/s, until the controller is restarted."""
        self.low_limit: Parameter[float, Self] = self.add_parameter(
            "low_limit",
            label="Low limit",
            unit="mm",
            get_cmd=lambda: self._read("SL", "?"),
            set_cmd=lambda mm: self._store("SL", mm, "mm"),
            vals=vals.Numbers(max_value=0),
        )
        """Soft limit of the controller below which no position is accepted, in mm; until it is restarted."""
        self.high_limit: Parameter[float, Self] = self.add_parameter(
            "high_limit",
            label="High limit",
            unit="mm",
            get_cmd=lambda: self._read("SR", "?"),
            set_cmd=lambda mm: self._store("SR", mm, "mm"),
            vals=vals.Numbers(min_value=0),
        )
        """Soft limit of the controller above which no position is accepted, in mm; until it is restarted."""
        self.state: Parameter[str, Self] = self.add_parameter(
            "state", label="State", get_cmd=lambda: self._status().word, vals=vals.Strings()
        )
        """State of the controller in words, such as "ready (homed)" or "not referenced (after a restart)"."""
        self.enabled: Parameter[bool, Self] = self.add_parameter(
            "enabled",
            label="Enabled",
            get_cmd=self._get_enabled,
            set_cmd=lambda on: None if on == self._get_enabled() else self._command(f"MM{int(on)}"),
            vals=vals.Bool(),
        )
        """Whether the motor of the referenced controller is powered; keeps the reference."""
        self.referenced: Parameter[bool, Self] = self.add_parameter(
            "referenced", label="Referenced", get_cmd=lambda: self._status().referenced, vals=vals.Bool()
        )
        """Whether the controller knows where it is; `home()` makes it so."""
        self._connect(Line({"baud_rate": self._baud_rate, **_SETTINGS}, timeout=1.0, spacing=_SPACING))

    def home(self) -> None:
        """Search the home position, after which positions can be trusted; a referenced controller is left alone.

        The controller searches only once after a start; `restart()` makes it forget.

        Raises:
            HardwareFault: it cannot search, or does not find home in time.
        """
        status = self._status()
        if status.referenced:
            return
        if status.kind != "not referenced" or status.state == 0x10:
            raise self._fault(f"the search for home is refused: {status}", status.advice)
        timeout = self._read("OT", "?") + _SPARE
        self._command("OR")
        self._wait("OR", "homing", timeout)

    def stop(self) -> None:
        """Come to rest with the usual deceleration; a search for home that is stopped leaves it not referenced."""
        self._command("ST")

    def restart(self) -> None:
        """Restart the controller, which forgets its reference and what was set since its configuration.

        Raises:
            CommunicationError: it does not come back.
        """
        self._tell(f"{self._bus}RS\r\n")
        self.clock.sleep(0.5)
        self._link.dirty = True  # zero bytes come while it starts
        try:
            wait_until(self.clock, self._hears, timeout=_RESTART, poll=0.5)
        except TimeoutError as error:
            raise CommunicationError(
                f"{self._where}: not back {_RESTART:g} s after its restart; check its power and look at its lamps"
            ) from error

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number (unknown) and firmware."""
        return dict(self._idn)

    def _greet(self) -> None:
        version = self._ask_word("VE").strip()
        if not re.search("SMC|CONEX", version.upper()):
            raise self._stranger(repr(version), "a Newport SMC100 or CONEX-CC")
        self._idn = {"vendor": "Newport", "model": type(self).__name__, "serial": None, "firmware": version}
        letter = self._ask_word("TE")
        if letter != "@":
            self.log.warning("%s remembered from before: %s", self._where, letter_text(letter))

    def _get_enabled(self) -> bool:
        return self._status().kind in ("ready", "moving")

    def _hears(self) -> bool:
        try:
            return self._status().kind == "not referenced"
        except CommunicationError:
            return False

    def _set_position(self, mm: float) -> None:
        status = self._status()
        if status.kind != "ready":
            raise self._fault(f"position {mm:g} mm refused, because {status}", status.advice)
        refuse_beyond(self._where, mm, self._read("SL", "?"), self._read("SR", "?"))
        way = abs(mm - self._read("TP"))
        seconds = self._read("PT", f"{way:.6f}") if way > self._tolerance else 0.0
        self._command(f"PA{mm:.6f}")
        self._wait(f"PA{mm:.6f}", "moving", 2 * seconds + _SPARE)
        self._verify(mm)

    def _wait(self, command: str, kind: str, timeout: float) -> None:
        """Wait for the end of a motion and look how it ended; if that fails in any way, the motor is stopped."""
        seen: list[Status] = []

        def ended() -> bool:
            seen.append(self._status())
            return seen[-1].kind != kind

        try:
            wait_until(self.clock, ended, timeout=timeout, poll=_POLL)
        except TimeoutError as error:
            self._halt()
            raise self._fault(f"still {kind} {timeout:g} s after {command!r}; stopped", "check the velocity") from error
        except BaseException:
            self._halt()
            raise
        bits = 0
        for status in seen:  # reading them may clear them
            bits |= status.bits
        last = Status(seen[-1].state, bits)
        if last.kind != "ready" or last.errors:
            raise self._fault(f"{last} after {command!r}", last.advice)

    def _halt(self) -> None:
        """Stop after a failure, as far as the line allows."""
        try:
            self._command("ST")
        except InstrumentError as error:
            self.log.error("%s could not be stopped: %s", self._where, error)

    def _verify(self, mm: float) -> None:
        missed = miss(self.clock, lambda: self._read("TP"), mm, self._tolerance, _POLL)
        if missed:
            raise self._fault(
                f"{missed}; {self._status()}",
                "check that nobody stopped it and that nothing blocks the stage, then restart() and home() it",
            )


class CONEX(SMC100):
    """CONEX-CC controller of one stage on USB: an SMC100 with another baud rate (unverified against the manual)."""

    _baud_rate: ClassVar[int] = 921600
