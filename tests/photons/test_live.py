"""The live correlator equals the correlation of the whole recording, at every moment."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import Correlator, correlate, lag_edges


def thorough(examples):
    """Try many examples, however busy the machine is."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def recording(number, spread, seed=0, channels=3):
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(0, spread, number))
    return Tags(times, random.integers(0, channels, number).astype(np.uint8), duration=int(spread))


def pulsed(number, pulses, period, reach, seed=0):
    """A T3 recording whose delays exceed the period, so that times go back."""
    random = np.random.default_rng(seed)
    count = np.sort(random.integers(0, pulses, number))
    delays = random.integers(0, reach, number).astype(np.int32)
    times = np.rint(count * period + delays).astype(np.int64)
    channels = random.integers(0, 2, number).astype(np.uint8)
    return Tags(times, channels, round(pulses * period), pulses=count, dtimes=delays, period=period)


def chunks(tags, borders):
    borders = [0, *sorted(borders), len(tags)]
    for first, last in itertools.pairwise(borders):
        yield last, tags.take(slice(first, last))


@thorough(400)
@given(
    st.integers(0, 80),
    st.sampled_from([5, 300, 10_000]),
    st.sampled_from([(0, 1), (1, 0), (1, 1)]),
    st.integers(1, 20),
    st.integers(-200, 200),
    st.integers(1, 30),
    st.lists(st.integers(0, 80), max_size=12),
    st.integers(0, 9),
)
def test_every_snapshot_equals_the_correlation_of_what_came_so_far(number, spread, pair, width, low, bins, cuts, seed):
    tags = recording(number, spread, seed)
    high = low + bins * width
    live = Correlator(width, high, pair, min_lag=low)
    for last, chunk in chunks(tags, [min(cut, number) for cut in cuts]):
        live.add(chunk)
        so_far = tags.take(slice(0, last))
        assert np.array_equal(live.counts, correlate(so_far, width, high, channels=pair, min_lag=low))
        assert live.singles == tuple(int((so_far.channels == channel).sum()) for channel in pair)
    assert np.array_equal(live.finish(), correlate(tags, width, high, channels=pair, min_lag=low))


@thorough(150)
@given(
    st.integers(1, 80), st.sampled_from([(0, 1), (1, 1)]), st.lists(st.integers(0, 80), max_size=12), st.integers(0, 9)
)
def test_t3_recordings_whose_times_go_back_are_counted_as_a_whole(number, pair, cuts, seed):
    tags = pulsed(number, 40, 100.5, 350, seed)
    live = Correlator(25, 500, pair)
    for _, chunk in chunks(tags, [min(cut, number) for cut in cuts]):
        live.add(chunk)
    assert np.array_equal(live.counts, correlate(tags, 25, 500, channels=pair))


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_long_streams_are_equal_whatever_the_size_of_the_chunks(size):
    number = min(100_000, 2000 * size)
    tags = recording(number, number * 10**6, channels=2)
    live = Correlator("100 ps", "2 us")
    for first in range(0, number, size):
        live.add(tags.take(slice(first, first + size)))
    assert np.array_equal(live.counts, correlate(tags, "100 ps", "2 us"))
    assert live.counts.sum() > 100


def test_only_the_tags_within_the_longest_lag_are_remembered():
    tags = recording(100_000, 10**11, channels=2)
    live = Correlator(100, 10**7)
    for _, chunk in chunks(tags, range(1000, 100_000, 1000)):
        live.add(chunk)
        kept = [tail.base if tail.base is not None else tail for tail in live._tails]
        assert sum(len(tail) for tail in kept) < 60
    live.finish()
    assert sum(len(tail) for tail in live._tails) == 0


def test_snapshots_stay_as_they_are_and_times_are_told():
    live = Correlator("1 ns", "10 ns")
    assert live.live_time == 0
    assert np.array_equal(live.edges, lag_edges("1 ns", "10 ns"))
    live.add(Tags(np.array([0, 500]), np.array([0, 1], np.uint8), duration=10**12))
    before = live.counts
    live.add(Tags(np.array([10**12, 10**12 + 1]), np.array([0, 1], np.uint8), duration=2 * 10**12))
    live.add(Tags(np.empty(0, np.int64), np.empty(0, np.uint8), duration=3 * 10**12))
    assert before.sum() == 1
    assert live.counts.sum() == 2
    assert live.live_time == 3.0


def test_chunks_that_go_back_are_refused_and_change_nothing():
    live = Correlator(10, 100)
    live.add(Tags(np.array([0, 50]), np.array([0, 1], np.uint8), duration=60))
    with pytest.raises(UsageError, match=r"the chunk starts at 49 ps, before the photon at 50 ps.*add them in order"):
        live.add(Tags(np.array([49]), np.array([0], np.uint8), duration=60))
    with pytest.raises(UsageError, match=r"tags.times is not sorted: tag 1 at 60 ps comes after tag 0 at 70 ps"):
        live.add(Tags(np.array([70, 60]), np.array([0, 1], np.uint8), duration=80))
    with pytest.raises(UsageError, match="leave 2\\^62 ps"):
        live.add(Tags(np.array([2**62]), np.array([0], np.uint8), duration=80))
    live.add(Tags(np.array([50]), np.array([0], np.uint8), duration=60))
    assert live.singles == (2, 1)
    live.finish()
    with pytest.raises(UsageError, match="finished; make a new one"):
        live.add(Tags(np.array([99]), np.array([0], np.uint8), duration=100))


def test_the_window_is_checked_at_once():
    with pytest.raises(UsageError, match="no whole number of bins"):
        Correlator(300, 50_000)
    with pytest.raises(UsageError, match="a channel is a whole number"):
        Correlator(100, 50_000, (0, 300))


@pytest.mark.slow
def test_a_million_photons_a_second_take_two_percent_of_a_processor():
    tags = recording(10**6, 10**12, channels=2)
    pieces = [chunk for _, chunk in chunks(tags, range(10_000, 10**6, 10_000))]
    spent = []
    for _ in range(5):
        live = Correlator("100 ps", "50 ns")
        began = time.process_time()
        for chunk in pieces:
            live.add(chunk)
        spent.append(time.process_time() - began)
    assert sorted(spent)[2] < 0.02
