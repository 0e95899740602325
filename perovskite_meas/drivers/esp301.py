"""Newport ESP301 motion controller, and its forerunner ESP300."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyvisa.constants import ControlFlow, Parity, StopBits
from qcodes.instrument import InstrumentBaseKWArgs

from perovskite_meas.core.errors import HardwareFault

from ._esp301_axis import ESP301Axis
from ._esp301_errors import Report
from ._instrument import WireInstrument
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_DEPTH = 10
"""Errors that the controller remembers."""


class ESP301(WireInstrument):
    """Motion controller for up to three axes; `axis1`, `axis2`, `axis3` are those that were asked for.

    The controller accepts a command in silence and remembers what was wrong with it, so its errors are read
    after every one. The axes must count in mm. Source: ESP300 user's manual, chapter on commands; the baud rate
    of the USB port (921600) is unverified against the manual.

    Args:
        name: name in the station.
        address: VISA resource name.
        axes: numbers of the axes that have a stage, 1 to 3.
        visalib: VISA library as PyVISA names it; None for the system's.
        baud_rate: 19200 on RS-232, 921600 on USB; of no use on GPIB.
        tolerance: largest accepted difference between the position asked for and the one reached, in mm.
        home_mode: how `home()` searches, 0 to 6 as in the command OR: 1 is home switch and index, 4 the negative end
            switch (for stages that have no home switch).
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        axes: Sequence[int] = (1,),
        visalib: str | None = None,
        baud_rate: int = 19200,
        tolerance: float = 5e-4,
        home_mode: int = 1,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        wanted = sorted(set(axes))
        if not wanted or not set(wanted) <= {1, 2, 3}:
            raise ValueError(f"{name}: axes {axes!r} are not among 1, 2 and 3")
        if home_mode not in range(7):
            raise ValueError(f"{name}: home_mode {home_mode!r} is not one of 0 to 6")
        self._idn: dict[str, str | None] = {}
        self._ticks = 0
        self.axes = tuple(ESP301Axis(self, f"axis{number}", number, tolerance, home_mode) for number in wanted)
        for axis in self.axes:
            self.add_submodule(axis.short_name, axis)
        serial: dict[str, Any] = {
            "baud_rate": baud_rate,
            "data_bits": 8,
            "parity": Parity.none,
            "stop_bits": StopBits.one,
            "flow_control": ControlFlow.rts_cts,
        }
        on_serial = address.upper().startswith("ASRL")
        self._connect(Line(settings={**(serial if on_serial else {}), "read_termination": "\n"}, timeout=1.0))

    def home(self) -> None:
        """Home all axes, one after another.

        Raises:
            HardwareFault: an axis does not find its home.
        """
        for axis in self.axes:
            axis.home()

    def stop(self) -> None:
        """Bring all axes to rest with their usual deceleration."""
        self.command("ST")

    def abort(self) -> None:
        """Bring all axes to rest as fast as they can."""
        self.command("AB")

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number (unknown) and firmware."""
        return dict(self._idn)

    def query(self, text: str) -> str:
        """Return the answer to one question, without what this firmware puts around it.

        Raises:
            CommunicationError: no reply.
            ReplyError: the reply is no text.
        """
        raw = self._ask(f"{text}\r")
        try:
            answer = raw.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise self._garbage(text, raw, "ASCII text") from error
        if not answer:
            raise self._garbage(text, raw, "an answer")
        return answer

    def number(self, text: str) -> float:
        """Return the answer to one question as a number; raises like `query`."""
        return self._number(text, self.query(text).encode())

    def command(self, text: str) -> None:
        """Send one command and read what the controller has to say of it.

        Raises:
            HardwareFault: the controller remembers an error.
        """
        with self._link.lock:
            self._tell(f"{text}\r")
            self.check(text)

    def check(self, after: str) -> None:
        """Read all errors that the controller remembers.

        Args:
            after: the command that is named in the error.

        Raises:
            HardwareFault: there was one.
        """
        reports = self.remembered()
        if reports:
            told = "; ".join(str(report) for report in reversed(reports))
            raise self._fault(f"{told} after {after!r}", reports[0].advice)

    def remembered(self) -> list[Report]:
        """Return the errors that the controller remembers, latest first, which makes it forget them.

        A clock of the controller that ran back means that it was restarted, and its axes lose their places.
        """
        found: list[Report] = []
        with self._link.lock:
            for _ in range(_DEPTH + 1):
                text = self.query("TB?")
                report = Report.parse(text)
                if report is None:
                    raise self._garbage("TB?", text.encode(), "code, time and message of an error")
                if report.code == 0:
                    break
                found.append(report)
            else:
                raise self._garbage("TB?", text.encode(), f"the end of the errors after {_DEPTH}")
        restarted, self._ticks = report.ticks < self._ticks, report.ticks
        if restarted:
            self.log.warning("%s was restarted: positions are unknown until its axes are homed", self._where)
            for axis in self.axes:
                axis.forget()
        return found

    def fault(self, what: str, advice: str) -> HardwareFault:
        """Return the error for a fault of an axis, with name and address of the controller."""
        return self._fault(what, advice)

    def _greet(self) -> None:
        found = self.query("VE?")
        model, _, firmware = found.partition(" ")
        if not model.upper().startswith("ESP30"):
            raise self._stranger(repr(found), "a Newport ESP300 or ESP301")
        self._idn = {"vendor": "Newport", "model": model, "serial": None, "firmware": firmware or None}
        for report in self.remembered():
            self.log.warning("%s remembered from before: %s", self._where, report)
        for axis in self.axes:
            axis.greet()
