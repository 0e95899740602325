"""Whether a spot still emits what it emitted before at the same fluence."""

from __future__ import annotations

import math

import numpy as np

UNKNOWN = -1.0
"""Stands for a ratio that nobody knows."""
_SURE = 3.0
"""Sigmas beyond which a fall is one."""
_SCATTER = 0.05
"""Relative 1-sigma of the emission at one measured fluence beside the camera's noise."""
_IN_A_ROW = 2
"""Points of a sweep that must show it; of a repeated reference one is enough."""


class Damage:
    """Compares the emission of a spot with its first passage.

    Args:
        share: by which the emission must have fallen to stop the sweep; 1 never stops.
        order: photons of the excitation, for fluences below the first passage.
    """

    def __init__(self, share: float, order: int) -> None:
        self._share, self._order = share, order
        self._first: dict[float, float] = {}
        self._fallen = 0
        self.reason = ""
        """Why the sweep of this spot is over; empty while it is not."""

    def first(self, fluence: float, signal: float) -> None:
        """Take one point of the first passage: measured fluence in J/cm^2 and emission in any unit."""
        if fluence > 0 and signal > 0:
            self._first[fluence] = signal

    def again(self, fluence: float, signal: float, sigma: float, *, reference: bool = False) -> float:
        """Judge a later point and return its emission over that of the first passage; `UNKNOWN` without one.

        Args:
            fluence: measured, in J/cm^2.
            signal: emission, in the same unit.
            sigma: of it, by the camera's noise.
            reference: whether this fluence is repeated on purpose: one such point is enough.
        """
        expected = self._expected(fluence)
        if not expected:
            return UNKNOWN
        ratio = signal / expected
        fallen = ratio + _SURE * math.hypot(sigma / expected, _SCATTER) < 1 - self._share
        self._fallen = self._fallen + 1 if fallen else 0
        if fallen and not self.reason and (reference or self._fallen >= _IN_A_ROW):
            self.reason = (
                f"the emission at {fluence:.3g} J/cm^2 is {ratio:.2f} of what the same spot gave before, less than the "
                f"{1 - self._share:.2f} allowed (`damage`)"
            )
        return max(ratio, 0.0)

    def _expected(self, fluence: float) -> float:
        if not self._first or not fluence > 0:
            return 0.0
        x, y = np.log(np.array(sorted(self._first.items()))).T
        at = math.log(fluence)
        outside = at - min(max(at, x[0]), x[-1])
        return math.exp(float(np.interp(at, x, y)) + self._order * outside)
