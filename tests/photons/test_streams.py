from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import lag_correlate, mask_afterpulses, mask_dead_time, merge, with_delays
from perovskite_meas.photons.cutting import concatenate, cut, segments

times = st.lists(st.integers(0, 60), max_size=20).map(sorted)
merged = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2)), max_size=25).map(
    lambda drawn: sorted(drawn, key=lambda photon: photon[0])
)


def t2(photons, duration=100, marks=()):
    return Tags(
        np.array([t for t, _ in photons], np.int64),
        np.array([c for _, c in photons], np.uint8),
        duration,
        marker_times=np.array([t for t, _ in marks], np.int64),
        marker_values=np.array([v for _, v in marks], np.uint8),
    )


def t3(photons, period=100.0, resolution=1.0, marks=(), duration=10_000):
    pulses = np.array([p for p, _, _ in photons], np.int64)
    dtimes = np.array([d for _, d, _ in photons], np.int32)
    plain = t2([(0, c) for _, _, c in photons], duration, marks)
    moments = np.rint(pulses * (period or 100.0) + dtimes * resolution).astype(np.int64)
    return replace(plain, times=moments, pulses=pulses, dtimes=dtimes, period=period, resolution=resolution)


def listed(tags):
    return list(zip(tags.times.tolist(), tags.channels.tolist(), strict=True))


@settings(max_examples=80, deadline=None)
@given(times, times, merged)
def test_merging_sorts_by_time_and_keeps_the_order_given_among_equals(a, b, c):
    found = merge((np.array(a, np.int64), 5), t2(c), (np.array(b, np.int64), 7))
    expected = sorted([*((t, 5) for t in a), *c, *((t, 7) for t in b)], key=lambda photon: photon[0])
    assert listed(found) == expected


def test_merging_keeps_the_longest_duration_all_markers_and_any_overflow():
    one = t2([(5, 0)], 10, [(4, 1), (8, 15)])
    two = replace(t2([(2, 1)], 30, [(6, 3)]), overflow=True)
    found = merge(one, two)
    assert (found.duration, found.overflow) == (30, True)
    assert (found.marker_times.tolist(), found.marker_values.tolist()) == ([4, 6, 8], [1, 3, 15])


def test_merging_pulsed_recordings_keeps_pulses_in_order_where_times_go_back():
    one, two = t3([(0, 350, 0), (3, 0, 0)]), t3([(1, 10, 1), (3, 0, 1)])
    found = merge(one, two)
    assert found.pulses.tolist() == [0, 1, 3, 3]
    assert found.channels.tolist() == [0, 1, 0, 1]
    assert found.dtimes.tolist() == [350, 10, 0, 0]


@settings(max_examples=80, deadline=None)
@given(merged, st.integers(-70, 70), st.integers(-70, 70))
def test_delays_move_their_channels_and_order_is_restored(photons, d0, d2):
    found = with_delays(t2(photons), {0: d0, 2: f"{d2} ps"})
    delay = {0: d0, 1: 0, 2: d2}
    assert listed(found) == sorted(((t + delay[c], c) for t, c in photons), key=lambda photon: photon[0])


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("delay", [-3200, 130, 99])
def test_pulsed_delays_shift_the_correlation_by_exactly_that(wrap, delay):
    rng = np.random.default_rng(1)
    photons = sorted((int(p), int(d), int(c)) for p, d, c in rng.integers((0, 0, 0), (300, 100, 2), (200, 3)))
    tags = t3(photons)
    moved = with_delays(tags, {1: delay}, wrap=wrap)
    before = lag_correlate(tags, 1, 6000, min_lag=-6000)
    after = lag_correlate(moved, 1, 6000 + delay, min_lag=-6000 + delay)
    assert before.tolist() == after.tolist()
    assert moved.times.tolist() == (moved.pulses * 100 + moved.dtimes).tolist()
    if wrap:
        assert moved.dtimes.min() >= 0
        assert moved.dtimes.max() < 100


def test_pulsed_delays_are_rounded_to_the_resolution():
    found = with_delays(t3([(1, 10, 0), (1, 12, 1)], period=1000.0, resolution=16.0), {0: 70})
    assert found.dtimes[found.channels == 0].tolist() == [14]
    assert found.times[found.channels == 0].tolist() == [1000 + 14 * 16]


def test_pulsed_delays_without_a_period_shift_the_times():
    found = with_delays(t3([(1, 10, 0)], period=None), {0: -30})
    assert (found.dtimes.tolist(), found.times.tolist()) == ([-20], [80])


@settings(max_examples=80, deadline=None)
@given(merged, st.integers(1, 30))
def test_masks_keep_what_a_walk_through_each_channel_keeps(photons, least):
    alive, first = [], []
    last_kept, last_seen = {}, {}
    for t, c in photons:
        if t - last_kept.get(c, -1000) >= least:
            alive.append((t, c))
            last_kept[c] = t
        if t - last_seen.get(c, -1000) >= least:
            first.append((t, c))
        last_seen[c] = t
    assert listed(mask_dead_time(t2(photons), least)) == alive
    assert listed(mask_afterpulses(t2(photons), f"{least} ps")) == first


