"""The stretches that markers set apart in a recording, cut out and joined."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ..core.errors import UsageError
from ..core.tags import Tags
from . import checks
from .marks import END
from .streams import joined_tags, pulsed_times


def segments(tags: Tags) -> list[tuple[int, int, int]]:
    """Return (mark, start, end) of each segment that markers set apart, in ps, in their order.

    A marker of 1 to 14 starts a segment, 15 ends it. A start before the last end ends the segment before it, and the
    recording ends the last one; an end without a start is passed over.

    Raises:
        UsageError: markers out of order.
    """
    if len(tags.marker_times) and bool((tags.marker_times[1:] < tags.marker_times[:-1]).any()):
        raise checks.disorder(tags.marker_times, "tags.marker_times", "sort the markers")
    found: list[tuple[int, int, int]] = []
    mark, start = END, 0
    markers = zip(tags.marker_values.tolist(), tags.marker_times.tolist(), strict=True)
    for value, time in (*markers, (END, max(tags.duration, start))):
        if mark != END:
            found.append((mark, start, max(time, start)))
        mark, start = value, time
    return found


def cut(tags: Tags, t0: int | str, t1: int | str) -> Tags:
    """Return the photons and markers with t0 <= time < t1 as a recording of its own, which starts at t0.

    T3: it starts at the last pulse at or before t0 instead, which becomes pulse 0, so that times and pulses agree.

    Raises:
        UsageError: an end before the start.
    """
    start, end = checks.picoseconds(t0, "t0"), checks.picoseconds(t1, "t1")
    if end < start:
        raise UsageError(f"a segment from {start} to {end} ps ends before it starts")
    kept = tags.take((tags.times >= start) & (tags.times < end))
    marked = (tags.marker_times >= start) & (tags.marker_times < end)
    pulse = 0
    if kept.pulses is not None and tags.period is not None:
        pulse = math.floor(start / Fraction(tags.period))
        start = math.floor(pulse * Fraction(tags.period))
    return replace(
        _moved(kept, -start, -pulse),
        duration=end - start,
        marker_times=tags.marker_times[marked] - start,
        marker_values=tags.marker_values[marked],
    )


def concatenate(*recordings: Tags, gap: int | str = 0) -> Tags:
    """Return recordings one after the other as one, `gap` apart; no pair across it is nearer than that.

    T3: each starts at the next pulse.

    Args:
        recordings: chunks that each start at 0, of one kind.
        gap: ps or text between the end of one and the start of the next.

    Raises:
        UsageError: no recording, recordings of unlike kinds, or a negative gap.
    """
    between = checks.picoseconds(gap, "gap")
    if between < 0:
        raise UsageError(f"gap is {between} ps; it must not be negative")
    parts: list[Tags] = []
    end = start = 0
    for tags in recordings:
        pulse = 0
        if tags.is_pulsed and tags.period is not None:
            pulse = math.ceil(start / Fraction(tags.period))
            start = math.ceil(pulse * Fraction(tags.period))
        moved = _moved(tags, start, pulse)
        parts.append(replace(moved, marker_times=tags.marker_times + start))
        end = start + tags.duration
        start = end + between
    return replace(joined_tags(parts, "concatenate"), duration=end)


def _moved(tags: Tags, ps: int, pulses: int) -> Tags:
    times = tags.times + np.int64(ps)
    if tags.pulses is None:
        return replace(tags, times=times)
    moved = replace(tags, pulses=tags.pulses + np.int64(pulses))
    return replace(moved, times=pulsed_times(moved, times))
