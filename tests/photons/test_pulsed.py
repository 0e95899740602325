from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import correlate, lag_correlate, pulse_correlate
from perovskite_meas.photons.fold import fold_to_pulses
from perovskite_meas.photons.pulsed import PulseCorrelator


def recording(photons, period=100.0, resolution=1.0):
    """Photons are (pulse, dtime, channel)."""
    photons = sorted(photons, key=lambda photon: photon[0])
    pulses = np.array([p for p, _, _ in photons], np.int64)
    dtimes = np.array([d for _, d, _ in photons], np.int32)
    times = np.rint(pulses * (period or 100.0) + dtimes * resolution).astype(np.int64)
    channels = np.array([c for _, _, c in photons], np.uint8)
    return Tags(times, channels, 10**6, pulses, dtimes, period, resolution)


def pairs(tags, channels):
    """Every ordered pair of different photons of two channels, as (pulse lag, first, second)."""
    n = len(tags)
    return [
        (int(tags.pulses[j] - tags.pulses[i]), i, j)
        for i in range(n)
        for j in range(n)
        if i != j and tags.channels[i] == channels[0] and tags.channels[j] == channels[1]
    ]


photons = st.lists(st.tuples(st.integers(-3, 40), st.integers(-50, 260), st.integers(0, 2)), max_size=30)
two_channels = st.sampled_from([(0, 1), (1, 0), (1, 1), (0, 2)])


@settings(max_examples=80, deadline=None)
@given(photons, two_channels, st.integers(0, 12), st.sampled_from([1.0, 2.0, 0.1]), st.floats(0, 20))
def test_pulse_lags_are_those_of_all_pairs_behind_their_gates(drawn, channels, farthest, resolution, gate):
    tags = recording(drawn, resolution=resolution)
    gates = {0: gate, 1: gate / 2}
    found = pulse_correlate(tags, farthest, channels=channels, gates=(gate, gate / 2))
    expected = np.zeros(2 * farthest + 1, np.int64)

    def passes(photon, side):
        return Fraction(resolution) * int(tags.dtimes[photon]) >= Fraction(gates[side])

    if channels[0] == channels[1]:
        assert pulse_correlate(tags, farthest, channels=channels).sum() % 2 == 0
    for lag, i, j in pairs(tags, channels):
        if abs(lag) <= farthest and passes(i, 0) and passes(j, 1):
            expected[lag + farthest] += 1
    assert found.tolist() == expected.tolist()


@settings(max_examples=60, deadline=None)
@given(photons, two_channels, st.integers(0, 12), st.lists(st.integers(0, 30), max_size=4))
def test_chunks_count_like_the_whole_recording(drawn, channels, farthest, cuts):
    tags = recording(drawn)
    edges = [0, *sorted(min(c, len(tags)) for c in cuts), len(tags)]
    correlator = PulseCorrelator(farthest, channels=channels, gates=(3, "10 ps"))
    for first, last in pairwise(edges):
        correlator.add(tags.take(slice(first, last)))
    whole = pulse_correlate(tags, farthest, channels=channels, gates=(3, "10 ps"))
    assert correlator.counts.tolist() == whole.tolist()


periods = st.sampled_from([100.0, 97.3, 100 / 3, 12.5, 1.0, 61.00000000000001, 1e5 / 7])
resolutions = st.sampled_from([1.0, 4.0, 0.1, 2.5, 1 / 3])


@settings(max_examples=150, deadline=None)
@given(photons, two_channels, periods, resolutions, st.integers(1, 30), st.integers(-40, 40), st.integers(1, 40))
def test_time_lags_are_those_of_exact_arithmetic(drawn, channels, period, resolution, width, start, bins):
    tags = recording(drawn, period, resolution)
    low = start * width
    found = lag_correlate(tags, width, low + bins * width, min_lag=low, channels=channels)
    expected = np.zeros(bins, np.int64)
    for lag, i, j in pairs(tags, channels):
        exact = lag * Fraction(period) + int(tags.dtimes[j] - tags.dtimes[i]) * Fraction(resolution)
        index = math.floor((exact - low) / width)
        if 0 <= index < bins:
            expected[index] += 1
    assert found.tolist() == expected.tolist()


def test_lags_on_the_edges_of_bins_count_above_them_for_every_width():
    for width in range(1, 120):
        tags = recording([(0, 0, 0), (1, 0, 1), (2, 0, 1)], 7.0 * width)
        found = lag_correlate(tags, width, 15 * width, min_lag=-width)
        assert np.flatnonzero(found).tolist() == [8, 15], width


def test_a_gate_between_two_steps_of_the_clock_lets_the_later_one_through():
    tags = recording([(0, 10, 0), (0, 11, 0), (0, 30, 1)])
    assert pulse_correlate(tags, 0, gates=("10.5 ps", 0)).tolist() == [1]
    assert pulse_correlate(tags, 0, gates=(11, 30)).tolist() == [1]
    assert pulse_correlate(tags, 0, gates=(10, 30.5)).tolist() == [0]


def test_a_chunk_that_ends_within_a_pulse_keeps_its_farthest_partners():
    first, second = recording([(0, 1, 0), (5, 1, 0)]), recording([(5, 2, 1)])
    correlator = PulseCorrelator(5)
    correlator.add(first)
    correlator.add(second)
    assert correlator.counts[5:].tolist() == [1, 0, 0, 0, 0, 1]


