"""A superconducting coil on its leads, with or without a persistent switch across it: currents in closed form.

General knowledge of superconducting magnets; that a mismatch of one per cent of the rated current quenches, and how
long a quench takes, are unverified against any magnet.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

Rates = Sequence[tuple[float, float]]
"""Up to which current (A, absolute) which rate (A/s) holds; the last one holds beyond as well."""

QUENCH_TIME = 5.0
"""Seconds in which a quench eats up the current."""
_FADING = ((0.0, 1.0), (0.2, 0.45), (0.5, 0.12), (1.0, 0.0))
"""Share of the time, share of the current that is left."""
_MISMATCH = 0.01
"""Difference between leads and coil, over the rated current, that a switch turning normal does not forgive."""
_NEVER = (math.inf, math.inf)
_REMEMBERED = 50
"""Corners that are kept of the way until a new plan begins."""
_EVENING = 0.2
"""Seconds in which a smaller difference evens out."""


class Track:
    """Straight pieces between corners (s, A); constant outside."""

    def __init__(self, t: float, value: float) -> None:
        self._corners = [(t, value)]

    @property
    def end(self) -> float:
        """When the last corner is reached, s."""
        return self._corners[-1][0]

    def at(self, t: float) -> float:
        """Return the value at time `t` in s."""
        corners = self._corners
        after = bisect_right(corners, t, key=lambda corner: corner[0])
        if after in (0, len(corners)):
            return corners[max(after - 1, 0)][1]
        (t0, v0), (t1, v1) = corners[after - 1], corners[after]
        return v0 + (v1 - v0) * (t - t0) / (t1 - t0)

    def slope(self, t: float) -> float:
        """Return the change per second from `t` on."""
        after = bisect_right(self._corners, t, key=lambda corner: corner[0])
        if after in (0, len(self._corners)):
            return 0.0
        (t0, v0), (t1, v1) = self._corners[after - 1], self._corners[after]
        return (v1 - v0) / (t1 - t0)

    def plan(self, corners: Sequence[tuple[float, float]]) -> None:
        """Go through new corners from the time of the first one, in place of what was planned from there on."""
        kept = (corners[0][0], self.at(corners[0][0]))
        # What is planned for later, such as a quench, leaves the way until then as it is.
        before = [corner for corner in self._corners if corner[0] < kept[0]][-_REMEMBERED:]
        self._corners = [*before, kept, *(corner for corner in corners if corner[0] > kept[0])]


class Circuit:
    """What carries the current: the leads of a supply, and the coil behind its switch.

    Args:
        port: the World's port with `path(t0, tesla0, t1, tesla1)` and `nominal(t)`.
        constant: of the coil, in T/A.
        rated: of the coil, in A.
        now: when the supply is switched on, s.
        switch: whether the coil has a persistent switch; it starts cold.
    """

    def __init__(self, port: Any, constant: float, rated: float, now: float, *, switch: bool) -> None:
        self._port = port
        self.constant = constant
        self.rated = rated
        self.switch = switch
        self.warm = False
        self._turning: tuple[float, bool, bool] | None = None
        """When the switch has changed, whether its heater is on, and whether it is warm then."""
        self.leads = Track(now, 0.0 if switch else self.coil(now))
        self.quenching = math.inf
        """Since when, or from when on, the magnet quenches, s."""
        self._fading = _NEVER
        """From when to when a quench eats up the current, s."""
        self.weak_at = math.inf
        """The field at which the next ramp quenches, T."""

    @property
    def coupled(self) -> bool:
        """Whether the coil follows the leads."""
        return self.warm or not self.switch

    def coil(self, t: float) -> float:
        """Return the current in the coil, A."""
        return float(self._port.nominal(t)) / self.constant

    def turning(self, now: float) -> bool | None:
        """Whether the switch is being warmed (True) or cooled (False); None if neither."""
        self.settle(now)
        return None if self._turning is None else self._turning[1]

    def settle(self, now: float) -> None:
        """Let the switch have changed if its time has come."""
        if self._turning is not None and now >= self._turning[0]:
            self.warm, self._turning = self._turning[2], None

    def ramp(self, now: float, target: float, rates: Rates) -> None:
        """Take the leads to a current in A, and the coil with them if it is coupled."""
        self.settle(now)
        corners = list(_corners(now, self.leads.at(now), target, rates))
        quench = self._first_at(corners, self.weak_at) if self.coupled else None
        self.quenching, self._fading = math.inf, _NEVER
        if quench is not None:
            corners = [*(corner for corner in corners if corner[0] < quench[0]), quench]
        self._go(corners)
        if quench is not None:
            self.quench(*quench)

    def hold(self, now: float) -> None:
        """Stay at the present current, unless a quench is eating it up."""
        self.settle(now)
        begin, end = self._fading
        if self._turning is None and not begin <= now < end:
            self._call_off(now)

    def quench(self, at: float, current: float | None = None, seconds: float = QUENCH_TIME) -> None:
        """Lose the field from time `at` on: coil and leads go to zero within `seconds`."""
        self.quenching, self._fading = at, (at, at + seconds)
        in_leads = self.leads.at(at) if current is None else current
        in_coil = in_leads if self.coupled else self.coil(at)
        self.leads.plan([(at + share * seconds, in_leads * left) for share, left in _FADING])
        self._feed([(at + share * seconds, in_coil * left) for share, left in _FADING])
        heat = getattr(self._port, "quench_heat", None)
        if heat is not None:
            heat(at)

    def forgive(self) -> None:
        """Take the magnet for sound again; what was planned for its currents stays."""
        self.quenching = math.inf

    def turn_switch(self, now: float, warm: bool, seconds: float, *, works: bool = True) -> None:
        """Warm or cool the switch; a coil that finds another current in the leads than its own quenches.

        A heater that does not work takes its time as well and leaves the switch as it is.
        """
        self.settle(now)
        if now < self.quenching < math.inf:
            self._call_off(now)
        self._turning = (now + seconds, warm, warm if works else self.warm)
        if not warm or not works or self.coupled:
            return
        end = now + seconds
        in_leads, in_coil = self.leads.at(end), self.coil(end)
        if abs(in_leads - in_coil) > _MISMATCH * self.rated:
            self.quench(end)
        elif in_leads != in_coil:
            self._feed([(end, in_coil), (end + _EVENING, in_leads)])

    def leave_persistent(self, now: float) -> None:
        """Be as after somebody parked the field: switch cold, leads without current."""
        self.switch, self.warm, self._turning = True, False, None
        self._feed([(now, self.coil(now))])
        self.leads = Track(now, 0.0)

    def _call_off(self, now: float) -> None:
        """Forget what was planned for later."""
        self.quenching, self._fading = math.inf, _NEVER
        self._feed([(now, self.coil(now))])
        self.leads.plan([(now, self.leads.at(now))])

    def _go(self, corners: list[tuple[float, float]]) -> None:
        self.leads.plan(corners)
        if self.coupled:
            start = corners[0][0]
            self._feed([(start, self.coil(start)), *corners[1:]])

    def _feed(self, corners: Sequence[tuple[float, float]]) -> None:
        """Give the coil its corners (s, A)."""
        points = [(t, current * self.constant) for t, current in corners]
        for (t0, b0), (t1, b1) in pairwise([*points, points[-1]] if len(points) == 1 else points):
            self._port.path(t0, b0, t1, b1)

    def _first_at(self, corners: Sequence[tuple[float, float]], tesla: float) -> tuple[float, float] | None:
        """Return when (s) and at which current (A) the field is first reached."""
        limit = tesla / self.constant
        for (t0, i0), (t1, i1) in pairwise(corners):
            if abs(i1) >= limit > abs(i0):
                edge = math.copysign(limit, i1)
                return t0 + (t1 - t0) * (edge - i0) / (i1 - i0), edge
        return None


def _corners(now: float, start: float, stop: float, rates: Rates) -> Iterator[tuple[float, float]]:
    """Yield the corners (s, A) of a ramp through the segments."""
    yield now, start
    bounds = {sign * bound for bound, _ in rates[:-1] for sign in (1, -1)} | {0.0}
    between = sorted((b for b in bounds if min(start, stop) < b < max(start, stop)), reverse=stop < start)
    here, t = start, now
    for there in [*between, stop] if stop != start else []:
        middle = abs(here + there) / 2
        rate = next((rate for bound, rate in rates if middle <= bound), rates[-1][1])
        t += abs(there - here) / rate
        here = there
        yield t, here
