"""Time that a test can own: everything that waits, waits on a clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Seconds since some fixed moment, and a way to let them pass."""

    def now(self) -> float:
        """Return the time in s; only differences mean something."""

    def sleep(self, seconds: float) -> None:
        """Let this many seconds pass."""


class WallClock:
    """The clock on the wall: monotonic time, real sleeps."""

    def now(self) -> float:
        """Return the monotonic time in s."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`; not at all if negative."""
        if seconds > 0:
            time.sleep(seconds)


def wait_until(
    clock: Clock,
    condition: Callable[[], bool],
    *,
    timeout: float,
    poll: float = 0.02,
    what: str = "the instrument",
) -> float:
    """Wait until `condition()` holds and return how long it took, in s.

    Args:
        clock: whose seconds are counted.
        condition: asked at once, then every `poll` seconds.
        timeout: seconds after which to give up.
        poll: seconds between questions.
        what: named in the error.

    Raises:
        TimeoutError: the condition did not hold in time.
    """
    start = clock.now()
    while not condition():
        if clock.now() - start >= timeout:
            raise TimeoutError(f"{what} was not ready within {timeout:g} s")
        clock.sleep(poll)
    return clock.now() - start
