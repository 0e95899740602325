from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import decay_histogram, intensity_trace


def t3(dtimes, channels=None, period=100.0, resolution=1.0):
    n = len(dtimes)
    given_ = np.zeros(n, np.uint8) if channels is None else np.array(channels, np.uint8)
    return Tags(
        np.zeros(n, np.int64), given_, 10, np.zeros(n, np.int64), np.array(dtimes, np.int32), period, resolution
    )


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-40, 300), st.integers(0, 1)), max_size=25),
    st.sampled_from([100.0, 97.3, 100 / 3]),
    st.sampled_from([1.0, 2.5, 0.1, 1e-20]),
    st.integers(1, 40),
    st.none() | st.integers(1, 30),
    st.booleans(),
)
def test_delays_are_counted_where_exact_arithmetic_puts_them(photons, period, resolution, width, bins, wrap):
    tags = t3([d for d, _ in photons], [c for _, c in photons], period, resolution)
    expected = [0] * (bins or math.ceil(Fraction(period) / width))
    for dtime, channel in photons:
        delay = dtime * Fraction(resolution)
        index = math.floor((delay % Fraction(period) if wrap else delay) / width)
        if channel == 1 and 0 <= index < len(expected):
            expected[index] += 1
    found = decay_histogram(tags, width, 1, bins=bins, wrap=wrap)
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_numbers_beyond_sixty_four_bits_are_counted_too():
    tags = t3([2**31 - 1, 5, -(2**31)], resolution=0.1)
    assert decay_histogram(tags, "0.1 ms", 0, bins=3).tolist() == [1, 0, 1]
    assert decay_histogram(tags, 1, 0).sum() == 1


def test_a_recording_without_photons_has_an_empty_decay():
    assert decay_histogram(t3([]), "10 ps", 0).tolist() == [0] * 10


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-20, 150), st.integers(0, 2)), max_size=30),
    st.integers(1, 60),
    st.integers(0, 130),
    st.none() | st.integers(0, 2),
)
def test_the_trace_counts_the_photons_of_each_whole_bin(photons, width, duration, channel):
    times = np.array([t for t, _ in photons], np.int64)
    tags = Tags(times, np.array([c for _, c in photons], np.uint8), duration)
    expected = [
        sum(k * width <= t < (k + 1) * width and channel in (None, c) for t, c in photons)
        for k in range(duration // width)
    ]
    found = intensity_trace(tags, f"{width} ps", channel)
    assert found.tolist() == expected
    assert found.dtype == np.int64


T3 = t3([5])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: decay_histogram(Tags(np.zeros(0, np.int64), np.zeros(0, np.uint8), 5), 1, 0), "needs the delay.*T2"),
        (lambda: decay_histogram(replace(T3, period=None), 1, 0), "does not know its period; state the number of bins"),
        (lambda: decay_histogram(replace(T3, period=None), 1, 0, bins=5, wrap=True), "does not know its period"),
        (lambda: decay_histogram(T3, 0, 0), "bin_width is 0 ps; it must be at least 1 ps"),
        (lambda: decay_histogram(T3, 1, 0, bins=0), "bins is 0; it must be a whole number from 1"),
        (lambda: decay_histogram(replace(T3, period=1e12), 1, 0), "1000000000000 bins of 1 ps take"),
        (lambda: decay_histogram(T3, 1, 256), "channel is 256"),
        (lambda: intensity_trace(replace(T3, duration=10**12), 1), "1000000000000 bins of 1 ps take"),
        (lambda: intensity_trace(T3, "1 m"), "bin_width: .*cannot be expressed in ps"),
    ],
)
def test_unusable_requests_say_what_is_wrong(call, says):
    with pytest.raises(UsageError, match=says):
        call()
