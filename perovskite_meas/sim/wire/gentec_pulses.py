"""What a Gentec-EO MAESTRO makes of the pulses on its head: scale, trigger level, corrections, the value it shows.

Source: MAESTRO user's manual rev. 8.1, p. 63-65 (scales, trigger level) and p. 70 (corrections). What is unverified
against it is listed in `gentec`.
"""

from __future__ import annotations

import math
from typing import Any

from .pulse_queue import PulseQueue

DEAD = 0.002
"""s after a pulse in which the next one is not seen."""
OVER = 3.402823e38
"""Shown for a pulse beyond the scale."""
_HEADROOM = 1.05
"""Of the full scale, up to which a value is still shown."""


def full_scale(index: int) -> float:
    """Return the full scale of an index, in J: 1 pJ, 3 pJ, 10 pJ and so on.

    Examples:
        >>> [full_scale(index) for index in (0, 13, 24, 41)]
        [1e-12, 3e-06, 1.0, 300000000.0]
    """
    return float(f"{'13'[index % 2]}e{index // 2 - 12}")


class Pulses:
    """The channel behind the head; it follows the clock when it is asked.

    Args:
        head: the World's port with `shots(t0, t1)`.
        scales: indices of the lowest and the highest scale of this head.
        now: simulated time in s.
    """

    def __init__(self, head: Any, scales: tuple[int, int], now: float) -> None:
        self._queue = PulseQueue(head, now)
        self.lowest, self.highest = scales
        self.scale = self.highest
        self.auto = True
        self.trigger = 2.0
        """Percent of the full scale that a pulse must reach."""
        self.multiplier, self.offset, self.zero = 1.0, 0.0, 0.0
        self.zeroed = False
        self.connected = True
        self.value = 0.0
        """What stands on the display."""
        self.fresh = False
        """Whether `value` has not been asked for."""
        self._raw = 0.0
        self._last, self._period = -math.inf, math.inf

    def follow(self, now: float) -> list[tuple[float, float]]:
        """Take in the pulses up to `now`; return when and as what those were shown that have been shown since."""
        known = self._queue.take(now)
        return [(t, self.value) for t, joule in known if self.connected and self._show(t, joule)]

    def next_look(self) -> float:
        """Return when a value may be shown next, s."""
        return self._queue.next_look()

    def rate(self, now: float) -> float:
        """Return the pulses per second by the last two of them, in Hz; 0 if there are none any more."""
        return 1.0 / self._period if now - self._last < 3 * self._period < math.inf else 0.0

    def set_scale(self, index: int) -> bool:
        """Take a scale, which ends the automatic one; return whether this head has it."""
        if not self.lowest <= index <= self.highest:
            return False
        self.scale, self.auto = index, False
        return True

    def set_zero(self, on: bool) -> None:
        """Subtract what was shown last, or nothing."""
        self.zeroed = on
        self.zero = self._raw if on else 0.0

    def _show(self, t: float, joule: float) -> bool:
        """Show one pulse; return whether it was seen."""
        period, self._last, before = t - self._last, t, self._last
        if period < DEAD:
            self._last = before
            return False
        if self.auto:
            fitting = (index for index in range(self.lowest, self.highest) if joule <= full_scale(index))
            self.scale = next(fitting, self.highest)
        full = full_scale(self.scale)
        if joule < full * self.trigger / 100:
            self._last = before
            return False
        self._period, self._raw, self.fresh = period, joule, True
        self.value = OVER if joule > full * _HEADROOM else (joule - self.zero) * self.multiplier + self.offset
        return True
