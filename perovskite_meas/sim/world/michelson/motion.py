"""One command to the piezo: where it is told to be, and in which state its hysteresis is, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..noise import Floats
from .hysteresis import dragged


class Creep(NamedTuple):
    """A step of the piezo, after which it goes on creeping."""

    t: float
    """s."""
    step: float
    """um."""


@dataclass(frozen=True)
class Motion:
    """A table of positions that is gone through from t0 on, linearly, once or for ever."""

    t0: float
    table: Floats
    """um, shape (m,)."""
    dt: float
    """s between two of them."""
    repeats: bool
    servo: bool
    radii: Floats
    """um, of the play operators, shape (k,)."""
    first: Floats
    """States of the play operators at each point of the first cycle and at its end, shape (k, m + 1)."""
    steady: Floats
    """The same for all later cycles."""
    creeps: tuple[Creep, ...] = ()

    @classmethod
    def make(
        cls,
        t0: float,
        table: Floats,
        dt: float,
        *,
        repeats: bool,
        servo: bool,
        radii: Floats,
        states: Floats,
        creeps: tuple[Creep, ...],
    ) -> Motion:
        """Return the motion that begins with these states of the play operators (um, shape (k,))."""
        ring = np.append(table, table[0] if repeats else table[-1])
        first = dragged(ring, radii, states)
        steady = dragged(ring, radii, np.ascontiguousarray(first[:, -1]))
        return cls(t0, table, dt, repeats, servo, radii, first, steady, creeps)

    @property
    def level(self) -> float:
        """Where it is in the mean, or in the end, um."""
        return float(np.mean(self.table) if self.repeats else self.table[-1])

    def commands(self, times: Floats) -> Floats:
        """Return where it is told to be at these clock times (s), um, shape (n,)."""
        return self._at(times)[0]

    def states(self, times: Floats) -> Floats:
        """Return the states of the play operators, um, shape (k, n): exact, because each piece has one direction."""
        command, cycle, place = self._at(times)
        before = np.where(cycle == 0, self.first[:, place], self.steady[:, place])
        radii = self.radii[:, None]
        found: Floats = np.clip(before, command - radii, command + radii)
        return found

    def _at(self, times: Floats) -> tuple[Floats, np.ndarray, np.ndarray]:
        points = len(self.table)
        x = np.maximum((times - self.t0) / self.dt, 0.0)
        cycle = np.zeros(len(times), dtype=np.int64)
        if self.repeats:
            cycle = np.floor(x / points).astype(np.int64)
            x = x - cycle * points
        else:
            x = np.minimum(x, points - 1.0)
        place = np.clip(x.astype(np.int64), 0, points - 1)
        rest = np.clip(x - place, 0.0, 1.0)
        following = np.append(self.table[1:], self.table[0] if self.repeats else self.table[-1])
        return self.table[place] * (1.0 - rest) + following[place] * rest, cycle, place
