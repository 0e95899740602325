"""Wire devices for programs that know no VISA: serial devices on pseudo-terminals, any device over TCP.

A device whose VISA address is a TCP socket is reached like the real one, on this computer and another port.

The clock runs at wall speed here, because whoever is at the other end sleeps in wall time.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageError
from .clock import SimClock
from .visa import TwinVisaLibrary
from .wire.device import WireDevice

_IDLE = 0.02
"""Seconds after which a quiet line looks whether it shall stop."""
_LOOKING, _SENDING = 0.002, 5.0
"""Seconds to look for a client's bytes, and to wait until it takes a long reply."""


@dataclass(frozen=True)
class Served:
    """One device that is served: its VISA address, its name and where to connect."""

    address: str
    device: str
    place: str
    """The path of a pseudo-terminal, or `127.0.0.1:port`."""


@contextlib.contextmanager
def serve_pty(device: WireDevice, clock: SimClock, lock: threading.RLock) -> Iterator[str]:
    """Serve a serial device on a pseudo-terminal (POSIX only).

    Args:
        device: what answers.
        clock: the laboratory's; it should run at speed 1.
        lock: the World's lock.

    Yields:
        The path of the terminal, to be opened like a serial port.

    Raises:
        UsageError: this system has no pseudo-terminals.
    """
    try:
        import pty
        import tty
    except ImportError:
        raise UsageError(
            "pseudo-terminals exist on Linux and macOS only; on Windows serve over TCP (serve_tcp) "
            "or use a null-modem driver"
        ) from None
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    try:
        with _pumping(device, clock, lock, lambda: _read_pty(ours), lambda data: _write_all(ours, data)):
            yield os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


@contextlib.contextmanager
def serve_tcp(device: WireDevice, clock: SimClock, lock: threading.RLock, port: int = 0) -> Iterator[int]:
    """Serve a device on a TCP port of this computer alone, to one client at a time.

    Args:
        device: what answers.
        clock: the laboratory's; it should run at speed 1.
        lock: the World's lock.
        port: 0 takes a free one.

    Yields:
        The port number on 127.0.0.1.
    """
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(_IDLE)
        client = _Client(listener, lambda: _connect(device, clock, lock))
        with client, _pumping(device, clock, lock, client.read, client.write):
            yield int(listener.getsockname()[1])


@contextlib.contextmanager
def serve(table: str, *, world: Path | None = None, seed: int | None = None) -> Iterator[list[Served]]:
    """Serve every device of a virtual table: serial ones on pseudo-terminals where there are any, else TCP.

    Args:
        table: a packaged table's name or a folder that holds a world.yaml.
        world: a world.yaml in place of the table's own.
        seed: in place of the one in the file.

    Yields:
        Where everything is; it stays there until the context ends.
    """
    library = TwinVisaLibrary(table)
    library.reset(world, seed, speed=1.0)
    with contextlib.ExitStack() as stack:
        served = []
        for address in library.list_resources(library.open_default_resource_manager()[0], "?*"):
            device, clock, lock = library.device(address), library.clock, library.world.lock
            if address.startswith("ASRL") and os.name == "posix":
                place = stack.enter_context(serve_pty(device, clock, lock))
            else:
                place = f"127.0.0.1:{stack.enter_context(serve_tcp(device, clock, lock))}"
            served.append(Served(address, type(device).__name__, place))
        yield served


class _Client:
    """The program at the other end of a TCP port; there may be none for a while."""

    def __init__(self, listener: socket.socket, welcome: Callable[[], None]) -> None:
        self._listener = listener
        self._welcome = welcome
        self._connection: socket.socket | None = None

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def read(self) -> bytes:
        """Return what has come, waiting a moment for it; empty if nothing."""
        if self._connection is None:
            try:
                self._connection, _ = self._listener.accept()
            except TimeoutError:
                return b""
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection.settimeout(_LOOKING)
            self._welcome()
        try:
            data = self._connection.recv(4096)
        except TimeoutError:
            return b""
        except ConnectionError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def write(self, data: bytes) -> None:
        """Send, if anybody listens."""
        if self._connection is not None:
            self._connection.settimeout(_SENDING)
            try:
                self._connection.sendall(data)
                self._connection.settimeout(_LOOKING)
            except OSError:
                self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(device: WireDevice, clock: SimClock, lock: threading.RLock) -> None:
    with lock:
        device.connect(clock.now())


@contextlib.contextmanager
def _pumping(
    device: WireDevice,
    clock: SimClock,
    lock: threading.RLock,
    read: Callable[[], bytes],
    write: Callable[[bytes], None],
) -> Iterator[None]:
    """Carry bytes between a device and a line in a thread of their own until the context ends."""
    stop = threading.Event()

    def pump() -> None:
        while not stop.is_set():
            data = read()
            with lock:
                if data:
                    device.feed(data, clock.now())
                replies = device.poll(clock.now())
                due = device.next_due()
            for reply in replies:
                write(reply)
            if not data and not replies:
                ahead = _IDLE if due is None else due - clock.now()
                stop.wait(min(max(ahead, 0.0005), 0.002))

    thread = threading.Thread(target=pump, name="virtual-line", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _read_pty(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [], _IDLE)
