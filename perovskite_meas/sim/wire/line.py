"""One address of the table: the instrument, and what it has sent but nobody has read."""

from __future__ import annotations

from collections import deque

from pyvisa import rname
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from ..clock import SimClock
from .device import WireDevice

_END = StatusCode.success
_TERMCHAR = StatusCode.success_termination_character_read
_FULL = StatusCode.success_max_count_read


class Line:
    """The computer's end of the line to one wire device; the caller holds the World's lock.

    On a serial line and on a TCP socket the replies are one stream of bytes; on GPIB and USB each reply is a
    message with an end.

    Args:
        name: the parsed VISA address.
        device: the instrument at the other end.
        clock: the simulated time that writing and reading take.
    """

    def __init__(self, name: rname.ResourceName, device: WireDevice, clock: SimClock) -> None:
        self.name = name
        self.address = str(name)
        self.device = device
        self.owner: int | None = None
        """The session that holds an exclusive lock."""
        self._clock = clock
        serial = name.interface_type == "ASRL"
        self._socket = name.resource_class == "SOCKET"
        self._stream = serial or self._socket
        self._gone = (
            None
            if serial
            else StatusCode.error_no_listeners
            if name.interface_type == "GPIB"
            else StatusCode.error_connection_lost
        )
        self._received = bytearray()
        self._messages: deque[bytes] = deque()
        self._users = 0
        self._untouched = False

    def open(self) -> None:
        """Count one more session; the first one on a socket is a new connection, and its stream starts empty."""
        self._users += 1
        if self._socket and self._users == 1:
            self.drop()
            self.device.connect(self._clock.now())
            self._untouched = True

    def close(self) -> None:
        """Count one session less."""
        self._users -= 1

    def write(self, data: bytes) -> None:
        """Send bytes; returns when the last one has arrived.

        Raises:
            VisaIOError: the instrument is unplugged and the bus notices (a serial line does not).
        """
        device = self.device
        self._untouched = False
        if device.baud:
            self._clock.advance(device.transit(len(data)))
        if device.faults.unplugged and self._gone is not None:
            raise VisaIOError(self._gone)
        device.feed(data, self._clock.now())
        if not self._stream:
            device.end(self._clock.now())

    def read(self, count: int, timeout: float, stop: int | None) -> tuple[bytes, StatusCode]:
        """Read up to `count` bytes, waiting at most `timeout` s of simulated time.

        Args:
            count: bytes wanted at most.
            timeout: seconds to wait; infinite waits end when nothing is on its way.
            stop: the byte after which to stop; None for none.

        Raises:
            VisaIOError: VI_ERROR_TMO; bytes that came without an end are lost, as in VISA.
        """
        clock, device = self._clock, self.device
        self._untouched = False
        deadline = clock.now() + timeout
        while True:
            self._take(clock.now())
            chunk = self._chunk(count, stop)
            if chunk is not None:
                return chunk
            due = device.next_due()
            if due is None or due > deadline:
                break
            clock.jump_to(due)
        if timeout != float("inf"):
            clock.jump_to(deadline)
        self._received.clear()
        error = VisaIOError(StatusCode.error_timeout)
        error.add_note(f"{self.address}: no whole reply within {timeout:g} s of simulated time")
        raise error

    def waiting(self) -> int:
        """Return how many bytes could be read at once."""
        self._take(self._clock.now())
        return len(self._received) + sum(map(len, self._messages))

    def clear(self) -> None:
        """Clear the device and drop what was not read; a socket has no way to clear what is at its other end.

        What an instrument says to whoever connects is still on its way when the first thing a driver does is to clear.
        """
        if not self._socket:
            self.device.clear()
        self.drop()
        if self._untouched:
            self.device.connect(self._clock.now())

    def drop(self) -> None:
        """Drop what has arrived and was not read."""
        self._take(self._clock.now())
        self._received.clear()
        self._messages.clear()

    def status_byte(self) -> int:
        """Return what a serial poll reads."""
        waiting = 16 if self._received or self._messages else 0
        return waiting | self.device.status_byte(self._clock.now())

    def _take(self, now: float) -> None:
        replies = self.device.poll(now)
        if not replies:
            return
        if self._stream:
            self._received += b"".join(replies)
        else:
            self._messages.extend(replies)

    def _chunk(self, count: int, stop: int | None) -> tuple[bytes, StatusCode] | None:
        """Take what one read may return; None if it has to wait."""
        received = self._received
        if not received and self._messages:
            received += self._messages.popleft()
        if not received:
            return None
        end = received.find(stop) + 1 if stop is not None else 0
        if 0 < end <= count:
            status = _TERMCHAR
        elif len(received) >= count and not (not self._stream and len(received) == count):
            end, status = count, _FULL
        elif not self._stream:
            end, status = len(received), _END
        else:
            return None
        chunk = bytes(received[:end])
        del received[:end]
        return chunk, status
