"""The pulses on their way: from the laser through wave plate and polariser, and past the shutter."""

from __future__ import annotations

import numpy as np

from ..noise import Floats
from ..timeline import History, Turn
from .hashed import Numbers
from .sections import EnergyAttenuator
from .source import Source, angles


class Beam:
    """What of each pulse there is in the focus at the film, as a function of time.

    Args:
        source: of the pulses.
        attenuator: of the world file.
        start: clock time at which the world begins, s.

    Attributes:
        source: of the pulses.
        turns: of the wave plate.
        shutter: whether pulses go on to the film.
    """

    def __init__(self, source: Source, attenuator: EnergyAttenuator, start: float) -> None:
        self.source, self._attenuator = source, attenuator
        self.turns = History(start, Turn(start, 0.0, start, 0.0))
        self.shutter = History(start, first=False)

    def energies(self, numbers: Numbers) -> Floats:
        """Return the energies of these pulses (sorted) in the focus if the shutter is open, J, shape (n,)."""
        found: Floats = self.transmitted(angles(self.turns, self.source.times(numbers)))
        return found * self.source.energies(numbers)

    def passing(self, t0: float, t1: float) -> Numbers:
        """Return the pulses that pass the shutter in [t0, t1) (clock time, s), shape (n,)."""
        found = [self.source.leaving(low, high) for low, high, is_open in self.shutter.pieces(t0, t1) if is_open]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def transmitted(self, degrees: Floats) -> Floats:
        """Return the mean energy in the focus at these wave-plate angles, J, shape (n,): Malus with extinction."""
        plate = self._attenuator
        share = np.cos(np.radians(2.0 * (degrees - plate.angle_of_maximum))) ** 2
        found: Floats = plate.maximum_energy * (plate.extinction + (1.0 - plate.extinction) * share)
        return found
