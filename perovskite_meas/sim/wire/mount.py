"""One ELL14 rotation mount: motor, encoder and mechanical zero.

Unverified against the manual: the top speed, the time to give up, and how precisely it lands and homes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PULSES = 143360
"""Encoder pulses per revolution."""
TOP_SPEED = 430.0
"""deg/s at 100 percent."""
STALL = 2.0
"""Seconds after which the mount gives up a motion that does not end."""
LANDING = 3.0
"""Standard deviation of where a move ends, in pulses."""


class Mount:
    """One rotation mount: where it is, where it goes, what its status says.

    The encoder counts from an unknown angle until the mount has been homed; a home leaves a small error.

    Args:
        port: the World's port with `path(t0, deg0, t1, deg1)` and `angle(t)`.
        rng: the mount's own random numbers.
        info: the 30 characters that `in` returns.
    """

    def __init__(self, port: Any, rng: np.random.Generator, info: str) -> None:
        self.info = info
        self.velocity = 100
        self.jog = 0
        self.home_offset = 0
        self.status = 0x00
        self.busy_until = 0.0
        self._port = port
        self._rng = rng
        self._offset = float(rng.uniform(-180, 180))
        self._index: tuple[float, float] | None = None

    def pulses(self, t: float) -> int:
        """Return what the encoder counts at time `t`."""
        if self._index is not None and t >= self._index[0]:
            self._offset, self._index = float(self._rng.normal(0, 0.02)) - self._index[1], None
        return round((self.angle(t) + self._offset) / 360 * PULSES)

    def angle(self, t: float) -> float:
        """Return the true angle from the mechanical zero at time `t`, in deg."""
        return float(self._port.angle(t))

    def home(self, now: float, clockwise: bool) -> float:
        """Start the search for the mechanical zero and return when it will be found."""
        here = self.angle(now)
        index = (here // 360 if clockwise else -(-here // 360)) * 360
        arrival = self._turn(now, index)
        self._index = (arrival, index)
        return arrival

    def move(self, now: float, target: int) -> float:
        """Start a move to `target` pulses and return when it will end."""
        self.pulses(now)  # an index that was found on the way counts from here on
        landing = target + round(self._rng.normal(0, LANDING))
        return self._turn(now, landing / PULSES * 360 - self._offset)

    def stall(self, now: float, target: int) -> float:
        """Start a move that gets stuck half way and return when the mount gives up."""
        here = self.angle(now)
        self._turn(now, (here + target / PULSES * 360 - self._offset) / 2)
        self.busy_until = now + STALL
        return self.busy_until

    def stop(self, now: float) -> None:
        """Stop where it is."""
        here = self.angle(now)
        self._port.path(now, here, now, here)
        self.busy_until, self._index = now, None

    def _turn(self, now: float, to: float) -> float:
        here = self.angle(now)
        seconds = 0.02 + abs(to - here) / (TOP_SPEED * self.velocity / 100)
        self._port.path(now, here, now + seconds, to)
        self.busy_until = now + seconds
        return self.busy_until
