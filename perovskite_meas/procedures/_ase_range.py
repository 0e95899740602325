"""Which neutral filter keeps the camera from saturating, from what the last frames showed."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.roles import Filter

_STEEPEST = 10.0
"""Logarithmic slope beyond which nothing is extrapolated: an ASE line rises as fast just above threshold."""
_SPREAD = 1.3
"""Times which one spot, or one series of pulses, is brighter than another."""
_HIDDEN = 4.0
"""So much brighter than full scale a saturated pixel is taken to be."""


class Range:
    """Chooses filters by the brightest pixel.

    Args:
        filters: before the spectrometer; None where there are none.
        most: counts above dark that the brightest pixel shall have at most.
        order: of the emission in what drives it, the fluence or the length of a stripe: it rises at least so steeply.
    """

    def __init__(self, filters: Filter | None, most: float, order: int) -> None:
        self._filters, self._most, self._order = filters, most, order
        self._steps = (1.0,) if filters is None else filters.transmissions()
        self._peaks: dict[float, float] = {}
        self.step = 0

    @property
    def transmission(self) -> float:
        """Of the filter that is in."""
        return self._steps[self.step]

    def insert(self, step: int) -> None:
        """Put in the filter of this place. In the dark."""
        self.step = step
        if self._filters is not None:
            self._filters.insert(step)

    def forget(self) -> None:
        """Forget what the frames showed: something else has changed."""
        self._peaks = {}

    def choose(self, drive: float, gathered: float = 1.0) -> int:
        """Return the place of the most transmitting filter with which nothing saturates.

        Args:
            drive: fluence or length, always the same of both.
            gathered: pulses that one frame sums.
        """
        peak = self._expected(drive) * gathered
        fitting = (step for step, share in enumerate(self._steps) if peak * share <= self._most)
        return next(fitting, len(self._steps) - 1)

    def denser(self) -> bool:
        """Return whether there is a denser filter than the one that is in."""
        return self.step + 1 < len(self._steps)

    def tell(self, drive: float, peak: float, gathered: float = 1.0, *, saturated: bool = False) -> None:
        """Take the brightest pixel above dark of an exposure through the filter that is in.

        Args:
            drive: fluence or length, always the same of both.
            peak: counts.
            gathered: pulses that the frame sums.
            saturated: whether it was at full scale, and in truth brighter.
        """
        bright = peak / self.transmission / gathered * (_HIDDEN if saturated else 1.0)
        self._peaks[drive] = max(bright, 0.0)

    def _expected(self, drive: float) -> float:
        """Return counts of the brightest pixel per pulse without a filter."""
        known = sorted((place, peak) for place, peak in self._peaks.items() if peak > 0)
        if not known:
            return 0.0
        x, y = np.log(np.array(known)).T
        at = math.log(drive)
        if at <= x[-1]:
            # Below the first point it falls at least as fast as this.
            return _SPREAD * math.exp(float(np.interp(at, x, y)) + self._order * min(at - x[0], 0.0))
        last, peak = known[-1]
        slope = float(self._order)
        if len(known) > 1:
            before, dimmer = known[-2]
            slope = max(slope, min(math.log(peak / dimmer) / math.log(last / before), _STEEPEST))
        # The rise is still getting steeper just above threshold.
        return _SPREAD * peak * math.exp(min(1.5 * slope, _STEEPEST) * (at - math.log(last)))
