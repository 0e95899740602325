"""A control loop of a Lake Shore temperature controller, and what its heater can do.

Unverified against the manual: that a set point starts to ramp from where it is now, and all about the cryostat (that
the heater warms it by 350 K at full power, and by the 0.57th power of less).
"""

from __future__ import annotations

import math

OFF, CLOSED, ZONE, OPEN = 0, 1, 2, 3
_SHARE = (0.0, 0.01, 0.1, 1.0)
"""Of the full power, by heater range."""
_RISE, _POWER = 350.0, 0.57
_GAIN = 0.02
"""Share of the full power per K between set point and reading."""
_STEP, _STEPS = 2.0, 400
"""Seconds per step, and steps at most, of the staircase that stands for a ramp."""


class Loop:
    """One output: its mode, its set point with its ramp, its range.

    Args:
        sensor: index of the input that it controls, from 1; 0 for none.
        kelvin: the set point, K.
        now: when the power comes on, s.
        ranges: how many ranges the heater has.
    """

    def __init__(self, sensor: int, kelvin: float, now: float, ranges: int) -> None:
        self.mode = CLOSED if sensor else OFF
        self.sensor = sensor
        self.powerup = 0
        self.range = 0
        self.ranges = ranges
        self.pid = (50.0, 20.0, 0.0)
        self.manual = 0.0
        self.ramping = False
        self.rate = 0.0
        self.broken = False
        """Whether the heater's wires are open."""
        self._ramp = (now, kelvin, now, kelvin)

    def setpoint(self, t: float) -> float:
        """Return the set point at `t`, K; it moves while it ramps."""
        t0, k0, t1, k1 = self._ramp
        return k1 if t >= t1 else k0 + (k1 - k0) * (t - t0) / (t1 - t0)

    def moving(self, t: float) -> bool:
        """Whether the set point ramps."""
        return t < self._ramp[2]

    def aim(self, kelvin: float, now: float) -> None:
        """Take a new set point, at the rate of the ramp if one is on."""
        here = self.setpoint(now)
        seconds = abs(kelvin - here) / self.rate * 60.0 if self.ramping and self.rate > 0 else 0.0
        self._ramp = (now, here, now + seconds, kelvin)

    def pace(self, ramping: bool, rate: float, now: float) -> None:
        """Ramp from now on or not, at a rate in K/min."""
        self.ramping, self.rate = ramping, rate
        self.aim(self._ramp[3], now)

    def reach(self, base: float) -> float:
        """Return the highest temperature that this range holds, K."""
        return base + _RISE * math.pow(_SHARE[self.range], _POWER)

    def plan(self, base: float, now: float) -> list[tuple[float, float]]:
        """Return what the cold finger heads for: from when on (s), which temperature (K)."""
        if self.mode == OPEN:
            return [(now, base + _RISE * math.pow(_SHARE[self.range] * self.manual / 100.0, _POWER))]
        top, left = self.reach(base), max(self._ramp[2] - now, 0.0)
        steps = min(math.ceil(left / _STEP), _STEPS)
        times = [now + left * i / steps for i in range(steps)]
        return [(t, min(self.setpoint(t + left / steps / 2), top)) for t in times] + [
            (now + left, min(self._ramp[3], top))
        ]

    def output(self, base: float, reading: float, t: float) -> float:
        """Return the share of the range's power that is given now."""
        if self.mode == OPEN:
            return self.manual / 100.0
        wanted = self.setpoint(t)
        steady = math.pow(max(wanted - base, 0.0) / _RISE, 1 / _POWER)
        return min(max((steady + _GAIN * (wanted - reading)) / _SHARE[self.range], 0.0), 1.0)

    def suit(self, base: float) -> None:
        """Choose the lowest range that holds the set point."""
        self.range = 1
        while self.range < self.ranges and self.reach(base) < self._ramp[3]:
            self.range += 1
