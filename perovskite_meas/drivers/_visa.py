"""One VISA session and one lock per address, shared by all drivers that talk to it."""

from __future__ import annotations

import logging
import threading
import weakref

import pyvisa
from pyvisa.constants import BufferOperation, InterfaceType, ResourceAttribute, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError
from pyvisa.resources import MessageBasedResource
from pyvisa.rname import InvalidResourceName, to_canonical_name

from ._session import Line as Line
from ._session import clock_of, open_session

LINE_ERRORS = (VisaIOError, InvalidSession, OSError)
"""What PyVISA and its back ends raise when an exchange fails."""

_DEAD = frozenset(
    {
        StatusCode.error_connection_lost,
        StatusCode.error_invalid_object,
        StatusCode.error_resource_not_found,
        StatusCode.error_system_error,
    }
)
_UNDER_WAY = 0.05
"""s in which a short reply arrives, at 9600 baud and from slow controllers."""
_LATEST = 10.0
"""s after which a reply that was given up comes no more."""
_log = logging.getLogger(__name__)


class Link:
    """An open session with its lock and clock; made and closed by `lease`.

    Attributes:
        lock: held around every exchange; a driver holds it longer where several exchanges belong together.
        clock: the transport's own clock where it has one, else the clock on the wall.
        dirty: input may be stale (a failed or interrupted exchange); it is dropped before the next one.
        dead: the session is lost; the next driver on this address opens a new one.
        behind: a reply was given up and may yet come ahead of the next one; set and cleared by drivers that catch up.
    """

    def __init__(self, resource: MessageBasedResource, line: Line) -> None:
        self.lock = threading.RLock()
        self.clock = clock_of(resource)
        self.line = line
        self.dirty = True
        self.dead = False
        self.behind = False
        self.users = 0
        self._resource = resource
        self._timeout = line.timeout
        self._last_write = float("-inf")
        self._used = False
        self._missed: float | None = None
        """When a reply on a serial line was given up that may come yet, and would be taken for that to the next one."""

    def ask(self, message: bytes, timeout: float | None = None, count: int | None = None) -> bytes:
        """Send `message` as it is and return the raw reply; `timeout` in s, default the line's.

        A binary reply has no end of its own: `count` says how many bytes to read.

        Raises:
            VisaIOError: and the others of `LINE_ERRORS`.
        """
        with self.lock:
            self._send(message)
            reply = self._receive(timeout, count)
            self.dirty = False
            return reply

    def tell(self, message: bytes) -> None:
        """Send `message`, for commands that are not answered; raises `LINE_ERRORS`."""
        with self.lock:
            self._send(message)
            self.dirty = False

    def more(self, timeout: float | None = None, count: int | None = None) -> bytes:
        """Return the next raw reply, or so many bytes, without asking; `timeout` in s; raises `LINE_ERRORS`."""
        with self.lock:
            self.dirty = True
            reply = self._receive(timeout, count)
            self.dirty = False
            return reply

    def waiting(self) -> int:
        """Return how many bytes have come in on a serial line, elsewhere 1 for a reply; raises `LINE_ERRORS`."""
        with self.lock:
            if self._resource.interface_type != InterfaceType.asrl:
                return self._resource.read_stb() >> 4 & 1
            return int(self._resource.get_visa_attribute(ResourceAttribute.asrl_avalaible_number))

    def alive(self) -> bool:
        """Return whether the session still exists on both sides of the VISA library."""
        if self.dead:
            return False
        try:
            return self._resource.timeout is not None
        except LINE_ERRORS:
            return False

    def close(self) -> None:
        """Close the session; never fails, since there is nothing left to save."""
        self.dead = True
        try:
            self._resource.close()
        except LINE_ERRORS as error:
            _log.info("closing an already lost session: %s", error)

    def _send(self, message: bytes) -> None:
        if self.dirty:
            if self._used:  # what an interrupted exchange left may still be on its way
                self.clock.sleep(_UNDER_WAY)
            self._drop_input()
        elif self._missed is not None:
            self._drop_input()
        if self._missed is not None and self.clock.now() > self._missed + _LATEST:
            self._missed = None
        self._used = True
        if self.line.spacing:
            wait = self._last_write + self.line.spacing - self.clock.now()
            if wait > 0:
                self.clock.sleep(wait)
        self.dirty = True
        try:
            self._resource.write_raw(message)
        except LINE_ERRORS as error:
            self._note(error)
            raise
        if self.line.spacing:
            self._last_write = self.clock.now()

    def _receive(self, timeout: float | None, count: int | None) -> bytes:
        wanted = self.line.timeout if timeout is None else timeout
        try:
            if wanted != self._timeout:
                self._resource.timeout = wanted * 1000
                self._timeout = wanted
            return self._resource.read_raw() if count is None else self._resource.read_bytes(count)
        except LINE_ERRORS as error:
            self._note(error)
            raise

    def _drop_input(self) -> None:
        try:
            if self._resource.interface_type == InterfaceType.asrl:
                self._resource.flush(BufferOperation.discard_receive_buffer)
            else:
                self._resource.clear()
        except NotImplementedError:
            _log.warning("the VISA library cannot drop stale input")
        except VisaIOError as error:
            if error.error_code != StatusCode.error_nonsupported_operation:
                self._note(error)
                raise
        except (InvalidSession, OSError) as error:
            self._note(error)
            raise

    def _note(self, error: Exception) -> None:
        if not isinstance(error, VisaIOError) or error.error_code in _DEAD:
            self.dead = True
        elif error.error_code == StatusCode.error_timeout and self._resource.interface_type == InterfaceType.asrl:
            self._missed = self.clock.now()


