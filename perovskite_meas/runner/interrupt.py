"""Ctrl-C and SIGTERM during a run: one stops it, none may cut the clean-up short."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))

_AGAIN = 0.5
"""Seconds in which a second request only repeats the first; nobody means two stops by a double Ctrl-C."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end; handled like Ctrl-C."""


class Requests:
    """Requests to end the process, for the time of a `with` block (main thread only; elsewhere none arrive).

    Attributes:
        stops: whether a request is raised as an exception at the present line. False at first; where clean-up
            must not be cut short, requests are only noted.
        heard: names of the signals that were only noted.
    """

    def __init__(self) -> None:
        self.stops = False
        self.heard: list[str] = []
        self._raised = -_AGAIN
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._request) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, old in self._previous.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)

    def _request(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.stops or now - self._raised < _AGAIN:
            self.heard.append(signal.Signals(number).name)
            return
        self._raised = now
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(f"stopped by signal {signal.Signals(number).name}")
