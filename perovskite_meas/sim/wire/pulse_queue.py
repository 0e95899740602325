"""Laser pulses on their way from an energy head to what is shown of them."""

from __future__ import annotations

from collections import deque
from typing import Any

LATENCY = 0.005
"""s from a pulse until its energy is known to the meter (unverified)."""


class PulseQueue:
    """The pulses of one head, in order; it follows the clock when it is asked.

    Args:
        head: the World's port with `shots(t0, t1)`.
        now: simulated time in s.
    """

    def __init__(self, head: Any, now: float) -> None:
        self._head, self._seen = head, now
        self._coming: deque[tuple[float, float]] = deque()

    def take(self, now: float) -> list[tuple[float, float]]:
        """Return when the pulses since the last call became known, up to `now`, s, and their energies, J."""
        if now > self._seen:
            times, energies = self._head.shots(self._seen, now)
            self._coming.extend((float(t) + LATENCY, float(joule)) for t, joule in zip(times, energies, strict=True))
            self._seen = now
        known = []
        while self._coming and self._coming[0][0] <= now:
            known.append(self._coming.popleft())
        return known

    def next_look(self) -> float:
        """Return when a pulse may become known next, s: one that has fallen, or one that may yet fall."""
        return self._coming[0][0] if self._coming else self._seen + LATENCY
