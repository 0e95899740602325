"""Finding the emitter again after the field has moved the stage: by counts, in the weakest light that shows it."""

from __future__ import annotations

import math
from collections.abc import Generator
from itertools import product
from typing import TYPE_CHECKING

from perovskite_meas.core.columns import Row
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.procedure import Rows
from perovskite_meas.core.roles import FocusingScanner, PhotonCounter, Scanner
from perovskite_meas.core.units import show

from ._magneto_identity import CODES, Identity
from .two_photon_saturation import CROSS, Spot, top

if TYPE_CHECKING:
    from ._magneto_table import Table

_ROUNDS, _STRIVING = 4, 8
"""At most so many crosses, and where the emitter is fainter than it was; a further one follows only a move by more than
half a step, or a rate that is suspect."""
_DARK = 4
"""So many dwells of counting in the dark."""
_GRID = (0, -1, 1, -2, 2, -3, 3)
"""Places of the wide search along each axis, in its steps."""
_PITCH = 1.5
"""Step of the wide search, in steps of the cross."""


class Place(Spot):
    """The place of the spot and of the focus, relative to where the run started, in um."""

    def __init__(self, scanner: Scanner | None) -> None:
        super().__init__(scanner)
        # A role may have the methods and yet no axis: its span is then empty.
        found = scanner if isinstance(scanner, FocusingScanner) else None
        self._focus = found if found is not None and found.focus_span()[1] > found.focus_span()[0] else None

    @property
    def focusable(self) -> bool:
        """Whether the focus can be moved."""
        return self._focus is not None

    def focus(self) -> float:
        """Return z in um; 0 where no scanner tells."""
        return 0.0 if self._focus is None else self._focus.focus()

    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest z, in um."""
        return (0.0, 0.0) if self._focus is None else self._focus.focus_span()

    def focus_to(self, z: float, below: float = 0.0) -> None:
        """Move the focus, from `below` um below where the axis reaches that far: hysteresis is then always the same."""
        if self._focus is None:
            return
        low, high = self._focus.focus_span()
        if below:
            self._focus.focus_to(max(low, z - below))
        self._focus.focus_to(min(max(low, z), high))

    def take(self, x: float, y: float) -> None:
        """Take the emitter to be at x, y in um from where it was taken to be, and go there."""
        if self._scanner is not None:
            self._scanner.centre_on(x, y)
            self._scanner.on_emitter()
            self._emitter = (self._emitter[0] + x, self._emitter[1] + y)


class Finder:
    """Puts the spot on the emitter and tells whether it is the same one.

    Args:
        table: with a counter, and a scanner that can be told where the emitter is.
        counter: counts the emitter's photons.
        identity: judges the rate.
        watt: power at which the emitter is looked for.
        step: arm of the cross, in um.
        depth: the same for the focus; 0 leaves it.
        dwell: s per place.
        reach: farthest from where the run started, in um, in each axis.
    """

    def __init__(
        self,
        table: Table,
        counter: PhotonCounter,
        identity: Identity,
        watt: float,
        step: float,
        depth: float,
        dwell: float,
        reach: float,
    ) -> None:
        self._table, self._counter, self._identity = table, counter, identity
        self._watt, self._step, self._dwell, self._reach = watt, step, dwell, reach
        self._place = table.place
        self._depth = depth if self._place.focusable else 0.0
        self._knows_dark = False

    def find(self) -> Rows:
        """Yield a row per correction; the spot is then on the emitter.

        Raises:
            HardwareFault: it is lost; says where it was last seen.
        """
        table, field = self._table, self._table.stop.field
        if not self._knows_dark:
            self._learn_dark()
        table.set_power(self._watt)
        seen = self._place.place(), self._place.focus()
        rate = yield from self._centre()
        if self._identity.last == CODES["lost"]:
            self._search()
            rate = yield from self._centre()
        if self._identity.last == CODES["lost"]:
            (x, y), z = seen
            expected = self._identity.expected_rate(field)
            raise HardwareFault(
                f"the emitter is lost at {field:g} T: the best place within {_GRID[-1] * _PITCH * self._step:.2g} um "
                f"gives {rate:.4g} cps at {show(self._watt, 'W')}, where "
                + (f"{expected:.4g} cps" if expected else f"more than {self._identity.floor(self._dwell):.4g} cps")
                + f" were expected; it was last seen at x = {x:.3f}, y = {y:.3f}, z = {z:.2f} um. The rows so far are "
                "kept and the magnet holds its field: look for it by hand (bleached, dark, or out of reach?)"
            )

    def _learn_dark(self) -> None:
        counted = self._counter.count(_DARK * self._dwell)
        rate = counted.counts / counted.live_time
        self._identity.dark = rate if math.isfinite(rate) else 0.0
        self._knows_dark = True

    def _centre(self) -> Generator[Row, None, float]:
        """Yield a row per cross, and return the rate in cps on the emitter."""
        place = self._place
        rate = math.nan
        for number in range(1, _STRIVING + 1):
            counted = []
            try:
                for x, y in CROSS:
                    place.go(x * self._step, y * self._step)
                    counted.append(self._rate())
            finally:
                place.go(0.0, 0.0)
            moved = place.centre(self._step, [rate * self._dwell for rate in counted]) / self._step
            if self._depth:
                moved = max(moved, self._refocus() / self._depth)
            self._require_reach()
            rate = self._rate()
            verdict = self._identity.judge_rate(self._table.stop.field, rate, self._dwell)
            yield self._table.refocused(rate, verdict)
            # On the flank of the spot noise can pass for its top: the rate tells.
            faint = verdict == CODES["suspect"] and rate < (self._identity.expected_rate(self._table.stop.field) or 0)
            if not faint and (number >= _ROUNDS or not moved > 0.5):
                break
        self._identity.learn_rate(self._table.stop.field, rate)
        return rate

    def _refocus(self) -> float:
        """Move the focus to the top of three counts and return how far, in um; the field stays."""
        place, depth = self._place, self._depth
        low, high = place.span()
        middle = min(max(place.focus(), low + depth), high - depth)
        if not low <= middle - depth < middle + depth <= high:
            return 0.0
        counted = []
        try:
            for number, z in enumerate((middle - depth, middle, middle + depth)):
                place.focus_to(z, below=0.0 if number else depth)
                counted.append(self._rate() * self._dwell)
        finally:
            place.focus_to(middle, below=depth)
        found = top(depth, *counted)
        if not math.isfinite(found):
            # On a slope the top lies beyond: one step towards it.
            found = depth * (int(counted[2] > counted[1] > counted[0]) - int(counted[0] > counted[1] > counted[2]))
        found = min(max(found, -depth), depth)
        if found:
            place.focus_to(middle + found, below=depth)
        return abs(found)

    def _search(self) -> None:
        """Look for the emitter on a grid, at three heights where the focus moves, and go to the brightest place."""
        place, pitch = self._place, _PITCH * self._step
        height = place.focus()
        best = (self._rate(), 0.0, 0.0, height)
        for shift in (0.0, 2.0, -2.0) if self._depth else (0.0,):
            place.focus_to(height + shift * self._depth, below=self._depth)
            for column, row in sorted(product(_GRID, _GRID), key=lambda at: at[0] ** 2 + at[1] ** 2):
                place.go(column * pitch, row * pitch)
                best = max(best, (self._rate(), column * pitch, row * pitch, place.focus()))
            if self._is_there(best[0]):
                break
        place.focus_to(best[3], below=self._depth)
        place.take(best[1], best[2])

    def _is_there(self, rate: float) -> bool:
        expected = self._identity.expected_rate(self._table.stop.field)
        return rate > (expected / 2 if expected else 2 * self._identity.dark + 10 / self._dwell)

    def _rate(self) -> float:
        with self._table.roles.shutter.exposure():
            counted = self._counter.count(self._dwell)
        return counted.counts / counted.live_time

    def _require_reach(self) -> None:
        away = max(abs(axis) for axis in self._place.place())
        if away > self._reach:
            raise HardwareFault(
                f"the emitter moved {away:.3g} um away from where the run started, more than the {self._reach:g} um of "
                "`reach`: something else is wrong with the stage, or another emitter is followed. The rows so far are "
                "kept and the magnet holds its field"
            )
