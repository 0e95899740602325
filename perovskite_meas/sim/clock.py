"""The time of the virtual laboratory: injected seconds plus a multiple of wall time."""

from __future__ import annotations

import threading
import time


class SimClock:
    """A monotonic clock that sleeping, waiting for replies and wall time all move.

    Simulated time is the injected seconds plus `speed` times the wall time that passed. At speed 0 a run
    is a function of its seed alone; at speed 1 code that calls `time.sleep` works unchanged.

    Args:
        speed: simulated seconds per wall second, zero or positive.

    Examples:
        >>> clock = SimClock(speed=0)
        >>> clock.sleep(2.5)
        >>> clock.now()
        2.5
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._speed = _checked(speed)
        self._base = 0.0
        self._anchor = time.perf_counter()

    def now(self) -> float:
        """Return the simulated time in s since this clock was made."""
        with self._lock:
            return self._now()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` of simulated time pass and return at once; nothing if negative."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Inject `seconds` of simulated time; nothing if negative, because time never runs back."""
        if seconds > 0:
            with self._lock:
                self._base += seconds

    def jump_to(self, moment: float) -> None:
        """Move on to the simulated time `moment` in s; nothing if that has passed."""
        with self._lock:
            ahead = moment - self._now()
            if self._speed == 0 and ahead > 0:
                self._base = moment  # exact: no sum of differences that could fall short of the moment
            elif ahead > 0:
                self._base += ahead

    @property
    def speed(self) -> float:
        """Simulated seconds per wall second; a change makes no jump."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        checked = _checked(speed)
        with self._lock:
            self._base = self._now()
            self._anchor = time.perf_counter()
            self._speed = checked

    def _now(self) -> float:
        if self._speed == 0:
            return self._base
        return self._base + (time.perf_counter() - self._anchor) * self._speed


def _checked(speed: float) -> float:
    if not 0 <= speed < float("inf"):
        raise ValueError(f"clock speed {speed!r} is not a finite number >= 0 (simulated s per wall s)")
    return float(speed)
