"""The motor stage of arm b: linear moves, and what a lead screw makes of them."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np

from ..noise import Floats
from ..ports import Diary
from ..timeline import History


@dataclass(frozen=True)
class Screw:
    """Between encoder and mirror: play, and a cyclic error.

    Attributes:
        play: width of the backlash, mm.
        cyclic: amplitude, mm.
        period: of the cyclic error, mm.
        phase: of the cyclic error, rad.
    """

    play: float = 0.0
    cyclic: float = 0.0
    period: float = 1.0
    phase: float = 0.0

    def mirror(self, nut: Floats) -> Floats:
        """Return where the mirror is, mm, with the nut at these places (mm, play taken out)."""
        found: Floats = nut + self.cyclic * np.sin(2.0 * math.pi * nut / self.period + self.phase)
        return found

    def from_below(self, position: float) -> float:
        """Return where the mirror is, mm, after an approach of this encoder position (mm) from below."""
        return float(self.mirror(np.array([position - self.play / 2.0]))[0])


@dataclass(frozen=True)
class Move:
    """A stage that goes linearly from mm0 at t0 to mm1 at t1 and stays there."""

    t0: float
    mm0: float
    t1: float
    mm1: float
    nut: float
    """mm: where the nut was when the move began; it is dragged along once the play is used up."""

    def positions(self, times: Floats) -> Floats:
        """Return encoder positions, mm, shape (n,)."""
        if self.t1 <= self.t0:
            return np.full(len(times), self.mm1)
        return np.interp(times, (self.t0, self.t1), (self.mm0, self.mm1))

    def nuts(self, times: Floats, play: float) -> Floats:
        """Return where the nut is, mm, shape (n,): exact, because a move has one direction."""
        positions = self.positions(times)
        found: Floats = np.clip(self.nut, positions - play / 2.0, positions + play / 2.0)
        return found


class Coarse:
    """The stage that carries the mirror of arm b.

    Args:
        start: clock time at which the world begins, s.
        screw: between encoder and mirror.
        diary: what light has seen already is not changed.
        lock: of the world.
        mm: where the stage stands then.
    """

    def __init__(self, start: float, screw: Screw, diary: Diary, lock: threading.RLock, mm: float = 0.0) -> None:
        self._moves = History(start, Move(start, mm, start, mm, mm))
        self._screw, self._diary, self._lock = screw, diary, lock

    def path(self, t0: float, mm0: float, t1: float, mm1: float) -> None:
        """Go linearly from mm0 to mm1 during [t0, t1] (clock time, s) and stay; replaces later plans."""
        with self._lock:
            since = max(t0, self._diary.horizon)
            nut = float(self._moves.at(since).nuts(np.array([since]), self._screw.play)[0])
            self._moves.put(since, Move(t0, float(mm0), max(t0, t1), float(mm1), nut))

    def position(self, t: float) -> float:
        """Return what the encoder says at `t`, in mm."""
        with self._lock:
            return float(self._moves.at(t).positions(np.array([t]))[0])

    def mirror(self, times: Floats) -> Floats:
        """Return where the mirror is at these clock times (s, sorted), in mm, shape (n,)."""
        found = np.empty(len(times))
        for here, move in self._moves.slices(times):
            found[here] = self._screw.mirror(move.nuts(times[here], self._screw.play))
        return found
