"""A scripted VISA: transcripts of (bytes expected, reply) that fail on unexpected and on unused pairs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace

import pytest
import pyvisa
from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError
from qcodes.instrument import Instrument

from perovskite_meas.drivers import _visa

Reply = bytes | BaseException | None
Pairs = list[tuple[bytes, Reply]]


class ScriptedClock:
    """Time that passes only in sleeps and timeouts."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class ScriptedResource:
    """What a driver may do with a PyVISA resource; `read_termination` is one character, or None for messages."""

    read_termination: str | None = None

    def __init__(self, library: "ScriptedManager", address: str) -> None:
        self.visalib = library
        self.timeout = 0.0
        self.is_open = True
        self.interface_type = InterfaceType.asrl if address.startswith("ASRL") else InterfaceType.gpib
        self.script: Pairs = []
        self.input = bytearray()
        self.failure: BaseException | None = None
        self.drops = 0

    def write_raw(self, message: bytes) -> int:
        if not self.is_open:
            raise InvalidSession
        assert self.script, f"unexpected {message!r}: the transcript is over"
        expected, reply = self.script.pop(0)
        assert message == expected, f"got {message!r}, the transcript says {expected!r}"
        if isinstance(reply, bytes):
            self.input += reply
        else:
            self.failure = reply
        return len(message)

    def read_raw(self) -> bytes:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        end = self.input.find(self.read_termination.encode()) if self.read_termination else len(self.input) - 1
        if end < 0:
            self.visalib.clock.time += self.timeout / 1000
            raise VisaIOError(StatusCode.error_timeout)
        reply = bytes(self.input[: end + 1])
        del self.input[: end + 1]
        return reply

    def flush(self, mask: int) -> None:
        assert self.interface_type == InterfaceType.asrl
        self._drop()

    def clear(self) -> None:
        assert self.interface_type != InterfaceType.asrl, "a serial line is flushed, since `clear` sends a break"
        self._drop()

    def _drop(self) -> None:
        self.drops += 1
        self.input.clear()

    def close(self) -> None:
        self.is_open = False


class ScriptedManager:
    """A resource manager whose one library is itself; `sessions` is every session ever opened."""

    def __init__(self) -> None:
        self.clock = ScriptedClock()
        self.visalib = self
        self.scripts: dict[str, Pairs] = {}
        self.sessions: list[tuple[str, ScriptedResource]] = []

    def open_resource(self, address: str) -> ScriptedResource:
        if address not in self.scripts:
            raise VisaIOError(StatusCode.error_resource_not_found)
        resource = ScriptedResource(self, address)
        resource.script = self.scripts[address]
        self.sessions.append((address, resource))
        return resource

    @property
    def open_addresses(self) -> list[str]:
        return [address for address, resource in self.sessions if resource.is_open]

    @property
    def resource(self) -> ScriptedResource:
        return self.sessions[-1][1]


@pytest.fixture
def visa(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedManager]:
    """The scripted VISA; at the end no instrument and no session may be left."""
    manager = ScriptedManager()
    monkeypatch.setattr(pyvisa, "ResourceManager", lambda library="": manager)
    yield manager
    Instrument.close_all()
    assert manager.open_addresses == []
    assert _visa._links == {}
    assert {address: pairs for address, pairs in manager.scripts.items() if pairs} == {}, "unused pairs"


@pytest.fixture
def transcript(visa: ScriptedManager) -> Callable[[str, Pairs], AbstractContextManager[ScriptedResource]]:
    """Give a context in which exactly these pairs must be said."""

    @contextmanager
    def say(address: str, pairs: Pairs) -> Iterator[ScriptedResource]:
        script = visa.scripts.setdefault(address, [])
        assert not script, "unused pairs before"
        script.extend(pairs)
        yield visa.resource
        assert not script, f"unused pairs: {script}"

    return say


@pytest.fixture
def faults() -> SimpleNamespace:
    """Failures of the line, as PyVISA raises them."""
    return SimpleNamespace(
        timeout=VisaIOError(StatusCode.error_timeout), unplugged=VisaIOError(StatusCode.error_connection_lost)
    )
