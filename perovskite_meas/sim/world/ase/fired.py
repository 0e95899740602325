"""The diary of pulses: each that reached the film, in the order of time, with what it found there."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from ..exposure import Light
from ..noise import Floats
from ..scene import Shot
from .beam import Beam
from .places import Places
from .pulses import Pulses
from .spot import Spot
from .table import Stages

WARM = 5.0
"""s: time constant of the film's warmth, and so of the average irradiance."""
_STILL = 1e-3
"""mm: pulses closer together than this are on one place."""
_STRETCH = 60.0
"""s: taken in one go, so that a fast train does not fill the memory."""


class Fired:
    """Follows the pulses in the order of time; looking earlier or oftener changes nothing.

    Args:
        beam: where they come from.
        stages: where film and blades are.
        spot: what they make on the film.
        start: clock time at which the world begins, s.

    Attributes:
        horizon: clock time (s) before which nothing changes any more; events come later than this.
    """

    forgotten = -math.inf
    """Clock time (s) until which nothing is remembered: every pulse is."""

    def __init__(self, beam: Beam, stages: Stages, spot: Spot, start: float) -> None:
        self.horizon = start
        self._places = Places(spot)
        self._beam, self._stages, self._spot = beam, stages, spot
        self._warmth, self._last, self._followed = 0.0, start, start
        self._chunks: list[Pulses] = []
        self._ends: list[float] = []
        self._open: list[tuple[float, float]] = []

    @property
    def places(self) -> Places:
        """What the film has taken."""
        self._catch_up()
        return self._places

    def advance(self, t: float) -> None:
        """Follow the light up to `t`, in s; the pulses are looked at when somebody asks for them."""
        self.horizon = max(self.horizon, t)
        if self.horizon - self._followed > _STRETCH:
            self._catch_up()

    def during(self, t0: float, t1: float) -> Pulses:
        """Return the pulses that reached the film in [t0, t1), as far as they have been followed."""
        self._catch_up()
        found = []
        for chunk in self._chunks[bisect_left(self._ends, t0) : bisect_left(self._ends, t1) + 1]:
            low, high = np.searchsorted(chunk.times, [t0, t1])
            found.append(chunk.part(slice(low, high)))
        return Pulses.joined(found)

    def shots(self) -> list[Shot]:
        """Return every pulse that reached the film, oldest first."""
        self._catch_up()
        return [
            Shot(*row)
            for chunk in self._chunks
            for row in zip(
                chunk.times.tolist(),
                chunk.joules.tolist(),
                self._spot.fluence(chunk.joules).tolist(),
                chunk.x.tolist(),
                chunk.y.tolist(),
                strict=True,
            )
        ]

    def lights(self) -> list[Light]:
        """Return every interval in which the shutter was open and pulses fell on one place."""
        self._catch_up()
        found = []
        for begin, end in self._open:
            pulses = self.during(begin, end)
            moved = np.hypot(np.diff(pulses.x), np.diff(pulses.y)) > _STILL
            firsts = [0, *(np.flatnonzero(moved) + 1).tolist()] if len(pulses.times) else []
            edges = [begin, *(float(pulses.times[first]) for first in firsts[1:]), end]
            for run, (first, t0, t1) in enumerate(zip(firsts, edges[:-1], edges[1:], strict=False), start=1):
                until = firsts[run] if run < len(firsts) else None
                power = float(np.sum(pulses.joules[first:until])) / (t1 - t0)
                found.append(Light(t0, t1, power, 1e3 * float(pulses.x[first]), 1e3 * float(pulses.y[first])))
        return found

    def _catch_up(self) -> None:
        t = self.horizon
        while self._followed < t:
            end = min(t, self._followed + _STRETCH)
            pieces = self._beam.shutter.pieces(self._followed, end)
            for begin, until, is_open in pieces:
                if is_open:
                    self._follow(begin, until)
            self._followed = end if any(is_open for *_, is_open in pieces) else self._next_opening(end, t)

    def _next_opening(self, end: float, t: float) -> float:
        """Return how far there is nothing to follow from `end` on, at most until `t`."""
        if self._beam.shutter.at(end):
            return end
        return min([t, *self._beam.shutter.breaks(end, t)])

    def _follow(self, begin: float, end: float) -> None:
        """Take in [begin, end), in which the shutter is open."""
        if self._open and self._open[-1][1] == begin:
            self._open[-1] = self._open[-1][0], end
        else:
            self._open.append((begin, end))
        numbers = self._beam.source.leaving(begin, end)
        if not len(numbers):
            return
        x, y, near, far = self._stages.film(self._beam.source.times(numbers))
        seen = far > near
        numbers = numbers[seen]
        x, y, near, far = (column[seen] for column in (x, y, near, far))
        if len(numbers):
            times, joules = self._beam.source.times(numbers), self._beam.energies(numbers)
            fluences = self._spot.fluence(joules)
            dose = self._places.book(x, y, fluences).dose
            warmth = self._warm(times, fluences)
            self._chunks.append(Pulses(numbers, times, joules, x, y, near, far, dose, warmth))
            self._ends.append(float(times[-1]))

    def _warm(self, times: Floats, fluences: Floats) -> Floats:
        """Return the average irradiance before each pulse; one by one, so that it does not matter who looked when."""
        found = []
        warmth, last = self._warmth, self._last
        for t, fluence in zip(times.tolist(), fluences.tolist(), strict=True):
            warmth *= math.exp((last - t) / WARM)
            found.append(warmth)
            warmth, last = warmth + fluence / WARM, t
        self._warmth, self._last = warmth, last
        return np.array(found)
