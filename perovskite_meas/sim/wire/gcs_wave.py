"""The wave generator of a simulated PI piezo controller: wave tables, their output, the trigger line.

Source: E-727 manual (E727T0005) p. 69, 100, 108 (LIN, WTR, 50 us servo cycle, TWS sets the level of the trigger line at
single points, CTO turns it on) and the order of arguments in PI's pipython. Unverified against the manual: the shape of
speeding up and down, that trigger mode 4 is the generator's, sizes, and error numbers. Not simulated: start by an
external signal, and the stairs that a table rate without interpolation makes.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .gcs import MISSING, SYNTAX, GcsError, Handler, groups, number, whole
from .gcs_recorder import Recorder

CYCLE = 50e-6
"""Seconds of a servo cycle."""
TABLES, POINTS, LINES = 8, 32768, 3
_TOO_LARGE, _ACTIVE, _NO_WAVE = 67, 73, 75
_TRIGGER_MODE, _GENERATOR = 3, "4"
Samples = NDArray[np.float64]


class Axis(Protocol):
    """What the generator knows of the axis that it drives."""

    travel: tuple[float, float]
    """um."""
    servo: bool
    target: float
    """um."""


class Generator:
    """Wave generator 1 of a controller with one piezo axis.

    Args:
        axis: what it drives; the output is cut off at its travel.
        port: the World's port with `wave(t0, samples, dt, servo)` and `hold(t)`.
        trigger: the World's port with `pulses(t0, period)` and `stop(t)`; None where no cable is plugged in.
        recorder: told before the motion changes, and started with each wave.
    """

    def __init__(self, axis: Axis, port: Any, trigger: Any | None, recorder: Recorder) -> None:
        self._axis = axis
        self._port = port
        self._trigger = trigger
        self._recorder = recorder
        self.reset()

    def reset(self) -> None:
        """Forget tables and settings, as a restart does; the output must have been stopped."""
        self._tables: dict[int, Samples] = {}
        self._selected = 0
        self._rate, self._interpolation = 1, 0
        self._cycles = 0
        self._offset = 0.0
        self._mode = 0
        self._outputs: dict[tuple[int, int], str] = {}
        self._levels: dict[tuple[int, int], int] = {}
        self._start: float | None = None
        self._end = float("inf")
        self._running = (np.zeros(1), CYCLE)

    def running(self, now: float) -> bool:
        """Whether a wave is output at time `now`; one whose cycles are over leaves the axis at its end."""
        if self._start is not None and now >= self._end:
            self._leave(self._end, now)
        return self._start is not None

    def at(self, times: Samples) -> Samples | None:
        """Return what the wave commands at these times, in um; None where there is no wave."""
        if self._start is None:
            return None
        samples, dt = self._running
        place = (np.minimum(times, self._end) - self._start) / dt
        return np.interp(place, np.arange(len(samples)), samples, period=len(samples))

    def stop(self, now: float) -> None:
        """End the output; the axis stays where it is."""
        if self.running(now):
            self._leave(now, now)
            self._port.hold(now)
            if self._trigger is not None:
                self._trigger.stop(now)

    def _leave(self, end: float, now: float) -> None:
        self._recorder.catch_up(now)
        last = self.at(np.array([end]))
        self._axis.target = self._axis.target if last is None else float(last[0])
        self._start, self._mode = None, 0

    def commands(self) -> dict[str, Handler]:
        """Return what this part of the controller understands."""
        return {
            "#9": lambda words, now: [f"{int(self.running(now)):x}"],
            "WAV": self._define,
            "WAV?": self._lengths,
            "WCL": self._forget,
            "WMS?": lambda words, now: [f"{table}={POINTS}" for table in self._asked(words, TABLES)],
            "WSL": self._select,
            "WSL?": lambda words, now: [f"1={self._selected}" for _ in self._asked(words, 1)],
            "WTR": self._set_rate,
            "WTR?": lambda words, now: [f"1={self._rate} {self._interpolation}" for _ in self._asked(words, 1)],
            "WGC": self._set_cycles,
            "WGC?": lambda words, now: [f"1={self._cycles}" for _ in self._asked(words, 1)],
            "WOS": self._set_offset,
            "WOS?": lambda words, now: [f"1={self._offset:.9e}" for _ in self._asked(words, 1)],
            "WGO": self._go,
            "WGO?": lambda words, now: [f"1={self._mode * self.running(now)}" for _ in self._asked(words, 1)],
            "CTO": self._set_output,
            "CTO?": lambda words, now: [f"{line} {what}={value}" for (line, what), value in self._outputs.items()],
            "TWS": self._set_levels,
            "TWC": lambda words, now: self._levels.clear(),
        }

    def _define(self, words: list[str], now: float) -> None:
        if len(words) < 4:
            raise GcsError(MISSING)
        table, how, kind = whole(words[0], 1, TABLES), words[1].upper(), words[2].upper()
        if self.running(now) and table == self._selected:
            raise GcsError(_ACTIVE)
        new = _segment(kind, words[3:])
        old = self._tables.get(table, np.zeros(0))
        if how == "&":
            new = np.concatenate([old, new])
        elif how == "+":
            new = new + np.pad(old, (0, max(0, len(new) - len(old))))[: len(new)]
        elif how != "X":
            raise GcsError(SYNTAX)
        if len(new) > POINTS:
            raise GcsError(_TOO_LARGE)
        self._tables[table] = new

    def _lengths(self, words: list[str], now: float) -> list[str]:
        tables = [whole(words[0], 1, TABLES)] if words else range(1, TABLES + 1)
        return [f"{table} 1={len(self._tables.get(table, ()))}" for table in tables]

    def _forget(self, words: list[str], now: float) -> None:
        for word in words:
            self._tables.pop(whole(word, 1, TABLES), None)

    def _select(self, words: list[str], now: float) -> None:
        if self.running(now):
            raise GcsError(_ACTIVE)
        for generator, table in groups(words, 2):
            whole(generator, 1, 1)
            self._selected = whole(table, 0, TABLES)

    def _set_rate(self, words: list[str], now: float) -> None:
        for generator, rate, interpolation in groups(words, 3):
            whole(generator, 0, 1)
            self._rate, self._interpolation = whole(rate, 1, 1_000_000), whole(interpolation, 0, 1)

    def _set_cycles(self, words: list[str], now: float) -> None:
        for generator, cycles in groups(words, 2):
            whole(generator, 1, 1)
            self._cycles = whole(cycles, 0, 2**31 - 1)

    def _set_offset(self, words: list[str], now: float) -> None:
        for generator, offset in groups(words, 2):
            whole(generator, 1, 1)
            self._offset = number(offset)

    def _set_output(self, words: list[str], now: float) -> None:
        for line, what, value in groups(words, 3):
            self._outputs[whole(line, 1, LINES), whole(what, 1, 100)] = value

    def _set_levels(self, words: list[str], now: float) -> None:
        for line, point, level in groups(words, 3):
            self._levels[whole(line, 1, LINES), whole(point, 1, POINTS)] = whole(level, 0, 1)

    def _go(self, words: list[str], now: float) -> None:
        for generator, mode in groups(words, 2):
            whole(generator, 1, 1)
            wanted = whole(mode, 0, 0x1FF)
            if not wanted & 1:
                self.stop(now)
            elif self.running(now):
                raise GcsError(_ACTIVE)
            else:
                self._output(wanted, now)

    def _output(self, mode: int, now: float) -> None:
        table = self._tables.get(self._selected)
        if table is None or not len(table):
            raise GcsError(_NO_WAVE)
        samples, dt = np.clip(table + self._offset, *self._axis.travel), CYCLE * self._rate
        period = len(samples) * dt
        self._recorder.catch_up(now)
        self._start, self._end = now, now + self._cycles * period if self._cycles else float("inf")
        self._running, self._mode = (samples, dt), mode
        self._port.wave(now, samples, dt, self._axis.servo)
        high = sorted(point for (line, point), level in self._levels.items() if line == 1 and level)
        pulsing = self._trigger is not None and self._outputs.get((1, _TRIGGER_MODE)) == _GENERATOR and bool(high)
        if pulsing and self._trigger is not None:
            self._trigger.pulses(now + (high[0] - 1) * dt, period)
        if self._cycles:
            self._port.hold(self._end)
            if pulsing and self._trigger is not None:
                self._trigger.stop(self._end)
        self._recorder.start(now)

    def _asked(self, words: list[str], highest: int) -> list[int]:
        return [whole(word, 1, highest) for word in words] or list(range(1, highest + 1))


def _segment(kind: str, words: list[str]) -> Samples:
    """Return one segment of a wave from the words behind its type."""
    if kind == "PNT":
        count = whole(words[1], 1, POINTS) if len(words) > 1 else 0
        points = [number(word) for word in words[2:]]
        if not count or len(points) != count:
            raise GcsError(MISSING)
        return np.array(points)
    if len(words) < 6:
        raise GcsError(MISSING)
    length, span, start = (whole(words[index], 0, POINTS) for index in (0, 3, 4))
    height, offset = number(words[1]), number(words[2])
    place = np.clip(np.arange(length) - start, 0, span)
    fifth = whole(words[5], 0, POINTS)
    if kind == "LIN":
        return offset + height * _travelled(place, span, fifth)
    if kind == "RAMP" and len(words) > 6:
        top = whole(words[6], 1, span)
        up = _travelled(np.minimum(place, top), top, fifth)
        down = _travelled(np.maximum(place - top, 0), span - top, fifth)
        return offset + height * (up - down)
    if kind == "SIN_P" and span > 1:
        top = min(max(fifth, 1), span - 1)
        phase = np.where(place <= top, place / top, 2 - (span - place) / (span - top))
        return offset + height * (1 - np.cos(np.pi * phase)) / 2
    raise GcsError(SYNTAX)


def _travelled(place: NDArray[Any], span: int, easing: int) -> Samples:
    """Return the part of a motion over `span` points that is done at `place`, with even speeding up and down."""
    if span == 0:
        return np.zeros(len(place))
    easing = min(easing, span // 2)
    if easing == 0:
        return place / span
    speed = 1 / (span - easing)
    rising = place**2 / (2 * easing)
    falling = span - easing - (span - place) ** 2 / (2 * easing)
    return speed * np.where(place < easing, rising, np.where(place > span - easing, falling, place - easing / 2))
