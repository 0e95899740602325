"""The data recorder of a simulated PI piezo controller, and the text in which PI controllers send arrays of numbers.

Source: E-727 manual (E727T0005) p. 66, 67: starting the wave generator always starts a recording, which ends when its
tables are full; 262144 points over 8 tables. Unverified against the manual: the lines of the header beyond those that
PI's pipython reads, that the first point is recorded at once, and that points which were never recorded read 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gcs import GcsError, Handler, groups, whole

TABLES, POINTS = 8, 32768
_NOTHING, _COMMANDED, _ACTUAL = 0, 1, 2
_BAD_TABLE, _BAD_OPTION = 57, 58
_NAMES = {_NOTHING: "Nothing", _COMMANDED: "Target Position of axis", _ACTUAL: "Actual Position of axis"}


class Recorder:
    """Records the sensor and the target of one axis from a start on, until its tables are full.

    Args:
        port: the World's port with `sensors(times)`.
        axis: the axis's name.
        cycle: seconds of a servo cycle.
        commanded: the target at given times, in um.
    """

    def __init__(
        self, port: Any, axis: str, cycle: float, commanded: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> None:
        self._port = port
        self._axis = axis
        self._cycle = cycle
        self._commanded = commanded
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a restart does."""
        self._rate = 1
        self._dt = self._cycle
        self._options = dict.fromkeys(range(1, TABLES + 1), _NOTHING) | {1: _ACTUAL, 2: _COMMANDED}
        self._triggers = dict.fromkeys(range(1, TABLES + 1), 0)
        self._start: float | None = None
        self._count = 0
        self._chunks: dict[int, list[NDArray[np.float64]]] = {_COMMANDED: [], _ACTUAL: []}

    def start(self, now: float) -> None:
        """Begin a recording at time `now`, in place of the last one."""
        self._start, self._dt, self._count = now, self._cycle * self._rate, 0
        self._chunks = {_COMMANDED: [], _ACTUAL: []}

    def catch_up(self, now: float) -> None:
        """Record all that is due by time `now`; called before the motion changes."""
        if self._start is None:
            return
        due = min(int((now - self._start) / self._dt + 1e-6) + 1, POINTS)
        if due > self._count:
            times: NDArray[np.float64] = self._start + self._dt * np.arange(self._count, due, dtype=np.float64)
            self._chunks[_ACTUAL].append(np.asarray(self._port.sensors(times), float))
            self._chunks[_COMMANDED].append(self._commanded(times))
            self._count = due

    def commands(self) -> dict[str, Handler]:
        """Return what this part of the controller understands."""
        return {
            "DRC": self._set_options,
            "DRC?": lambda words, now: [f"{table}={self._axis} {self._options[table]}" for table in _tables(words)],
            "DRT": self._set_triggers,
            "DRT?": lambda words, now: [f"{table}={self._triggers[table]} 0" for table in _tables(words)],
            "RTR": self._set_rate,
            "RTR?": lambda words, now: [str(self._rate)],
            "DRL?": self._length,
            "DRR?": self._read,
            "HDR?": lambda words, now: list(_OPTIONS),
            "TNR?": lambda words, now: [str(TABLES)],
            "WGR": lambda words, now: self.start(now),
        }

    def _set_options(self, words: list[str], now: float) -> None:
        for table, axis, option in groups(words, 3):
            kind = whole(option, 0, 1000)
            if kind not in _NAMES or (kind != _NOTHING and axis != self._axis):
                raise GcsError(_BAD_OPTION)
            self._options[_table(table)] = kind

    def _set_triggers(self, words: list[str], now: float) -> None:
        for table, source, _ in groups(words, 3):
            chosen = _tables([]) if table == "0" else [_table(table)]
            self._triggers |= dict.fromkeys(chosen, whole(source, 0, 9))

    def _set_rate(self, words: list[str], now: float) -> None:
        self._rate = whole(groups(words, 1)[0][0], 1, 1_000_000)

    def _length(self, words: list[str], now: float) -> list[str]:
        self.catch_up(now)
        return [f"{table}={self._count}" for table in _tables(words)]

    def _read(self, words: list[str], now: float) -> list[str]:
        self.catch_up(now)
        first = whole(words[0], 1, POINTS) if words else 1
        count = whole(words[1], 1, POINTS + 1 - first) if len(words) > 1 else max(self._count, 1)
        tables = _tables(words[2:])
        columns = []
        for table in tables:
            chunks = self._chunks.get(self._options[table], [])
            recorded = np.concatenate(chunks) if chunks else np.zeros(0)
            columns.append(np.pad(recorded, (0, POINTS - len(recorded)))[first - 1 : first - 1 + count])
        names = [f"{_NAMES[self._options[table]]} {self._axis}" for table in tables]
        return array(np.array(columns), names, self._dt)


def array(columns: NDArray[np.float64], names: list[str], dt: float) -> list[str]:
    """Return the lines of a GCS array.

    Args:
        columns: shape (columns, points).
        names: one for each column.
        dt: seconds between points.
    """
    head = ["TYPE = 1", "SEPARATOR = 32", f"DIM = {len(columns)}", f"SAMPLE_TIME = {dt:.6e}"]
    head += [f"NDATA = {columns.shape[1]}"]
    head += [f"NAME{place} = {name}" for place, name in enumerate(names)]
    rows = [" ".join(f"{value:.7f}" for value in row) for row in columns.T]
    return [*(f"# {line}" for line in [*head, "END_HEADER"]), *rows]


def _table(word: str) -> int:
    try:
        return whole(word, 1, TABLES)
    except GcsError:
        raise GcsError(_BAD_TABLE) from None


def _tables(words: list[str]) -> list[int]:
    return [_table(word) for word in words] or list(range(1, TABLES + 1))


_OPTIONS = (
    "#RecordOptions",
    *(f"{number}={name}" for number, name in _NAMES.items()),
    "#TriggerOptions",
    "0=default setting",
    "4=immediately",
    "#Additional information",
    f"{TABLES} record tables",
    f"{POINTS} datapoints per table",
    "end of help",
)
