"""Newport ESP301 motion controller with up to three axes.

Source: ESP300 and ESP301 manuals as quoted by public drivers (PyMeasure, InstrumentKit, EPICS drvESP300): words,
codes and messages of errors, a buffer of ten errors that is read latest first, WS and WP that hold up the command
queue. Unverified against the manual: the servo tick of 400 us and that "no error" carries the present time, the
form of VE, ID, TS and PH, how long a restart takes, and that AB leaves the motors on. Simplified: a move that
replaces a running one starts from rest; WP looks at the motion under way alone.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from ...core.errors import UsageError
from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .esp301_axis import WORDS, Axis, RefusedError, message
from .faults import Faults

_TICK = 400e-6
_COMMAND = re.compile(r"(\d*)([A-Z]{2})(.*)")
_NUMBERED = ("PA", "PR", "SN", "VA", "VU", "AC", "AG", "AE", "AU", "SL", "SR", "FE", "OH", "MV", "MT")
"""Commands that make no sense without a parameter."""


class EspFaults(Faults):
    """Faults of the line, the controller and the stages on it; axes count from 1."""

    def __init__(self, device: ESP301) -> None:
        super().__init__()
        self._device = device

    def stall(self, axis: int = 1) -> None:
        """Block the next motion half way: following error, motor off; none if the rest is shorter than FE."""
        self._device.axes[axis].stage.block("stall")

    def hit_limit(self, axis: int = 1) -> None:
        """Have the next motion run into the end switch half way: it stands, motor off."""
        self._device.axes[axis].stage.block("limit")

    def emergency_stop(self) -> None:
        """Press the red button: all motors off, and none can be switched on until it is released."""
        self._device.stop_all()

    def release(self) -> None:
        """Pull the red button out again; the motors stay off."""
        self._device.stopped = False

    def restart(self, deaf: float = 0.0) -> None:
        """Power-cycle the controller: motors off, counters at 0 where the stages stand, settings as delivered.

        Args:
            deaf: seconds in which it hears nothing.
        """
        self._device.power_up(deaf)


class ESP301(WireDevice):
    """A controller and its stages.

    Args:
        clock: when a fault strikes.
        identity: the reply to `VE?`.
        stages: axis number -> reply to `ID?`.
        make_axis: makes one axis, given its number, the time and where to report errors.
        baud: of the serial line.
        prefix: what this firmware sends before every reply.
    """

    faults: EspFaults
    stop_bytes = b"\r"
    buffer = 256

    def __init__(
        self,
        clock: SimClock,
        identity: str,
        stages: dict[int, str],
        make_axis: Callable[[int, float, Callable[[int, float], None]], Axis],
        *,
        baud: float = 19200,
        prefix: str = "",
    ) -> None:
        super().__init__(baud=baud, turnaround=0.004)
        self.faults = EspFaults(self)
        self.stopped = False
        self._clock = clock
        self._identity, self._stages, self._prefix = identity, stages, prefix
        self._errors: deque[tuple[int, float]] = deque(maxlen=10)
        self._since = self._deaf_until = self._queue_until = clock.now()
        self.axes = {number: make_axis(number, self._since, partial(self._note_axis, number)) for number in stages}

    def feed(self, data: bytes, now: float) -> None:
        """Take in bytes that have arrived at simulated time `now` in s."""
        if now >= self._deaf_until:
            super().feed(data, now)

    def power_up(self, deaf: float) -> None:
        """Start anew, as after a power failure."""
        now = self._clock.now()
        self.clear()
        for axis in self.axes.values():
            axis.power_up(now)
        self._errors.clear()
        self._since = self._queue_until = now
        self._deaf_until = now + deaf

    def stop_all(self) -> None:
        """Take the current off all motors because of the emergency stop."""
        now = self._clock.now()
        self.stopped = True
        for axis in self.axes.values():
            axis.cut(now)
        self._note(4, now)

    def _split(self) -> bytes | None:
        self._incoming[:] = self._incoming.replace(b"\n", b"")
        return super()._split()

    def _command(self, command: bytes, now: float) -> None:
        now = max(now, self._queue_until)
        replies = []
        for part in command.decode("ascii", "replace").upper().replace(" ", "").split(";"):
            if part:
                for axis in self.axes.values():
                    axis.settle(now)
                answer = self._obey(part, now)
                now = max(now, self._queue_until)
                replies += [answer] if answer is not None else []
        if replies:
            self._reply(f"{self._prefix}{';'.join(replies)}\r\n".encode(), now + self.turnaround)

    def _obey(self, text: str, now: float) -> str | None:
        match = _COMMAND.fullmatch(text)
        if match is None:
            self._note(6, now)
            return None
        number, word, argument = match.groups()
        axes = self.axes.values()
        match (word, number):
            case ("VE", _):
                return self._identity
            case ("TE", _):
                return str(self._errors.pop()[0] if self._errors else 0)
            case ("TB", _):
                code, at = self._errors.pop() if self._errors else (0, now)
                return f"{code}, {int((at - self._since) / _TICK)}, {message(code)}"
            case ("TS", _):
                moving = sum(1 << n - 1 for n, axis in self.axes.items() if axis.moving(now))
                return chr(0x40 | moving | 0x10 * any(axis.motor for axis in axes))
            case ("AB", _) | ("ST", ""):
                for axis in axes:
                    axis.brake(now, "AE" if word == "AB" else "AG")
            case ("RS", _):
                self.power_up(0.5)
            case ("WT", _):
                self._queue_until = now + (float(argument) / 1000 if argument.isdigit() else 0.0)
            case (_, "1" | "2" | "3"):
                return self._ask_axis(int(number), word, argument, now)
            case _ if word not in WORDS:
                self._note(6, now)
            case _:
                self._note(9 if number else 37, now)
        return None

    def _ask_axis(self, number: int, word: str, argument: str, now: float) -> str | None:
        axis = self.axes.get(number)
        if word == "ID":
            return self._stages.get(number, "Unknown")
        try:
            if argument == "?" or (word in ("TP", "TV") and not argument):
                return axis.answer(word, now) if axis is not None else "0"
            if axis is None:
                raise RefusedError(8)
            if word in _NUMBERED and not argument:
                self._note(38, now)
            elif word == "MO" and self.stopped:
                self._note(4, now)
            elif word in ("WS", "WP"):
                self._queue_until = axis.when(word, argument, now)
            elif word == "ST":
                axis.brake(now)
            else:
                axis.obey(word, argument, now)
        except RefusedError as refused:
            self._note_axis(number, refused.code, now)
        except KeyError:
            self._note(6, now)
        except ValueError:
            self._note(7, now)
        return None

    def _note_axis(self, number: int, code: int, at: float) -> None:
        self._note(100 * number + code, at)

    def _note(self, code: int, at: float) -> None:
        self._errors.append((code, at))


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> ESP301:
    """Wire up one controller: `axis_1` to `axis_3`, and perhaps `travel` (mm), `identity`, `baud`, `prefix`."""
    entry = entries[0]
    ports = {number: str(entry[f"axis_{number}"]) for number in (1, 2, 3) if entry.get(f"axis_{number}")}
    if not ports:
        raise UsageError(f"{entry['address']}: ESP301 has no stage; name a port as axis_1, axis_2 or axis_3")
    travel = float(entry.get("travel", 25.0))

    def axis(number: int, now: float, report: Callable[[int, float], None]) -> Axis:
        port = ports[number]
        return Axis(laboratory.port(port), laboratory.rng(f"ESP301 {port}"), travel, now, report)

    return ESP301(
        laboratory.clock,
        str(entry.get("identity", "ESP301 Version 3.0.1 6/1/99")),
        {number: f"MFA-CC, SN B08{number:04d}" for number in ports},
        axis,
        baud=float(entry.get("baud", 19200)),
        prefix=str(entry.get("prefix", "")),
    )
