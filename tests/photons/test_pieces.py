"""A recording cut into pieces holds the same photons, however it was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.pieces import pieces


def tags(times: np.ndarray, marks: tuple[tuple[int, int], ...] = (), period: float | None = None) -> Tags:
    pulses = None if period is None else np.floor_divide(times, period).astype(np.int64)
    return Tags(
        times=times.astype(np.int64),
        channels=(np.arange(len(times)) % 2).astype(np.uint8),
        duration=1000,
        pulses=pulses,
        dtimes=None if pulses is None else (times - np.round(pulses * period)).astype(np.int32),
        period=period,
        marker_values=np.array([value for value, _ in marks], np.uint8),
        marker_times=np.array([time for _, time in marks], np.int64),
    )


def chunked(whole: Tags, cuts: list[int]) -> Iterator[Tags]:
    """Yield a recording in parts; a marker goes with the first part that reaches its time."""
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    done = 0
    for number, (low, high) in enumerate(pairwise(edges), 2):
        part = whole.take(slice(low, high))
        last = 10**18 if number == len(edges) else int(whole.times[high - 1]) if high else -1
        upto = int(np.searchsorted(whole.marker_times, last, "right"))
        yield replace(part, marker_times=whole.marker_times[done:upto], marker_values=whole.marker_values[done:upto])
        done = max(done, upto)


streams = st.lists(st.integers(0, 999), max_size=60).map(lambda found: np.sort(np.array(found, np.int64)))


@settings(deadline=None)
@given(times=streams, cuts=st.lists(st.integers(0, 60), max_size=5), length=st.integers(1, 400))
def test_equal_pieces_hold_every_photon_once_whatever_the_chunks(times, cuts, length) -> None:
    found = list(pieces(chunked(tags(times), cuts), length=length, duration=1000, marked=False))
    again = np.concatenate([piece.times + begin for _, begin, piece in found]) if found else np.empty(0)
    assert np.array_equal(again, times)
    assert [begin for _, begin, _ in found] == list(range(0, 1000, length))[: len(found)]
    assert sum(piece.duration for *_, piece in found) in (0, 1000)


@settings(deadline=None)
@given(times=streams, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_marked_pieces_hold_what_lies_between_their_markers(times, cuts) -> None:
    marks = ((3, 0), (15, 100), (1, 250), (15, 600), (1, 600), (15, 900))
    found = list(pieces(chunked(tags(times, marks), cuts), length=10, duration=1000, marked=True))
    assert [(mark, begin, piece.duration) for mark, begin, piece in found] == [
        (3, 0, 100),
        (1, 250, 350),
        (1, 600, 300),
    ]
    for _, begin, piece in found:
        inside = times[(times >= begin) & (times < begin + piece.duration)]
        assert np.array_equal(piece.times, inside - begin)


def test_a_piece_that_was_never_closed_reaches_to_the_end() -> None:
    found = list(pieces([tags(np.array([5, 700]), ((1, 600),))], length=10, duration=1000, marked=True))
    assert [(mark, begin, piece.duration, piece.times.tolist()) for mark, begin, piece in found] == [
        (1, 600, 400, [100])
    ]


def test_pulses_are_counted_from_the_start_of_the_piece() -> None:
    found = list(pieces([tags(np.array([5, 510, 777]), period=100.0)], length=500, duration=1000, marked=False))
    assert [piece.pulses.tolist() for *_, piece in found] == [[0], [0, 2]]
    assert [piece.dtimes.tolist() for *_, piece in found] == [[5], [10, 77]]