class Lease:
    """One driver's share of a link; the last one to be released closes the session."""

    def __init__(self, link: Link) -> None:
        self.link = link
        link.users += 1
        self._finalizer = weakref.finalize(self, _release, link)

    def release(self) -> None:
        """Give the share back; doing it twice is harmless."""
        self._finalizer()


_links: dict[tuple[int, str], Link] = {}
_gate = threading.RLock()


def lease(address: str, line: Line, visalib: str | None = None) -> Lease:
    """Return a share of the session at `address`, opened if nobody has it open.

    Args:
        address: VISA resource name.
        line: settings; must equal those of the drivers that already share the address.
        visalib: VISA library as PyVISA names it; None for the system's.

    Raises:
        VisaIOError: and others of `LINE_ERRORS`, where the address cannot be opened.
        ValueError: the library or the address makes no sense, or the address is open with other settings.
    """
    manager = pyvisa.ResourceManager(visalib) if visalib else pyvisa.ResourceManager()
    key = (id(manager.visalib), canonical(address))
    with _gate:
        while True:
            link = _links.get(key)
            if link is not None and not link.alive():
                del _links[key]
                link = None
            if link is None:
                link = _links[key] = _connect(manager, address, line)
            elif link.line != line:
                raise ValueError("another kind of instrument has this address open with other line settings")
            share = Lease(link)
            if not link.dead:  # garbage collection may have closed it just now
                return share
            share.release()


def canonical(address: str) -> str:
    """Return the one spelling of a VISA address.

    Examples:
        >>> canonical("gpib::23")
        'GPIB0::23::INSTR'
    """
    try:
        return to_canonical_name(address)
    except InvalidResourceName:
        return address


def _connect(manager: pyvisa.ResourceManager, address: str, line: Line) -> Link:
    resource = open_session(manager, address, line)
    try:
        return Link(resource, line)
    except BaseException:
        resource.close()
        raise


def _release(link: Link) -> None:
    with _gate:
        link.users -= 1
        if link.users > 0:
            return
        for key in [key for key, value in _links.items() if value is link]:
            del _links[key]
        link.close()
