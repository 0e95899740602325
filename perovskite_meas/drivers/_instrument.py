"""What all drivers of this package share: opening, closing, exchanges and their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError
from qcodes.instrument import InstrumentBaseKWArgs

from perovskite_meas.core.clock import Clock
from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError

from ._addressed import AddressedInstrument
from ._visa import LINE_ERRORS, Lease, Line, Link, lease

if TYPE_CHECKING:
    from typing_extensions import Unpack

_CHECK = "check power, cable and address, then open the instrument again if this repeats"


class WireInstrument(AddressedInstrument):
    """A QCoDeS instrument whose session may be shared with others on its address.

    A subclass adds its parameters after `super().__init__` and calls `_connect(line)` last: until then nothing
    is open, and what fails afterwards closes everything again.

    Args:
        name: name in the station.
        address: VISA resource name.
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self, name: str, address: str, visalib: str | None = None, **kwargs: Unpack[InstrumentBaseKWArgs]
    ) -> None:
        super().__init__(name, **kwargs)
        self._address = address
        self._visalib = visalib
        self._lease: Lease | None = None

    @property
    def address(self) -> str:
        """VISA resource name as given."""
        return self._address

    @property
    def clock(self) -> Clock:
        """The clock of the transport: simulated time on a virtual table, else the wall's."""
        return self._link.clock

    def close(self) -> None:
        """Close the instrument; its session too, unless another instrument shares it."""
        share: Lease | None = self.__dict__.pop("_lease", None)
        if share is not None:
            share.release()
        super().close()

    def _connect(self, line: Line) -> None:
        try:
            self._lease = self._open(line)
            with self._link.lock:
                self._greet()
        except BaseException:
            self.close()
            raise
        self.log.info("connected to %s", self._where)

    def _open(self, line: Line) -> Lease:
        try:
            return lease(self._address, line, self._visalib)
        except (*LINE_ERRORS, ValueError) as error:
            library = f" through VISA library {self._visalib!r}" if self._visalib else ""
            raise CommunicationError(
                f"{self._where} cannot be opened{library}: {error}; check that it is plugged in, that the "
                "address is right and that no other program has it open"
            ) from error

    def _greet(self) -> None:
        """Check who answers, and read what the driver must know; moves nothing."""
        raise NotImplementedError

    @property
    def _link(self) -> Link:
        share = self._lease
        if share is None:
            raise CommunicationError(f"{self._where} is not open; load it again")
        return share.link

    @property
    def _where(self) -> str:
        return f"{self.name} ({type(self).__name__} at {self._address})"

    def _ask(self, command: str, timeout: float | None = None) -> bytes:
        """Send `command` (with its terminator) and return the raw reply; `timeout` in s."""
        try:
            return self._link.ask(command.encode("ascii"), timeout)
        except LINE_ERRORS as error:
            raise self._silent(command, error) from error

    def _more(self, command: str, timeout: float | None = None) -> bytes:
        """Return the next raw reply to a `command` sent before; `timeout` in s."""
        try:
            return self._link.more(timeout)
        except LINE_ERRORS as error:
            raise self._silent(command, error) from error

    def _tell(self, command: str) -> None:
        """Send `command` (with its terminator); it is not answered."""
        try:
            self._link.tell(command.encode("ascii"))
        except LINE_ERRORS as error:
            raise self._silent(command, error) from error

    def _silent(self, command: str, error: Exception) -> CommunicationError:
        if isinstance(error, VisaIOError) and error.error_code == StatusCode.error_timeout:
            what = "no reply in time"
        else:
            what = f"the line failed ({error})"
        return CommunicationError(f"{self._where}: {what} to {_shown(command)}; {_CHECK}")

    def _garbage(self, command: str, raw: bytes, expected: str) -> ReplyError:
        """Return the error for a reply that makes no sense, and have stale input dropped."""
        self._link.dirty = True
        return ReplyError(
            f"{self._where}: {_shown(command)} was answered by {raw!r} instead of {expected}; stale input is "
            "dropped before the next command; check baud rate and cable, and that no other program uses the line"
        )

    def _fault(self, what: str, advice: str) -> HardwareFault:
        return HardwareFault(f"{self._where}: {what}; {advice}")

    def _stranger(self, found: str, expected: str) -> IdentityError:
        return IdentityError(
            f"{self._where}: found {found}, expected {expected}; correct the address in the station file"
        )

    def _number(self, command: str, raw: bytes) -> float:
        try:
            return float(raw)
        except ValueError as error:
            raise self._garbage(command, raw, "a number") from error

    def _integer(self, command: str, raw: bytes) -> int:
        number = self._number(command, raw)
        if not number.is_integer():
            raise self._garbage(command, raw, "an integer")
        return int(number)


def _shown(command: str) -> str:
    """Return a command for messages; control characters by their number, as manuals name them."""
    return f"#{ord(command)}" if len(command) == 1 and not command.isprintable() else repr(command.strip())
