"""PI E-709 and E-727: digital controllers of one piezo axis with a position sensor.

Source: as `gcs.py`; E-727 manual (E727T0005) for the commands. Unverified against the manuals: how long the servo
settles, how long an autozero takes, that the open-loop value of SVA is about um, and the voltage. The slew rate VEL is
kept but changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import SimClock
from .device import Laboratory, Wiring
from .gcs import NO_PARAMETER, RANGE, SPEED, UNREADY, GcsController, GcsError, plugs, real, whole
from .gcs_faults import PiezoFaults
from .gcs_recorder import POINTS as RECORD_POINTS
from .gcs_recorder import TABLES as RECORD_TABLES
from .gcs_recorder import Recorder
from .gcs_wave import CYCLE, Generator

SETTLING, TOLERANCE, AUTOZERO = 0.01, 0.02, 1.0
"""s until a step is on target, um within which it is, s of an autozero."""
_WAVING, _ZEROING, _SERVO_ON = 73, 61, 79
_PARAMETERS = {
    0x0E000200: ("FLOAT", "Servo Update Time", f"{CYCLE:.9e}"),
    0x16000200: ("INT", "DATA REC Max Points", str(RECORD_POINTS * RECORD_TABLES)),
    0x16000300: ("INT", "DATA REC Chan Number", str(RECORD_TABLES)),
}


class PiezoController(GcsController):
    """A controller with one axis, a wave generator and a data recorder.

    Args:
        port: the World's port with `move(um, t, servo)`, `wave`, `hold`, `sensor(t)` and `sensors(times)`.
        trigger: the World's port with `pulses(t0, period)` and `stop(t)`; None for none.
        clock: when faults strike.
        travel: lowest and highest position in um.
        identity: the reply to *IDN?.
        axis: the axis's name.
        baud: of a serial line; None on a TCP socket.
    """

    faults: PiezoFaults

    def __init__(
        self,
        port: Any,
        trigger: Any | None,
        clock: SimClock,
        travel: tuple[float, float],
        *,
        identity: str,
        axis: str,
        baud: float | None,
    ) -> None:
        super().__init__(identity, axis, clock, travel, baud)
        self.faults = PiezoFaults(self)
        self.reach = float("inf")
        """um: where the piezo voltage is at its end."""
        self._port = port
        self._recorder = Recorder(port, axis, CYCLE, self._commanded)
        self._generator = Generator(self, port, trigger, self._recorder)
        self._power_on()
        self.commands |= {
            "SVO": self._set_servo,
            "MOV": lambda words, now: self._go(self.axis_value(words), now),
            "MVR": lambda words, now: self._go(self.target + self.axis_value(words), now),
            "SVA": lambda words, now: self._open(self.axis_value(words), now),
            "SVA?": self.of_axis(lambda now: real(self.target)),
            "SVR": lambda words, now: self._open(self.target + self.axis_value(words), now),
            "VOL?": self.of_axis(lambda now: real(-20 + 140 * self.position(now) / (travel[1] - travel[0]))),
            "OVF?": self.of_axis(lambda now: str(int(self.servo and self.target > self.reach))),
            "VEL": self._set_velocity,
            "VEL?": self.of_axis(lambda now: real(self._velocity)),
            "ATZ": self._zero,
            "ATZ?": self.of_axis(lambda now: str(int(self._zeroed and not self.is_busy(now)))),
            "SPA?": self._parameter,
            "HPA?": lambda words, now: [
                f"0x{key:x}= 0 1 {kind} {name}" for key, (kind, name, _) in _PARAMETERS.items()
            ],
            **self._generator.commands(),
            **self._recorder.commands(),
        }

    def position(self, now: float) -> float:
        """Return what the sensor says."""
        return float(self._port.sensor(now))

    def on_target(self, now: float) -> bool:
        """Whether it is in closed loop, and the last step has settled there."""
        if not self.servo or self._generator.running(now) or now < self._settled or self._stalled:
            return False
        return abs(self.position(now) - self.target) <= TOLERANCE

    def is_moving(self, now: float) -> bool:
        """Whether a wave is output or a step has not settled."""
        return self._generator.running(now) or now < self._settled or self.is_busy(now)

    def is_busy(self, now: float) -> bool:
        """Whether an autozero is under way."""
        return now < self._zeroing_until

    def halt(self, now: float) -> None:
        """Stop the wave; the axis stays where it is."""
        self._generator.stop(now)
        self._zeroing_until = now

    def drop_servo(self) -> None:
        """Lose the servo: the wave ends and the axis goes on in open loop."""
        now = self._clock.now()
        self._generator.stop(now)
        self.servo = False
        self._send(self.position(now), now)

    def restart(self) -> None:
        """Be as after power-on; the axis stays about where it is."""
        now = self._clock.now()
        self.drop_servo()
        self._power_on()
        self._recorder.catch_up(now)
        self._recorder.reset()
        self._generator.reset()
        self.error = 0

    def _power_on(self) -> None:
        self.servo = False
        self._velocity = 1e4
        self._stalled = False
        self._zeroed = False
        self._settled = self._zeroing_until = float("-inf")
        self.target = self.position(self._clock.now())

    def _commanded(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        wave = self._generator.at(times)
        return np.full(len(times), self.target) if wave is None else wave

    def _idle(self, now: float) -> None:
        """Refuse a move in the middle of something else."""
        if self._generator.running(now):
            raise GcsError(_WAVING)
        if self.is_busy(now):
            raise GcsError(_ZEROING)

    def _go(self, target: float, now: float) -> None:
        self._idle(now)
        if not self.servo:
            raise GcsError(UNREADY)
        if not self.travel[0] <= target <= self.travel[1]:
            raise GcsError(RANGE)
        self._send(target, now)

    def _open(self, value: float, now: float) -> None:
        self._idle(now)
        if self.servo:
            raise GcsError(_SERVO_ON)
        if not self.travel[0] <= value <= self.travel[1]:
            raise GcsError(RANGE)
        self._send(value, now)

    def _send(self, target: float, now: float) -> None:
        """Let the axis go to `target` um, as far as it can."""
        here = self.position(now)
        self._recorder.catch_up(now)
        target = min(max(target, self.travel[0]), self.travel[1])
        self.target, self._settled, self._stalled = target, now + SETTLING, False
        end = min(target, self.reach)
        if self.faults.stalls > 0 and abs(target - here) > TOLERANCE:
            self.faults.stalls -= 1
            self._stalled, end = True, (here + target) / 2
        self._port.move(end, now, self.servo)

    def _set_servo(self, words: list[str], now: float) -> None:
        on = self.axis_value(words) != 0
        self._idle(now)
        if on != self.servo:
            here = self.position(now)
            self.servo = on
            self._send(here, now)

    def _set_velocity(self, words: list[str], now: float) -> None:
        velocity = self.axis_value(words)
        if velocity <= 0:
            raise GcsError(SPEED)
        self._velocity = velocity

    def _zero(self, words: list[str], now: float) -> None:
        self.own_axis(words[:1])
        self._idle(now)
        self._send(self.travel[0], now)
        self._zeroed, self._zeroing_until = True, now + AUTOZERO

    def _parameter(self, words: list[str], now: float) -> list[str]:
        if len(words) != 2:
            raise GcsError(NO_PARAMETER)
        key = whole(words[1], 0, 2**32)
        if key not in _PARAMETERS:
            raise GcsError(NO_PARAMETER)
        return [f"{words[0]} 0x{key:08X}={_PARAMETERS[key][2]}"]


def _make(model: str, laboratory: Laboratory, entries: Sequence[Wiring]) -> PiezoController:
    entry = entries[0]
    axis, port, travel, baud = plugs(entry, (0, 15))
    trigger = laboratory.port(entry["trigger"]) if "trigger" in entry else None
    identity = entry.get("identity", f"(c)2015 Physik Instrumente (PI) GmbH & Co. KG, {model}")
    return PiezoController(
        laboratory.port(port), trigger, laboratory.clock, travel, identity=identity, axis=axis, baud=baud
    )


def make_e709(laboratory: Laboratory, entries: Sequence[Wiring]) -> PiezoController:
    """Wire up an E-709: `axis_1: fine`, perhaps `trigger`, `low`, `high` (um) and `identity`."""
    return _make("E-709.CHG, 0115061234, 1.034", laboratory, entries)


def make_e727(laboratory: Laboratory, entries: Sequence[Wiring]) -> PiezoController:
    """Wire up an E-727, of whose axes one carries a stage: `axis_1: fine` (or axis_2 ...), and as for an E-709."""
    return _make("E-727.3CDA, 0117045408, 13.21.00.09", laboratory, entries)
