"""Ctrl-C and SIGTERM during a run: one stops it, none may cut the clean-up short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """The process was asked to end; handled like Ctrl-C."""


@contextmanager
def _handlers(handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


def _stop(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(f"stopped by signal {signal.Signals(number).name}")


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn every request to end the process into an exception at the present line (main thread only)."""
    with _handlers(_stop):
        yield


@contextmanager
def shielded() -> Iterator[list[str]]:
    """Hold requests to end the process back until the block is done, and list them (main thread only)."""
    heard: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        heard.append(signal.Signals(number).name)

    with _handlers(note):
        yield heard
