"""What a PM100D makes of the pulses on a pyroelectric head: range, threshold and rate.

Source and what is unverified: see `pm100d_energy`.
"""

from __future__ import annotations

import math
from typing import Any

from .pm100d_settings import OVERRANGE
from .pulse_queue import PulseQueue
from .scpi import Handler, limit, number, real

RANGES = tuple(float(f"2e{decade}") for decade in range(-8, -1))
"""Upper ends of the ranges, J."""
_THRESHOLDS, _THRESHOLD = (1.0, 70.0), 1.0
"""Percent of the range that a pulse must reach: limits, and at power-on."""
_HEADROOM = 1.05
"""Of the range, up to which a pulse is still read."""


class EnergyChannel:
    """The channel behind the head; it follows the clock when it is asked.

    Args:
        head: the World's port with `shots(t0, t1)`.
        now: simulated time in s.
    """

    def __init__(self, head: Any, now: float) -> None:
        self._queue = PulseQueue(head, now)
        self._last, self._period = -math.inf, math.inf
        self.reset()

    def reset(self) -> None:
        """Take the settings of power-on."""
        self.range = RANGES[-1]
        self.threshold = _THRESHOLD

    def take(self, now: float) -> list[tuple[float, float]]:
        """Return when the pulses since the last call were seen, up to `now`, s, and their readings, J."""
        seen = []
        for t, joule in self._queue.take(now):
            if joule >= self.range * self.threshold / 100:
                self._period, self._last = t - self._last, t
                seen.append((t, joule if joule <= self.range * _HEADROOM else OVERRANGE))
        return seen

    def next_look(self) -> float:
        """Return when a pulse may be seen next, s."""
        return self._queue.next_look()

    def rate(self, now: float) -> float:
        """Return the pulses per second by the last two of them, in Hz; 0 if there are none any more."""
        return 1.0 / self._period if now - self._last < 3 * self._period < math.inf else 0.0

    def commands(self) -> dict[str, Handler]:
        """Return header -> handler for the settings."""
        span, threshold = "[SENSe:]ENERgy:RANGe[:UPPer]", "[SENSe:]PEAKdetector[:THReshold]"
        return {
            span: self._set_range,
            span + "?": lambda text: real(limit(text, RANGES[0], RANGES[-1], now=self.range)),
            threshold: self._set_threshold,
            threshold + "?": lambda text: real(limit(text, *_THRESHOLDS, now=self.threshold)),
        }

    def _set_range(self, text: str) -> None:
        """`SENS:ENER:RANG:UPP`, J: the smallest range that holds the value."""
        wanted = number(text, RANGES[0], RANGES[-1])
        self.range = next(upper for upper in RANGES if upper >= wanted * (1 - 1e-9))

    def _set_threshold(self, text: str) -> None:
        """`SENS:PEAK:THR`, percent."""
        self.threshold = number(text, *_THRESHOLDS)
