"""What all simulated instruments share: bytes in, bytes out at their due times."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ..clock import SimClock
from .faults import Faults

Reply = bytes | Callable[[], bytes]
"""Bytes, or how to make them at the moment they are due (a reading that is still being taken)."""


class Laboratory(Protocol):
    """What wire devices know of the World."""

    @property
    def clock(self) -> SimClock:
        """The one simulated time."""

    @property
    def lock(self) -> threading.RLock:  # type: ignore[valid-type, unused-ignore]
        """Held during every exchange."""

    def port(self, name: str) -> Any:
        """Return the optical or electrical port of this name."""

    def rng(self, name: str) -> np.random.Generator:
        """Return the random numbers that belong to this name."""


Wiring = Mapping[str, Any]
"""One entry of the wiring table: `device`, its ports, and perhaps `identity` or `serial`."""


class WireDevice:
    """One simulated instrument at the end of one line.

    Subclasses split the incoming bytes with `_split` and answer each command in `_command`.

    Args:
        baud: bits per second on a serial line at 10 bits a byte; None where the bus is fast (GPIB, USB).
        turnaround: seconds between a command and the first byte of its reply.
    """

    stop_bytes = b"\n"
    """Every one of these bytes ends a command."""
    buffer = 4096
    """Bytes of an unfinished command that it holds; more are erased."""

    def __init__(self, *, baud: float | None = None, turnaround: float = 0.001) -> None:
        self.faults = Faults()
        self.baud = baud
        self.turnaround = turnaround
        self._pending: deque[tuple[float, Reply]] = deque()
        self._incoming = bytearray()

    def feed(self, data: bytes, now: float) -> None:
        """Take in bytes that have arrived at simulated time `now` in s."""
        if self._unplugged():
            return
        self._incoming += data
        while (command := self._split()) is not None:
            if not command:
                continue
            self.faults.exchange()
            if self._unplugged():
                self.clear()
                return
            self._command(command, now)
        if len(self._incoming) > self.buffer:
            self._incoming.clear()

    def connect(self, now: float) -> None:
        """Take a new connection at simulated time `now` in s, where there is such a thing; nothing by default."""

    def end(self, now: float) -> None:
        """Take the end of a message on the bus, which ends a command as well."""
        if self._incoming:
            self.feed(self.stop_bytes[-1:], now)

    def poll(self, now: float) -> list[bytes]:
        """Return the replies that are due by simulated time `now` in s, oldest first."""
        replies = []
        while self._pending and self._pending[0][0] <= now:
            due, reply = self._pending.popleft()
            made = reply if isinstance(reply, bytes) else reply()
            if not self.faults.spoils:
                replies.append(made)
            elif (spoiled := self.faults.spoil(due, made)) is None:
                continue
            elif spoiled[0] > now:
                self._insert(spoiled[0], spoiled[1])
            else:
                replies.append(spoiled[1])
        return [] if self.faults.unplugged else replies

    def next_due(self) -> float | None:
        """Return when the next reply is due, in s of simulated time; None if none is on its way."""
        return self._pending[0][0] if self._pending and not self.faults.unplugged else None

    def clear(self) -> None:
        """Drop what came in and what was to go out, as a device clear does."""
        self._incoming.clear()
        self._pending.clear()

    def transit(self, count: int) -> float:
        """Return how many seconds `count` bytes take on the line."""
        return 10.0 * count / self.baud if self.baud else 0.0

    def trigger(self, now: float) -> None:
        """Take the trigger message of the bus at simulated time `now` in s; nothing by default."""

    def status_byte(self, now: float) -> int:
        """Return the byte that a serial poll reads: 16 while a reply waits (IEEE 488.2 MAV)."""
        due = self.next_due()
        return 16 if due is not None and due <= now else 0

    def _unplugged(self) -> bool:
        return self.faults.unplugged

    def _reply(self, reply: Reply, at: float) -> None:
        """Send a reply whose first byte leaves at time `at` in s, behind those already on their way."""
        length = len(reply) if isinstance(reply, bytes) else 16
        start = max(at, self._pending[-1][0]) if self._pending else at
        self._pending.append((start + self.transit(length), reply))

    def _insert(self, due: float, reply: Reply) -> None:
        """Send a reply at its own time, whatever else is on its way."""
        place = next((i for i, (when, _) in enumerate(self._pending) if when > due), len(self._pending))
        self._pending.insert(place, (due, reply))

    def _split(self) -> bytes | None:
        """Take one command off the incoming bytes; None if none is whole, empty for one to ignore."""
        incoming = self._incoming
        ends = [at for stop in self.stop_bytes if (at := incoming.find(stop)) >= 0]
        if not ends:
            return None
        end = min(ends)
        command = bytes(incoming[:end])
        del incoming[: end + 1]
        return command

    def _command(self, command: bytes, now: float) -> None:
        """Answer one command."""
        raise NotImplementedError
