"""PI C-863 Mercury: controller of one motor stage with an incremental encoder and a reference switch.

Source: as `gcs.py`; C-863.12 manual (MS249E). Unverified against the manual: that the axis starts with the servo off,
the speeds, how long it settles, and that a motion error leaves the servo on. A motion is simulated as one even movement
without acceleration; before referencing the position that is told is already the true one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..clock import SimClock
from .device import Laboratory, Wiring
from .gcs import NO_PARAMETER, RANGE, SPEED, UNREADY, GcsController, GcsError, plugs, real, whole
from .gcs_faults import MotorFaults

TOP_SPEED, SETTLING, TOLERANCE = 5.0, 0.05, 0.0005
"""mm/s, s, mm."""
_REFERENCE_OFF = 50


class MotorController(GcsController):
    """A controller with one motor axis.

    Args:
        port: the World's port with `path(t0, mm0, t1, mm1)` and `position(t)`.
        clock: when faults strike.
        travel: lowest and highest position in mm.
        identity: the reply to *IDN?.
        axis: the axis's name.
        baud: of a serial line; None on a TCP socket.
    """

    faults: MotorFaults

    def __init__(
        self,
        port: Any,
        clock: SimClock,
        travel: tuple[float, float],
        *,
        identity: str,
        axis: str,
        baud: float | None,
    ) -> None:
        super().__init__(identity, axis, clock, travel, baud)
        self.faults = MotorFaults(self)
        self._port = port
        self._power_on()
        self.commands |= {
            "SVO": self._set_servo,
            "MOV": lambda words, now: self._go(self.axis_value(words), now),
            "MVR": lambda words, now: self._go(self.target + self.axis_value(words), now),
            "VEL": self._set_velocity,
            "VEL?": self.of_axis(lambda now: real(self._velocity)),
            "RON": self._set_reference_mode,
            "RON?": self.of_axis(lambda now: str(int(self._reference_mode))),
            "FRF": lambda words, now: self._reference(words, now, sum(travel) / 2),
            "FNL": lambda words, now: self._reference(words, now, travel[0]),
            "FPL": lambda words, now: self._reference(words, now, travel[1]),
            "FRF?": self.of_axis(lambda now: str(int(now >= self.referenced_at))),
            "REF?": self.of_axis(lambda now: "1"),
            "TRS?": self.of_axis(lambda now: "1"),
            "LIM?": self.of_axis(lambda now: "1"),
            "SPA?": self._parameter,
            "HPA?": lambda words, now: ["0xA= 0 1 FLOAT Maximum Closed-Loop Velocity"],
        }

    def position(self, now: float) -> float:
        """Return what the encoder says."""
        return float(self._port.position(now))

    def on_target(self, now: float) -> bool:
        """Whether the last move has ended and settled there."""
        if not self.servo or self._stalled or now < self._arrival + SETTLING:
            return False
        return abs(self.position(now) - self.target) <= TOLERANCE

    def is_moving(self, now: float) -> bool:
        """Whether the motor runs."""
        return now < self._arrival

    def is_busy(self, now: float) -> bool:
        """Whether the axis is being referenced."""
        return now < self._arrival and self.referenced_at == self._arrival

    def halt(self, now: float) -> None:
        """Stop where it is; a reference move that is stopped has found nothing."""
        if self.is_busy(now):
            self.referenced_at = float("inf")
        here = self.position(now)
        self._port.path(now, here, now, here)
        self.target, self._arrival = here, now

    def drop_servo(self) -> None:
        """Lose the servo: the motor stops."""
        self.halt(self._clock.now())
        self.servo = False

    def restart(self) -> None:
        """Be as after power-on."""
        self.halt(self._clock.now())
        self._power_on()
        self.error = 0

    def _power_on(self) -> None:
        self.servo = False
        self._reference_mode = True
        self.referenced_at = float("inf")
        self._velocity = TOP_SPEED
        self._arrival = float("-inf")
        self._stalled = False
        self.target = self.position(self._clock.now())

    def _go(self, target: float, now: float) -> None:
        if not self.servo or (self._reference_mode and now < self.referenced_at):
            raise GcsError(UNREADY)
        if not self.travel[0] <= target <= self.travel[1]:
            raise GcsError(RANGE)
        self._run(target, now)

    def _run(self, target: float, now: float) -> None:
        here = self.position(now)
        self.target, self._stalled = target, False
        end = target
        if self.faults.stalls > 0 and abs(target - here) > TOLERANCE:
            self.faults.stalls -= 1
            self._stalled, end = True, (here + target) / 2
        self._arrival = now + abs(end - here) / self._velocity
        self._port.path(now, here, self._arrival, end)

    def _set_servo(self, words: list[str], now: float) -> None:
        on = self.axis_value(words) != 0
        if self.servo and not on:
            self.halt(now)
        self.target = self.target if self.servo else self.position(now)
        self.servo = on

    def _set_velocity(self, words: list[str], now: float) -> None:
        velocity = self.axis_value(words)
        if not 0 < velocity <= TOP_SPEED:
            raise GcsError(SPEED)
        self._velocity = velocity

    def _set_reference_mode(self, words: list[str], now: float) -> None:
        self._reference_mode = self.axis_value(words) != 0

    def _reference(self, words: list[str], now: float, place: float) -> None:
        self.own_axis(words)
        if not self.servo:
            raise GcsError(UNREADY)
        if not self._reference_mode:
            raise GcsError(_REFERENCE_OFF)
        self._run(place, now)
        self.referenced_at = float("inf") if self._stalled else self._arrival

    def _parameter(self, words: list[str], now: float) -> list[str]:
        if len(words) != 2 or whole(words[1], 0, 2**32) != 0x0A:
            raise GcsError(NO_PARAMETER)
        return [f"{words[0]} 0xA={real(TOP_SPEED)}"]


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> MotorController:
    """Wire up a C-863: `axis_1: coarse`, perhaps `low`, `high` (mm) and `identity`."""
    entry = entries[0]
    axis, port, travel, baud = plugs(entry, (0, 25))
    identity = entry.get("identity", "(c)2013 Physik Instrumente (PI) GmbH & Co. KG, C-863.12, 0112003456, 1.2.1.0")
    return MotorController(laboratory.port(port), laboratory.clock, travel, identity=identity, axis=axis, baud=baud)
