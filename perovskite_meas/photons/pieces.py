"""A recording cut into pieces as it is read: between its markers, or by time; memory holds one piece."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ..core.tags import Tags, joined
from .marks import END

UNMARKED = 1

Piece = tuple[int, int, Tags]
"""Mark, start in ps, tags from the start of the piece on."""


def pieces(chunks: Iterable[Tags], *, length: int, duration: int, marked: bool) -> Iterator[Piece]:
    """Yield every piece of a recording.

    A piece of a marked recording lies between a marker 1 to 14 and the next marker 15, and photons outside are left
    out. Else pieces follow each other every `length` ps from 0 to `duration`, mark 1.

    Args:
        chunks: consecutive parts of one recording, whose times continue.
        length: of a piece without markers, in ps.
        duration: of the whole recording, in ps.
        marked: whether its markers are of this kind; those of other recorders mean something else.
    """
    return _by_markers(chunks, duration) if marked else _by_time(chunks, length, duration)


def _by_markers(chunks: Iterable[Tags], duration: int) -> Iterator[Piece]:
    held: list[Tags] = []
    opened: tuple[int, int] | None = None
    for chunk in chunks:
        held.append(chunk)
        for value, time in zip(chunk.marker_values.tolist(), chunk.marker_times.tolist(), strict=True):
            if value != END:
                opened = value, time
            elif opened is not None:
                yield *opened, _between(held, opened[1], time)
                opened = None
        if opened is None:
            held = []
    if opened is not None:
        yield *opened, _between(held, opened[1], max(duration, opened[1] + 1))


def _by_time(chunks: Iterable[Tags], length: int, duration: int) -> Iterator[Piece]:
    held: list[Tags] = []
    begin = 0
    end_of_all = duration
    for chunk in chunks:
        held.append(chunk)
        if not len(chunk):
            continue
        latest = int(chunk.times.max())
        end_of_all = max(end_of_all, latest + 1)
        # Delays longer than the period set photons of the next part a little back.
        settled = latest - math.ceil(2 * (chunk.period or 0.0))
        while begin + length <= settled:
            yield UNMARKED, begin, _between(held, begin, begin + length)
            begin += length
        held = [part for part in held if len(part) and int(part.times.max()) >= begin]
    while begin < end_of_all and held:
        end = min(begin + length, end_of_all)
        yield UNMARKED, begin, _between(held, begin, end)
        begin = end


def _between(parts: list[Tags], begin: int, end: int) -> Tags:
    """Return the photons of [begin, end) with times, and pulses, from `begin` on."""
    inside = joined([part.take((part.times >= begin) & (part.times < end)) for part in parts])
    pulses = dtimes = None
    if inside.pulses is not None and inside.period:
        pulses, dtimes = inside.pulses - math.floor(begin / inside.period), inside.dtimes
    return replace(
        inside,
        times=inside.times - begin,
        duration=end - begin,
        pulses=pulses,
        dtimes=dtimes,
        marker_times=np.empty(0, np.int64),
        marker_values=np.empty(0, np.uint8),
    )
