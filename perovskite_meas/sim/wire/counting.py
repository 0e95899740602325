"""A scan of count periods in closed form: what a gated counter holds at any moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Source = Callable[[float, float], int]
"""Counts between two times, drawn once for each stretch."""


class Scan:
    """Count periods of one length with dwells between them.

    Args:
        sources: one per counter; None counts nothing.
        period: length of a count period, s.
        dwell: pause between two periods, s.
        periods: periods in the scan.
        repeat: start over after the last period instead of stopping.
    """

    def __init__(
        self, sources: Sequence[Source | None], period: float, dwell: float, periods: int, *, repeat: bool
    ) -> None:
        self.rows: list[tuple[int, ...]] = []
        """Counts of the finished periods, one per counter."""
        self._sources = tuple(sources)
        self._period = period
        self._dwell = dwell
        self._periods = periods
        self._repeat = repeat
        self._partial = [0] * len(self._sources)
        self._drawn = float("inf")
        self._left = 0.0
        self._state = "idle"

    def start(self, now: float) -> None:
        """Start the first period at `now`."""
        self._open(now)
        self._state = "counting"

    def counting(self, now: float) -> bool:
        """Whether a period is under way at `now`."""
        return self._state == "counting" and now >= self._drawn

    def pause(self, now: float) -> None:
        """Stop in the middle of a period; its counts are kept."""
        if self._state == "counting":
            self._draw(now)
            self._state = "paused"

    def resume(self, now: float) -> bool:
        """Go on after a pause; tell whether there is nothing to start anew."""
        if self._state == "paused":
            self._drawn = max(self._drawn, now)
            self._state = "counting"
        return self._state == "counting"

    def advance(self, now: float) -> tuple[int, bool]:
        """Count up to `now`; return how many periods ended, and whether that was the end of the scan."""
        finished = 0
        if self._repeat:
            self._skip(now)
        while self._state == "counting" and self._drawn + self._left <= now:
            end = self._drawn + self._left
            self._draw(end)
            if len(self.rows) == self._periods:
                self.rows = []  # a repeated scan overwrites the one before
                finished = 0
            self.rows.append(tuple(self._partial))
            finished += 1
            if len(self.rows) == self._periods and not self._repeat:
                self._state = "idle"
                return finished, True
            self._open(end + self._dwell)
        return finished, False

    def live(self, now: float) -> tuple[int, int]:
        """Return what stands in both counters at `now`: zero unless a period is under way."""
        if self.counting(now):
            self._draw(now)
            return self._partial[0], self._partial[1]
        return 0, 0

    def _skip(self, now: float) -> None:
        """Leave out whole scans that a later one has overwritten."""
        cycle = self._periods * (self._period + self._dwell)
        end = self._drawn + self._left
        scans = int((now - end) / cycle) - 1 if self._state == "counting" and now > end else 0
        if scans > 0:
            self._open(end - self._period + scans * cycle)

    def _open(self, at: float) -> None:
        self._drawn, self._left = at, self._period
        self._partial = [0] * len(self._sources)

    def _draw(self, until: float) -> None:
        """Add the counts of the stretch that was not drawn yet; one detector on two counters counts once."""
        if until <= self._drawn:
            return
        drawn: dict[object, int] = {}
        for place, source in enumerate(self._sources):
            if source is not None:
                key = getattr(source, "__self__", source)
                if id(key) not in drawn:
                    drawn[id(key)] = int(source(self._drawn, until))
                self._partial[place] += drawn[id(key)]
        self._left -= until - self._drawn
        self._drawn = until