def test_markers_set_segments_apart():
    tags = t2([], 100, [(5, 15), (10, 1), (20, 15), (30, 2), (40, 3), (60, 15), (90, 4)])
    assert segments(tags) == [(1, 10, 20), (2, 30, 40), (3, 40, 60), (4, 90, 100)]
    assert segments(t2([(3, 0)])) == []


@settings(max_examples=60, deadline=None)
@given(merged, st.integers(0, 60), st.integers(0, 60))
def test_a_cut_holds_the_photons_between_its_ends_counted_from_its_start(photons, a, b):
    start, end = sorted((a, b))
    found = cut(t2(photons, marks=[(10, 1), (50, 15)]), start, end)
    assert listed(found) == [(t - start, c) for t, c in photons if start <= t < end]
    assert found.marker_times.tolist() == [t - start for t in (10, 50) if start <= t < end]
    assert found.duration == end - start


def test_a_pulsed_cut_starts_at_its_first_pulse_and_keeps_the_rule_of_times():
    period = 100.4
    tags = t3([(p, 7 * p, 0) for p in range(12)], period, 0.5, [(450, 2)])
    found = cut(tags, 430, "1 ns")
    kept = (tags.times >= 430) & (tags.times < 1000)
    assert found.pulses.tolist() == (tags.pulses[kept] - 4).tolist()
    assert found.dtimes.tolist() == tags.dtimes[kept].tolist()
    assert found.times.tolist() == [
        round(p * Fraction(period) + d * Fraction(0.5))
        for p, d in zip(found.pulses, found.dtimes.tolist(), strict=True)
    ]
    assert (found.duration, found.marker_times.tolist()) == (1000 - 401, [450 - 401])


def test_a_pulsed_cut_without_a_period_keeps_its_pulse_numbers():
    found = cut(t3([(3, 5, 0), (6, 5, 0)], period=None), 400, 700)
    assert (found.pulses.tolist(), found.times.tolist()) == ([6], [205])


def test_cuts_put_together_again_are_the_recording():
    rng = np.random.default_rng(2)
    photons = sorted((int(t), int(c)) for t, c in rng.integers((0, 0), (1000, 3), (50, 2)))
    tags = t2(photons, 1000, [(0, 1), (500, 15)])
    found = concatenate(cut(tags, 0, 300), cut(tags, 300, 1000))
    assert listed(found) == photons
    assert (found.duration, found.marker_times.tolist()) == (1000, [0, 500])


def test_a_gap_keeps_pairs_of_two_chunks_apart():
    chunk = t2([(0, 0), (95, 1)], 100, [(3, 1)])
    found = concatenate(chunk, chunk, gap="1 ns")
    assert listed(found) == [(0, 0), (95, 1), (1100, 0), (1195, 1)]
    assert (found.duration, found.marker_times.tolist()) == (1200, [3, 1103])


def test_pulsed_chunks_go_on_at_the_next_pulse():
    chunk = t3([(0, 5, 0), (2, 9, 1)], 100.0, duration=250)
    found = concatenate(chunk, chunk, chunk)
    assert found.pulses.tolist() == [0, 2, 3, 5, 6, 8]
    assert found.times.tolist() == [5, 209, 305, 509, 605, 809]
    assert found.duration == 850


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: merge(), "merge needs at least one stream"),
        (lambda: merge((np.array([3, 1]), 0)), "times is not sorted: tag 1 at 1 ps"),
        (lambda: merge((np.array([3]), -1)), "channel is -1"),
        (lambda: merge(t2([]), t3([])), "T2 recordings or T3 recordings; got Tags.*T2.*Tags.*T3"),
        (lambda: merge(t3([]), t3([], 99.0)), "T3 recordings of one clock; got a period of 100.0 ps"),
        (lambda: with_delays(t2([]), {0: "0.5 ps"}), "delay of channel 0 is 0.5 ps, which is no whole number"),
        (lambda: with_delays(t2([]), {300: 1}), "a channel of delays is 300"),
        (lambda: with_delays(t3([(0, 1, 0)]), {0: "1 s"}), "beyond 32 bits"),
        (lambda: with_delays(t3([], period=None), {0: 1}, wrap=True), "cannot wrap"),
        (lambda: mask_dead_time(t2([]), 0), "dead_time is 0 ps; it must be at least 1 ps"),
        (lambda: mask_afterpulses(t2([]), "-1 ns"), "window is -1000 ps"),
        (lambda: segments(t2([], 10, [(5, 1), (2, 15)])), "tags.marker_times is not sorted"),
        (lambda: cut(t2([]), 10, 5), "from 10 to 5 ps ends before it starts"),
        (lambda: concatenate(), "concatenate needs at least one stream"),
        (lambda: concatenate(t2([]), gap=-1), "gap is -1 ps; it must not be negative"),
    ],
)
def test_unusable_requests_say_what_is_wrong(call, says):
    with pytest.raises(UsageError, match=says):
        call()
