"""Where an energy head's pulses come from: a stream of the head, or asking for one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ...core.errors import ReplyError
from ..handle import Handle

_OVERDUE = 0.05
"""s that a driver waits for a pulse when none came, after which it may look at the head."""
_METHODS = ("start_stream", "read_stream", "stop_stream")
"""What the driver of a head that streams has."""


class EnergySource(Protocol):
    """The pulses on a head since `begin`."""

    looks: bool
    """Whether it can be asked for pulses that may not have come; else asking waits for one."""

    def begin(self) -> None:
        """Forget what came before, and collect from now on."""

    def collect(self) -> list[float]:
        """Return the energies on the head in J of the pulses that have come since it was last asked."""

    def last_look(self) -> list[float]:
        """The same where pulses are overdue: the head may have more to say.

        Raises:
            HardwareFault: the driver knows why none came.
        """

    def end(self) -> None:
        """Collect no more; harmless where it did not."""


class PlannedPulses:
    """The planned pulses of a table, which all its meters see.

    Args:
        train: energies at the sample in J, which grows.
        on_head: turns one into what the head shows.
    """

    looks = True

    def __init__(self, train: list[float], on_head: Callable[[float], float]) -> None:
        self._train = train
        self._on_head = on_head
        self._seen = len(train)

    def begin(self) -> None:
        """Leave out what came before."""
        self._seen = len(self._train)

    def collect(self) -> list[float]:
        """Return what the head shows of the pulses since it was last asked."""
        found, self._seen = self._train[self._seen :], len(self._train)
        return [self._on_head(joule) for joule in found]

    last_look = collect

    def end(self) -> None:
        """Nothing runs."""


def source_of(handles: Mapping[str, Handle], label: str) -> EnergySource:
    """Return how the pulses of a head are had: by parameters for a stream, by the driver's own, or one by one.

    Args:
        handles: by option of the role: `use`, and where stated `stream`, `streaming`, `new`.
        label: name for messages.
    """
    if "stream" in handles:
        return _StreamParameter(handles["stream"], handles.get("streaming"), label)
    owner: Any = handles["use"].owner
    if "new" not in handles and all(callable(getattr(owner, name, None)) for name in _METHODS):
        return _StreamOfDriver(owner, label)
    return _OneByOne(handles["use"], handles.get("new"))


class _StreamOfDriver:
    looks = True

    def __init__(self, driver: Any, label: str) -> None:
        self._driver = driver
        self._label = label

    def begin(self) -> None:
        self._driver.start_stream()

    def collect(self) -> list[float]:
        return _energies(self._driver.read_stream(), self._label)

    def last_look(self) -> list[float]:
        return _energies(self._driver.read_stream(_OVERDUE), self._label)

    def end(self) -> None:
        self._driver.stop_stream()


class _StreamParameter:
    looks = True

    def __init__(self, stream: Handle, streaming: Handle | None, label: str) -> None:
        self._stream = stream
        self._streaming = streaming
        self._label = label

    def begin(self) -> None:
        if self._streaming is not None:
            self._streaming.set(True)
        self._stream.get()  # what came before

    def collect(self) -> list[float]:
        return _energies(self._stream.get(), self._label)

    last_look = collect

    def end(self) -> None:
        if self._streaming is not None:
            self._streaming.set(False)


class _OneByOne:
    def __init__(self, use: Handle, new: Handle | None) -> None:
        self._use = use
        self._new = new
        self.looks = new is not None

    def begin(self) -> None:
        if self._new is not None and self._new.get():
            self._use.get()

    def collect(self) -> list[float]:
        if self._new is not None and not self._new.get():
            return []
        return [float(self._use.get())]

    last_look = collect

    def end(self) -> None:
        """Nothing runs between two questions."""


def _energies(answer: Any, label: str) -> list[float]:
    found = np.atleast_1d(np.asarray(answer, np.float64))
    if found.ndim != 1:
        raise ReplyError(f"{label}: a stream tells one energy per pulse, in J; got an array of shape {found.shape}")
    return [float(joule) for joule in found]
