"""Laser pulses behind a conditional filter: only those that follow a photon are seen; the others are counted.

A Time Tagger streams every tag, so a laser at MHz rates is thinned by its conditional filter: of the pulses only the
first one after each photon passes. The pulse before the photon, from which its delay counts, is found backwards by
whole periods: number k - m and delay m T - (s - t), where the pulse that was seen has the number k and the time s,
the photon the time t, and m = ceil((s - t) / T). Between two pulses that were seen, round(difference / T) pulses
passed. The period T starts from the rate meter and is refined with the pulses seen, from the short gaps to the long
ones, so that no pulse is miscounted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
_FARTHEST = 1e9
"""ps: a photon whose pulse is not seen within this time has none."""
_JITTER = 100.0
"""ps: of one tag, with room."""


class Pulsed(NamedTuple):
    """Photons with their pulses."""

    pulses: Times
    """Number of the last pulse before each photon; 0 is the first one at or after the start. Not decreasing."""
    delays: NDArray[np.int32]
    """ps after that pulse, rounded down."""
    channels: NDArray[np.uint8]
    orphans: int
    """Photons without a pulse; they are left out."""


class PulseCounter:
    """Numbers the pulses of one recording, piece by piece.

    Args:
        rate: pulses per second, from the rate meter.
        gate: s over which it was measured, to one pulse.
    """

    def __init__(self, rate: float, gate: float) -> None:
        self.period = 1e12 / rate
        """ps; the best value so far."""
        self._uncertainty = 1 / (rate * gate)
        self._first: tuple[int, int] | None = None
        self._last = (0, 0)
        self._waiting = (np.empty(0, np.int64), np.empty(0, np.uint8))

    def add(self, times: Times, channels: NDArray[np.uint8], syncs: Times, upto: int) -> Pulsed:
        """Take in the next photons and pulses, and return the photons whose pulse is known.

        Args:
            times: of photons, ps since the start, sorted.
            channels: their inputs.
            syncs: times of the pulses that passed the filter, sorted.
            upto: ps up to which the recording is complete.
        """
        times = np.concatenate([self._waiting[0], times])
        channels = np.concatenate([self._waiting[1], channels])
        numbers = self._numbered(syncs)
        place = np.searchsorted(syncs, times, "left")
        found = place < len(syncs)
        late = ~found & (times < upto - _FARTHEST)
        self._waiting = (times[~found & ~late], channels[~found & ~late])
        back = (syncs[place[found]] - times[found]).astype(np.float64)
        whole = np.ceil(back / self.period)
        pulses = numbers[place[found]] - whole.astype(np.int64)
        delays = np.floor(whole * self.period - back).astype(np.int32)
        kept = (back <= _FARTHEST) & (pulses >= 0)  # what comes before the first pulse has none either
        orphans = int(np.count_nonzero(back > _FARTHEST)) + int(np.count_nonzero(late))
        order = np.argsort(pulses[kept], kind="stable")  # jitter of the sync may swap neighbours
        return Pulsed(pulses[kept][order], delays[kept][order], channels[found][kept][order], orphans)

    def _numbered(self, syncs: Times) -> Times:
        """Return the numbers of pulses, and refine the period with them."""
        if not len(syncs):
            return np.empty(0, np.int64)
        if self._first is None:
            self._first = self._last = (int(syncs[0] // self.period), int(syncs[0]))
        number, time = self._last
        gaps = np.diff(syncs, prepend=time).astype(np.float64)
        self._refine(gaps)
        numbers = number + np.cumsum(np.rint(gaps / self.period).astype(np.int64))
        self._last = (int(numbers[-1]), int(syncs[-1]))
        if self._last[0] > self._first[0]:
            self.period = (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])
        return numbers

    def _refine(self, gaps: NDArray[np.float64]) -> None:
        """Improve the period with the gaps that can be counted for certain, until it no longer helps."""
        while gaps.max() * self._uncertainty > self.period / 10:
            certain = (gaps * self._uncertainty < self.period / 10) & (gaps > self.period / 2)
            counted = np.rint(gaps[certain] / self.period).sum()
            length = gaps[certain].sum()
            if not counted or _JITTER * np.sqrt(certain.sum()) / length > self._uncertainty / 2:
                return
            self.period = float(length / counted)
            self._uncertainty = float(_JITTER * np.sqrt(certain.sum()) / length)