def test_far_pulses_of_a_period_that_binary_cannot_write_fall_in_their_exact_bin():
    period = 199_999.9
    last = 5 * 10**8
    tags = recording([(last, 0, 0), (last + 7, 1, 1)], period, 0.1)
    lag = 7 * Fraction(period) + Fraction(0.1)
    edge = math.floor(lag)
    assert lag_correlate(tags, 1, edge + 2, min_lag=edge - 1).tolist() == [0, 1, 0]


def test_a_delay_beyond_the_period_is_counted_at_its_true_lag():
    tags = recording([(0, 0, 0), (1, 350, 1), (2, 10, 1)])
    assert (np.diff(tags.times) < 0).any()
    found = lag_correlate(tags, 10, 500, min_lag=0)
    assert np.flatnonzero(found).tolist() == [21, 45]


def test_recordings_without_pulses_are_correlated_by_their_times():
    tags = Tags(np.array([0, 40, 90]), np.array([0, 1, 1], np.uint8), 1000)
    assert lag_correlate(tags, 10, 100).tolist() == correlate(tags, 10, 100).tolist()


def test_a_channel_that_is_not_there_counts_nothing():
    tags = recording([(0, 0, 0), (1, 5, 0)])
    assert lag_correlate(tags, 10, 100).sum() == 0
    assert pulse_correlate(tags, 3).sum() == 0
    assert pulse_correlate(recording([]), 3).tolist() == [0] * 7


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 2**53 - 1) | st.integers(0, 5000), max_size=20).map(sorted),
    st.floats(1, 2e9) | st.sampled_from([1.0, 200_000.0, 13_157.894736842105]),
)
def test_folding_finds_the_pulse_and_delay_of_exact_arithmetic(times, period):
    tags = Tags(np.array(times, np.int64), np.zeros(len(times), np.uint8), 2**53)
    folded = fold_to_pulses(tags, period)
    pulses = [math.floor(time / Fraction(period)) for time in times]
    assert folded.pulses.tolist() == pulses
    assert folded.dtimes.tolist() == [
        math.floor(time - pulse * Fraction(period)) for time, pulse in zip(times, pulses, strict=True)
    ]
    assert folded.period == period


def test_a_folded_recording_counts_like_the_times_it_came_from():
    rng = np.random.default_rng(5)
    times = np.sort(rng.integers(0, 10**6, 400))
    tags = Tags(times, rng.integers(0, 2, 400).astype(np.uint8), 10**6)
    folded = fold_to_pulses(tags, "200 ps", offset=-35)
    assert lag_correlate(folded, 50, 2000).tolist() == correlate(tags, 50, 2000).tolist()


def test_folding_drops_what_comes_before_the_first_pulse():
    tags = Tags(
        np.array([5, 12, 30]),
        np.zeros(3, np.uint8),
        100,
        marker_times=np.array([2, 20]),
        marker_values=np.array([1, 2], np.uint8),
    )
    folded = fold_to_pulses(tags, 10, offset=10)
    assert folded.times.tolist() == [2, 20]
    assert (folded.pulses.tolist(), folded.dtimes.tolist()) == ([0, 2], [2, 0])
    assert (folded.marker_times.tolist(), folded.duration) == ([10], 90)


T2 = Tags(np.array([3, 1]), np.zeros(2, np.uint8), 10)
T3 = recording([(0, 0, 0), (1, 5, 1)])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pulse_correlate(T2, 3), "pulse_correlate needs the laser pulse of each photon; .*T2.*fold_to_pulses"),
        (lambda: pulse_correlate(T3, -1), "max_pulses is -1; it must be a whole number from 0"),
        (lambda: pulse_correlate(T3, 1.5), "max_pulses is 1.5"),
        (lambda: pulse_correlate(T3, 1, channels=(0, 300)), "channels.1. is 300"),
        (lambda: pulse_correlate(T3, 1, gates=(float("nan"), 0)), "a gate is nan"),
        (lambda: pulse_correlate(replace(T3, pulses=T3.pulses[::-1].copy()), 1), "tags.pulses go back"),
        (lambda: lag_correlate(replace(T3, period=None), 1, 10), "time between laser pulses is None"),
        (lambda: lag_correlate(replace(T3, period=0.0), 1, 10), "time between laser pulses is 0.0"),
        (lambda: lag_correlate(T3, 3, 10), "is no whole number of bins"),
        (lambda: lag_correlate(replace(T3, resolution=1e-30), 1, 10), "need more than 122 bits"),
        (lambda: fold_to_pulses(T3, 10), "T3.* has its own"),
        (lambda: fold_to_pulses(T2, 10), "tags.times is not sorted: tag 1 at 1 ps"),
        (lambda: fold_to_pulses(T2, 0.5), "period is 0.5 ps; delays of 1 ps fit periods from 1 ps to 2 ms"),
        (lambda: fold_to_pulses(T2.take(slice(1)), 10, offset=-(2**53)), "the most is 9007199254740992 ps"),
    ],
)
def test_unusable_requests_say_what_to_do(call, says):
    with pytest.raises(UsageError, match=says):
        call()


def test_chunks_given_twice_are_refused():
    correlator = PulseCorrelator(5)
    correlator.add(T3)
    with pytest.raises(UsageError, match="start at pulse 0, before pulse 1 of those already counted"):
        correlator.add(T3)
