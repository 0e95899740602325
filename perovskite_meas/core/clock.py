"""Time that a test can own: everything that waits, waits on a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


class AskingClock:
    """A clock that can be made to ask, before each sleep, whether the waiting is still wanted.

    Args:
        clock: whose time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ask: Callable[[], None] | None = None

    def now(self) -> float:
        """Return the time in s."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Let this many seconds pass, unless the question is answered by an error."""
        if self._ask is not None:
            self._ask()
        self._clock.sleep(seconds)

    @contextmanager
    def asking(self, ask: Callable[[], None] | None) -> Iterator[None]:
        """Ask `ask` before each sleep in a `with` block; it raises where the waiting is to end."""
        before, self._ask = self._ask, ask
        try:
            yield
        finally:
            self._ask = before


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
