"""Ctrl-C and SIGTERM during a run: one stops it, none may cut the clean-up short."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
_HANGUP = getattr(signal, "SIGHUP", None)

_AGAIN = 0.5
"""Seconds in which a second request only repeats the first; nobody means two stops by a double Ctrl-C."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end; handled like Ctrl-C."""


class Requests:
    """Requests to end the process, for the time of a `with` block (main thread only; elsewhere none arrive).

    A request is only noted, so that no row, file or transaction is left half done; it is raised as an
    exception inside `interruptible`, or at the next line that asks for what was noted.
    """

    def __init__(self) -> None:
        self._raises = False
        self._noted: list[str] = []
        self._repeats: list[str] = []
        self._raised = -_AGAIN
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # nohup: the run shall outlive its terminal.
                if number != _HANGUP or signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Ctrl-C last: from there on it may raise.
        for number, old in reversed(self._previous.items()):
            signal.signal(number, signal.SIG_DFL if old is None else old)

    def interruptible(self, action: Callable[[], T]) -> T:
        """Do `action`, which may be cut short anywhere, and return what it returns.

        Raises:
            KeyboardInterrupt: a request came meanwhile, or was noted before.
        """
        try:
            self._raises = True
            self.raise_noted()
            return action()
        finally:
            self._raises = False

    def raise_noted(self, when: str = "", record: object = None) -> None:
        """Raise what was noted since it was last asked for.

        Args:
            when: added to the text of the error.
            record: set as `error.record` if there is one.

        Raises:
            KeyboardInterrupt: there was a request.
        """
        noted, self._noted = self._noted, []
        if noted:
            self._raise(noted[0], when, record)

    def take(self) -> list[str]:
        """Return the names of the signals that were noted, repetitions too, and forget them."""
        # One list each: a request that comes between these lines is in the old one or in the new one.
        noted, self._noted = self._noted, []
        repeats, self._repeats = self._repeats, []
        return noted + repeats

    def _request(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if time.monotonic() - self._raised < _AGAIN:
            self._repeats.append(name)
        elif self._raises:
            self._raise(name)
        else:
            self._noted.append(name)

    def _raise(self, name: str, when: str = "", record: object = None) -> None:
        # Whatever cleans up behind this exception is not cut short by the next request.
        self._raises = False
        self._raised = time.monotonic()
        text = f"stopped by signal {name}{when and ' ' + when}"
        stop = KeyboardInterrupt(text) if name == "SIGINT" else Terminated(text)
        if record is not None:
            stop.record = record  # type: ignore[attr-defined]
        raise stop
