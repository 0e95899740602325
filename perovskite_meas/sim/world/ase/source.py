"""The pulses that leave laser and picker, by what both were set to over time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..noise import Floats
from ..timeline import History, Turn
from .hashed import Numbers
from .sections import Laser
from .train import PulseTrain

UNLOCKED = 0.05
"""Energy of a pulse over its own when the laser is not mode-locked; it is some ns long then."""


class Source:
    """A pulse leaves when the divider divides its number while the laser emits, is open and the picker releases.

    Args:
        train: of pulses before the picker.
        section: of the world file.

    Attributes:
        rate: pulses per second before the picker.
        released: whether the picker lets pulses out.
        emits: whether the laser is on.
        opened: its own shutter.
        locked: whether it is mode-locked.
        divider: of the picker.
        share: that its own attenuator lets through.
        tuning: its wavelength, nm.
    """

    def __init__(self, train: PulseTrain, section: Laser) -> None:
        start = train.start
        self._train, self.rate = train, train.rate
        self.released, self.emits, self.opened, self.locked = (History(start, first=True) for _ in range(4))
        self.divider = History(start, section.divider)
        self.share = History(start, 1.0)
        self.tuning = History(start, Turn(start, section.wavelength, start, section.wavelength))

    def leaving(self, t0: float, t1: float) -> Numbers:
        """Return the pulses that leave the picker in [t0, t1) (clock time, s), shape (n,)."""
        cuts = {t0, t1}
        for history in (self.released, self.emits, self.opened, self.divider):
            cuts.update(history.breaks(t0, t1))
        found = [
            self._train.numbers(low, high, self.divider.at(low))
            for low, high in pairwise(sorted(cuts))
            if self.released.at(low) and self.emits.at(low) and self.opened.at(low)
        ]
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def times(self, numbers: Numbers) -> Floats:
        """Return when these pulses come, clock time in s, shape (n,)."""
        return self._train.times(numbers)

    def energies(self, numbers: Numbers) -> Floats:
        """Return the energies of these pulses (sorted) as they leave, over the laser's nominal one, shape (n,)."""
        times = self._train.times(numbers)
        found = self._train.energies(numbers)
        for here, share in self.share.slices(times):
            found[here] *= share
        found[~self.locks(times)] *= UNLOCKED
        return found

    def locks(self, times: Floats) -> NDArray[np.bool_]:
        """Return whether the laser is mode-locked at these clock times (s, sorted), shape (n,)."""
        return flags(self.locked, times)

    def wavelengths(self, times: Floats) -> Floats:
        """Return the wavelengths at these clock times (s, sorted), nm, shape (n,)."""
        return angles(self.tuning, times)


def flags(history: History[bool], times: Floats) -> NDArray[np.bool_]:
    """Return what a switch was at these clock times (s, sorted), shape (n,)."""
    found = np.empty(len(times), dtype=bool)
    for here, state in history.slices(times):
        found[here] = state
    return found


def angles(turns: History[Turn], times: Floats) -> Floats:
    """Return where something that turns is at these clock times (s, sorted), its play included, shape (n,)."""
    found = np.empty(len(times))
    for here, turn in turns.slices(times):
        if turn.t1 <= turn.t0:
            found[here] = turn.deg1
        else:
            found[here] = np.interp(times[here], (turn.t0, turn.t1), (turn.deg0, turn.deg1))
        found[here] += turn.play
    return found
