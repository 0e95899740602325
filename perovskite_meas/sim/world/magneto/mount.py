"""Where the emitter is: its mount walks with the field and with the temperature."""

from __future__ import annotations

import math

import numpy as np

from ..noise import Floats, RandomWalk
from .coil import Coil
from .config import MagnetoConfig
from .thermostat import Thermostat

_STEP = 1.0
"""s between the fields that the play of the mount follows; finer than that it goes straight."""
_KEPT = 2


class Mount:
    """What carries the sample.

    Its walk with the field is even in it and has play; looks have to come in the order of time.

    Args:
        config: the world file.
        start: clock time at which the world begins, s.
        coil: whose field draws it.
        cold: whose temperature it follows.
        drift: of the focus, um.
        offset: of the emitter in z when the world begins, um.
    """

    def __init__(
        self, config: MagnetoConfig, start: float, coil: Coil, cold: Thermostat, drift: RandomWalk, offset: float
    ) -> None:
        magnet, factor = config.magnet, config.imperfections.stage_drift
        self._per_tesla = factor * np.array([magnet.stage_x, magnet.stage_y, magnet.stage_z])
        self._play = magnet.stage_hysteresis if factor else 0.0
        self._per_kelvin = factor * config.cryostat.stage_z
        self._base = config.cryostat.temperature
        self._start, self._coil, self._cold, self._drift, self._offset = start, coil, cold, drift, offset
        self._followed: list[tuple[float, float]] = [(start, 0.0)]

    def places(self, times: Floats) -> Floats:
        """Return where the emitter is from where it was taken to be at these clock times (s, sorted), nm, (3, n)."""
        found = self._per_tesla[:, None] * self._dragged(times)
        found[2] += self._per_kelvin * (self._cold.samples(times) - self._base)
        found[2] += 1e3 * (self._offset + np.array([self._drift.at(t - self._start) for t in times.tolist()]))
        return found

    def _dragged(self, times: Floats) -> Floats:
        """Return the size of the field behind the play, T, shape (n,)."""
        before, state = next((one for one in reversed(self._followed) if one[0] <= times[0]), self._followed[0])
        if self._play == 0.0:
            return np.abs(self._coil.fields(times))
        first, last = (math.ceil((t - self._start) / _STEP) for t in (before, float(times[0])))
        between = self._start + _STEP * np.arange(first, last)
        sizes = np.abs(self._coil.fields(np.concatenate([between, times])))
        found = _played(sizes, state, self._play)
        self._followed = [*self._followed[1 - _KEPT :], (float(times[0]), float(found[len(between)]))]
        return found[len(between) :]


def _played(sizes: Floats, state: float, play: float) -> Floats:
    """Return what a play of this half width makes of a path, shape (n,)."""
    found = np.empty(len(sizes))
    for place, size in enumerate(sizes.tolist()):
        state = min(max(state, size - play), size + play)
        found[place] = state
    return found
