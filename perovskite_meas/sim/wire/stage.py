"""A motorised linear stage: trapezoidal moves in closed form, end switches, and what may block it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

_CHORDS = 8
"""Straight pieces that stand for one change of speed on the World's port."""
RESOLUTION = 1e-5
"""One encoder count, in mm; moves end within about half a count."""
FINE_SEARCH = 0.5
"""Seconds to and fro about the home switch."""
_HOMING_SPREAD = 2e-4
"""Standard deviation of where the home switch is found, in mm."""
_OVERTRAVEL = 0.5
"""mm between the end of the travel and the switch that stops the motor (unverified against any stage)."""


def finite(text: str) -> float:
    """Return a number that a command carries; raises ValueError for none, and for infinities."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


class Leg(NamedTuple):
    """Constant acceleration from time `t`: at `x` (mm) with `v` (mm/s), for `seconds`."""

    t: float
    x: float
    v: float
    a: float
    seconds: float

    def at(self, t: float) -> tuple[float, float]:
        """Return position (mm) and velocity (mm/s) at `t`, which is kept within the leg."""
        dt = min(max(t - self.t, 0.0), self.seconds)
        return self.x + self.v * dt + self.a * dt * dt / 2, self.v + self.a * dt


class Motion:
    """Legs one after another; before the first and behind the last one everything stands still."""

    def __init__(self, legs: list[Leg]) -> None:
        self.legs = legs
        self.end = legs[-1].t + legs[-1].seconds

    @classmethod
    def trapezoid(cls, t: float, start: float, stop: float, speed: float, acceleration: float) -> Motion:
        """Return a move from rest to rest; a short one never reaches the speed."""
        way = abs(stop - start)
        if way == 0:
            return cls([Leg(t, start, 0.0, 0.0, 0.0)])
        sign = math.copysign(1.0, stop - start)
        top = min(speed, math.sqrt(way * acceleration))
        ramp, cruise = top / acceleration, way / top - top / acceleration
        near = start + sign * top * ramp / 2
        far = stop - sign * top * ramp / 2
        return cls(
            [
                Leg(t, start, 0.0, sign * acceleration, ramp),
                Leg(t + ramp, near, sign * top, 0.0, cruise),
                Leg(t + ramp + cruise, far, sign * top, -sign * acceleration, ramp),
            ]
        )

    @classmethod
    def braking(cls, t: float, start: float, velocity: float, acceleration: float) -> Motion:
        """Return how it comes to rest from a velocity in mm/s."""
        return cls([Leg(t, start, velocity, -math.copysign(acceleration, velocity), abs(velocity) / acceleration)])

    def at(self, t: float) -> tuple[float, float]:
        """Return position (mm) and velocity (mm/s) at `t`."""
        if not self.legs[0].t <= t < self.end:
            return self.legs[0 if t < self.legs[0].t else -1].at(t)[0], 0.0
        return next(leg for leg in reversed(self.legs) if leg.t <= t).at(t)

    def passing(self, x: float) -> float:
        """Return when it passes `x` (mm) on its one-way road; the end where it never does."""
        low, high = self.legs[0].t, self.end
        sign = 1.0 if self.at(high)[0] >= self.at(low)[0] else -1.0
        if sign * (self.at(high)[0] - x) < 0:
            return high
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if sign * (self.at(middle)[0] - x) < 0 else (low, middle)
        return high

    def chords(self, until: float) -> Iterator[tuple[float, float, float, float]]:
        """Yield straight pieces (t0, x0, t1, x1) up to the time `until`."""
        for leg in self.legs:
            if leg.t > until:
                return
            end = min(leg.t + leg.seconds, until)
            times = np.linspace(leg.t, max(leg.t, end), (_CHORDS if leg.a else 1) + 1)
            points = [(float(t), leg.at(float(t))[0]) for t in times]
            yield from ((*one, *two) for one, two in pairwise(points))


@dataclass(frozen=True)
class Trip:
    """The controller gives up a motion at time `at` (s): "stall", "positive limit" or "negative limit"."""

    at: float
    why: str


class Stage:
    """The mechanics behind one controller axis; counters and states are the controller's.

    Args:
        port: the World's port with `path(t0, mm0, t1, mm1)` and `position(t)`.
        rng: the stage's own random numbers.
        travel: its length from the home switch at 0 mm, in mm.
    """

    def __init__(self, port: Any, rng: np.random.Generator, travel: float) -> None:
        self.travel = travel
        self.trip: Trip | None = None
        self.end = -math.inf
        """When the commanded motion ends, s."""
        self._port = port
        self._rng = rng
        self._plan: Motion | None = None
        self._blocked: list[str] = []

    def block(self, why: str) -> None:
        """Have the next motion fail half way: "stall", or "limit" for the end switch in its direction."""
        self._blocked.append(why)

    def position(self, t: float) -> float:
        """Return where it is at `t`, in mm from the home switch."""
        return float(self._port.position(t))

    def counted(self, t: float, origin: float) -> float:
        """Return what its encoder counts at `t`, in mm, where it counts 0 at `origin` (mm from the home switch)."""
        return round((self.position(t) - origin) / RESOLUTION) * RESOLUTION

    def found(self, switch: float) -> float:
        """Return where a search finds a switch that is at `switch`, both in mm from the home switch."""
        return switch + float(self._rng.normal(0, _HOMING_SPREAD))

    def velocity(self, t: float) -> float:
        """Return the commanded velocity at `t`, in mm/s."""
        return self._plan.at(t)[1] if self._plan is not None else 0.0

    def commanded(self, t: float) -> float:
        """Return where it should be at `t`, in mm from the home switch."""
        return self._plan.at(t)[0] if self._plan is not None else self.position(t)

    def moving(self, t: float) -> bool:
        """Whether the commanded motion has not ended at `t`."""
        return t < self.end

    def reaches(self, target: float, t: float) -> float:
        """Return when the motion passes `target` (mm from the home switch); `t` (s) if nothing moves."""
        return self._plan.passing(target) if self._plan is not None and self.moving(t) else t

    def go(self, t: float, target: float, speed: float, acceleration: float, lag: float) -> None:
        """Start a move at time `t` (s).

        Args:
            t: when it starts.
            target: where to, in mm from the home switch.
            speed: in mm/s.
            acceleration: in mm/s^2.
            lag: following error in mm at which the controller gives up.
        """
        here = self.position(t)
        target = min(max(target, -self.travel), 2 * self.travel)
        near = abs(target - here) <= RESOLUTION
        landing = here if near else target + float(self._rng.normal(0, 0.3)) * RESOLUTION
        plan = Motion.trapezoid(t, here, landing, speed, acceleration)
        self._plan, self.end, self.trip = plan, plan.end, None
        until = self._obstacle(plan, here, landing, lag)
        for piece in plan.chords(until):
            self._port.path(*piece)

    def brake(self, t: float, acceleration: float) -> None:
        """Come to rest from time `t` on."""
        if self._plan is None or not self.moving(t):
            return
        _, velocity = self._plan.at(t)
        self._plan = Motion.braking(t, self.position(t), velocity, acceleration)
        self.end, self.trip = self._plan.end, None
        for piece in self._plan.chords(self.end):
            self._port.path(*piece)

    def drop(self, t: float) -> None:
        """Take the current off the motor: it stands at once, and the plan is forgotten."""
        here = self.position(t)
        self._port.path(t, here, t, here)
        self._plan, self.end, self.trip = None, min(self.end, t), None

    def tripped(self, t: float) -> Trip | None:
        """Return, once, what made the controller give up by time `t`; it stands then."""
        trip = self.trip
        if trip is None or t < trip.at:
            return None
        self.drop(trip.at)
        return trip

    def _obstacle(self, plan: Motion, here: float, landing: float, lag: float) -> float:
        """Plan what stops the stage on its way, and return when it stands."""
        sign = 1 if landing >= here else -1
        blocked = self._blocked.pop(0) if self._blocked and landing != here else None
        if blocked == "stall":
            stuck = (here + landing) / 2
            when = plan.passing(stuck + sign * lag)
            if abs(landing - stuck) > lag:
                self.trip = Trip(when, "stall")
            return plan.passing(stuck)
        switch = self.travel + _OVERTRAVEL if sign > 0 else -_OVERTRAVEL
        switch = (here + landing) / 2 if blocked == "limit" else switch
        if sign * (landing - switch) <= 0:
            return plan.end
        when = plan.passing(switch)
        self.trip = Trip(when, "positive limit" if sign > 0 else "negative limit")
        return when
