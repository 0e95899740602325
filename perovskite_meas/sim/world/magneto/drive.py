"""The wavelength drive of the spectrograph and its turret: where the dial stands, and where it truly is."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from ..michelson.stage import Move
from ..noise import Floats
from ..ports import Diary
from ..timeline import History


@dataclass(frozen=True)
class Mechanics:
    """What the drive does wrong.

    Attributes:
        arrival: 1-sigma of the true wavelength after each move, nm.
        turret: 1-sigma of the true wavelength after each turn of the turret, nm.
        play: how much further up it ends when it comes from above, nm.
    """

    arrival: float = 0.002
    turret: float = 0.02
    play: float = 0.05


@dataclass(frozen=True)
class _Setting:
    move: Move
    arrival: float
    turret: float
    grating: int


class Drive:
    """The monochromator in front of the camera. The dial shows vacuum nm; approached from below it has no play.

    Args:
        start: clock time at which the world begins, s.
        nm: where the dial stands then.
        mechanics: what it does wrong.
        rng: of the drive alone; each move and each turn draws once, in the order of the calls.
        diary: what light has seen already is not changed.
        lock: of the world.
        offset: true minus dial of the drawn session, nm.
    """

    def __init__(
        self,
        start: float,
        nm: float,
        mechanics: Mechanics,
        rng: np.random.Generator,
        diary: Diary,
        lock: threading.RLock,
        offset: float = 0.0,
    ) -> None:
        self._mechanics, self._rng, self._diary, self._lock, self._offset = mechanics, rng, diary, lock, offset
        first = Move(start, nm, start, nm, nm - mechanics.play / 2.0)
        self._settings = History(start, _Setting(first, 0.0, 0.0, 1))

    def path(self, t0: float, nm0: float, t1: float, nm1: float) -> None:
        """Turn the dial linearly from nm0 to nm1 during [t0, t1] (clock time, s) and stay; replaces later plans."""
        with self._lock:
            since = max(t0, self._diary.horizon)
            before = self._settings.at(since)
            move = self._move(before, since, t0, nm0, max(t0, t1), nm1)
            arrival = self._mechanics.arrival * float(self._rng.standard_normal())
            self._settings.put(since, _Setting(move, arrival, before.turret, before.grating))

    def grating(self, index: int, t: float) -> None:
        """Have grating `index` in the beam from `t` on (clock time, s), the dial at rest where it is then."""
        with self._lock:
            since = max(t, self._diary.horizon)
            before = self._settings.at(since)
            here = float(before.move.positions(np.array([since]))[0])
            move = self._move(before, since, since, here, since, here)
            turret = self._mechanics.turret * float(self._rng.standard_normal())
            self._settings.put(since, _Setting(move, before.arrival, turret, int(index)))

    def nm(self, t: float) -> float:
        """Return what the dial shows at `t`."""
        with self._lock:
            return float(self._settings.at(t).move.positions(np.array([t]))[0])

    def turret(self, t: float) -> int:
        """Return which grating is in the beam at `t`, from 1."""
        with self._lock:
            return self._settings.at(t).grating

    def centres(self, times: Floats) -> Floats:
        """Return the true wavelength in the middle of the sensor at these clock times (s, sorted), nm, shape (n,)."""
        found, play = np.empty(len(times)), self._mechanics.play
        with self._lock:
            for here, setting in self._settings.slices(times):
                nuts = setting.move.nuts(times[here], play) + play / 2.0
                found[here] = nuts + setting.arrival + setting.turret + self._offset
        return found

    def _move(self, before: _Setting, since: float, t0: float, nm0: float, t1: float, nm1: float) -> Move:
        nut = float(before.move.nuts(np.array([since]), self._mechanics.play)[0])
        return Move(t0, float(nm0), t1, float(nm1), nut)
