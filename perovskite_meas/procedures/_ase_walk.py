"""One spot of the film through its fluences: filters in time, saturated exposures again, damage noticed."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from perovskite_meas.core.columns import Row

from ._ase_damage import UNKNOWN, Damage
from ._ase_table import Seen, Table

log = logging.getLogger(__name__)

_NEXT = 2.0
"""Ratio of fluences up to which one is a neighbour of the other."""

Visit = Generator[Row, None, Seen]
"""Yields the rows of one fluence and returns what the last of them saw."""


class Walk:
    """Visits fluences at the spot where the film stands.

    Args:
        table: makes the exposures.
        damage: judges every later passage by the first; a new one for each spot.
        gathered: pulses that one frame sums.
        overlaps: whether a change of filter is documented by the same setting through both.
    """

    def __init__(self, table: Table, damage: Damage, gathered: int, *, overlaps: bool = False) -> None:
        self._table, self.damage, self._gathered, self._overlaps = table, damage, gathered, overlaps
        self._before = 0.0

    def first(self, series: str, fluence: float) -> Visit:
        """Yield the rows of one fluence of the first passage and return what the last saw."""
        seen = yield from self.at(series, fluence)
        if not seen.saturated:
            self.damage.first(seen.fluence, seen.signal)
        return seen

    def reference(self, series: str, fluence: float) -> Visit:
        """Yield the rows of a fluence that is repeated on purpose; the filter is that of before afterwards."""
        ranges, before, step = self._table.ranges, self._before, self._table.ranges.step
        self._before = 0.0
        seen = yield from self.at(series, fluence, judged=True, alone=True)
        ranges.insert(step)
        self._before = before
        return seen

    def at(
        self,
        series: str,
        fluence: float,
        shots: int | None = None,
        *,
        judged: bool = False,
        alone: bool = False,
    ) -> Visit:
        """Yield the rows of one fluence in J/cm^2: filter, exposure, and again where the camera saturated.

        Args:
            series: word of the procedure's column.
            fluence: J/cm^2.
            shots: pulses; None for the procedure's own number.
            judged: whether to compare with the first passage, for damage.
            alone: whether that comparison alone can stop the sweep.
        """
        table = self._table
        yield from self._change(fluence, table.ranges.choose(fluence, self._gathered))
        while True:
            seen = table.expose(series, fluence, shots)
            ratio = UNKNOWN
            if judged and not seen.saturated:
                ratio = self.damage.again(seen.fluence, seen.signal, seen.sigma, reference=alone)
            yield self._told(seen.row, ratio)
            if not seen.saturated or not table.ranges.denser():
                break
            yield from self._change(fluence, table.ranges.step + 1)
        if seen.saturated:
            log.warning("the camera is saturated at %.3g J/cm^2 behind its densest filter", fluence)
        self._before = fluence
        return seen

    def _change(self, fluence: float, step: int) -> Generator[Row, None, None]:
        """Change the filter, with one setting through both: the weaker one of before and after."""
        ranges, before = self._table.ranges, self._before
        wanted = self._overlaps and before and before / _NEXT < fluence < before * _NEXT
        if step < ranges.step:
            if wanted:
                yield self._told(self._table.expose("overlap", min(fluence, before)).row, UNKNOWN)
            ranges.insert(step)
        elif step > ranges.step:
            ranges.insert(step)
            if wanted:
                yield self._told(self._table.expose("overlap", min(fluence, before)).row, UNKNOWN)

    def _told(self, row: dict[str, Any], ratio: float) -> Row:
        return row | {"remaining": ratio, "stopped": int(bool(self.damage.reason))}
