"""Markers that wait until the photons before them are written; shared by the writers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UsageError
from ...core.tags import Tags

_LATE = 1_000_000
"""ps by which markers may come late."""

Marks = tuple[NDArray[np.int64], NDArray[np.uint8]]


class PendingMarks:
    """Markers in order of time, handed out as the file reaches them."""

    def __init__(self) -> None:
        self._marks: list[tuple[int, int]] = []

    def add(self, value: int, time: float) -> None:
        """Keep a marker.

        Raises:
            UsageError: if the value does not fit into four bits, or the time makes no sense.
        """
        self._marks.append(_checked(value, time))

    def add_all(self, tags: Tags, written: int) -> None:
        """Keep the markers of these tags, where the file was written up to `written` ps.

        Recorders deliver markers some ten ns late, hence out of order by that much: such a marker moves to `written`.

        Raises:
            UsageError: if a marker lies earlier than that.
        """
        if len(tags.marker_times) and int(tags.marker_times.min()) < written - _LATE:
            raise UsageError(
                f"a marker at {tags.marker_times.min()} ps lies before the last event written ({written} ps); "
                "write tags in the order of time"
            )
        pairs = zip(tags.marker_times.tolist(), tags.marker_values.tolist(), strict=True)
        self._marks += [_checked(value, time) for time, value in pairs]

    def take(self, until: int | None = None) -> Marks:
        """Hand out the markers up to a time in ps, or all."""
        self._marks.sort(key=lambda mark: mark[0])
        due = [mark for mark in self._marks if until is None or mark[0] <= until]
        self._marks = self._marks[len(due) :]
        times = np.array([time for time, _ in due], np.int64)
        return times, np.array([value for _, value in due], np.uint8)


def _checked(value: int, time: float) -> tuple[int, int]:
    if not 1 <= value <= 15 or value != int(value):
        raise UsageError(f"marker value is {value}; markers are 1 to 15 (four bits)")
    if not math.isfinite(time) or time < 0:
        raise UsageError(f"a marker is set at {time} ps; time counts from the start of the recording")
    return int(time), int(value)
