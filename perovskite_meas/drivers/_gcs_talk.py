"""How a PI controller is talked to: replies of several lines, errors asked for, late replies passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError
from qcodes.instrument import InstrumentBaseKWArgs

from perovskite_meas.core.errors import CommunicationError, InstrumentError

from ._gcs import advice, meaning
from ._instrument import WireInstrument
from ._visa import LINE_ERRORS

if TYPE_CHECKING:
    from typing_extensions import Unpack

_QUIET = 0.05
"""s without a byte after which nothing more is expected of an exchange that was broken off."""
_BABBLE = 30.0
"""s after which a line that never gets quiet is given up."""
_SILENCE, _WHO = "(waiting for silence)", "*IDN?"


class GcsTalk(WireInstrument):
    """One axis of a controller; set commands are followed by ERR?, whose answer is an exception here.

    Source: as `_gcs`; C-863 manual (MS249E) p. 117 (replies of several lines).

    Args:
        name: name in the station.
        address: VISA resource name.
        axis: name of the axis.
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        axis: str | int,
        visalib: str | None,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._axis = str(axis)
        self._identity = ""
        """Its answer to *IDN?, once it is known."""

    @property
    def _where(self) -> str:
        return f"{self.name} ({type(self).__name__} at {self._address}, axis {self._axis})"

    def _order(self, command: str, *allowed: int) -> None:
        """Send a command that has no reply of its own and read its error."""
        with self._link.lock:
            self._settle()
            self._tell(f"{command}\n")
            number = self._error()
        if number and number not in allowed:
            raise self._refused(command, number)

    def _query(self, command: str, timeout: float | None = None) -> list[str]:
        """Ask and return all lines of the reply; a refused question has none, but leaves an error."""
        message = command if len(command) == 1 else f"{command}\n"
        with self._link.lock:
            self._settle()
            try:
                lines = [self._ask(message, timeout)]
                while lines[-1].endswith(b" \n"):
                    lines.append(self._more(command, timeout))
            except CommunicationError as silence:
                self._explain(command, silence)
                raise
            except BaseException:
                self._link.dirty = True  # interrupted between two lines: the rest is still to come
                raise
        try:
            return [line.decode("ascii").strip() for line in lines]
        except UnicodeDecodeError as error:
            raise self._garbage(command, b"".join(lines), "ASCII text") from error

    def _explain(self, command: str, silence: CommunicationError) -> None:
        """Raise the error that a question without reply has left, if there is one."""
        try:
            number = self._error()
        except InstrumentError as error:
            self.log.info("no reply to ERR? either: %s", error)
            return
        if number:
            raise self._refused(command, number) from silence

    def _refused(self, command: str, number: int) -> InstrumentError:
        return self._fault(f"{command!r} was refused with error {number}: {meaning(number)}", advice(number))

    def _error(self) -> int:
        """Return the last error and clear it."""
        self._settle()
        return self._integer("ERR?", self._ask("ERR?\n"))

    def _value(self, command: str) -> str:
        question = f"{command} {self._axis}"
        lines = self._query(question)
        name, equals, value = lines[0].partition("=")
        if len(lines) != 1 or not equals or name.strip() != self._axis:
            raise self._garbage(question, "; ".join(lines).encode(), f"{self._axis}=<value>")
        return value.strip()

    def _real(self, command: str) -> float:
        return self._number(f"{command} {self._axis}", self._value(command).encode())

    def _flag(self, command: str) -> bool:
        value = self._value(command)
        if value not in ("0", "1"):
            raise self._garbage(f"{command} {self._axis}", value.encode(), "0 or 1")
        return value == "1"

    def _settle(self) -> None:
        """After an exchange that was broken off, wait until its reply has come in, and drop it."""
        link = self._link
        until = link.clock.now() + _BABBLE
        if link.behind and self._identity:
            self._catch_up(until)
        while link.dirty and not link.dead:
            try:
                link.more(_QUIET)
            except VisaIOError as error:
                if error.error_code == StatusCode.error_timeout:
                    return
                raise self._silent(_SILENCE, error) from error
            except LINE_ERRORS as error:
                raise self._silent(_SILENCE, error) from error
            link.dirty = True
            if link.clock.now() > until:
                raise self._garbage(_SILENCE, b"...", "silence")

    def _catch_up(self, until: float) -> None:
        """Ask what has only one answer: replies come in order, so a late one comes before it and is passed over."""
        reply = self._ask(f"{_WHO}\n")
        while reply.decode("ascii", "replace").strip() != self._identity:
            if self._link.clock.now() > until:
                raise self._garbage(_WHO, reply, repr(self._identity))
            reply = self._more(_WHO)
        self._link.behind = False
        self._link.dirty = True  # it may have been asked before, in vain

    def _silent(self, command: str, error: Exception) -> CommunicationError:
        self._link.behind = True
        return super()._silent(command, error)
