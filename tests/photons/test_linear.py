"""Linear correlation: every kernel against brute force, and what is refused."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import checks, correlate, cross_correlate, lag_edges
from perovskite_meas.photons.kernels.bins import bin_of, factors
from perovskite_meas.photons.kernels.count import count_merged, count_separate, is_sparse, separate_method

METHODS = ("walk", "loops", "orders")


def thorough(examples):
    """Try many examples, however busy the machine is."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pairs(starts, stops, lags, *, same=False):
    """Count every pair one by one."""
    found = stops[None, :] - starts[:, None]
    found = found[~np.eye(len(starts), dtype=bool)] if same else found.ravel()
    found = found[(found >= lags.low) & (found < lags.high)]
    return np.bincount((found - lags.low) // lags.width, minlength=lags.bins)


def separate(starts, stops, lags, **options):
    counts = np.zeros(lags.bins, np.int64)
    assert count_separate(starts, stops, lags, counts, **options)
    return counts


def poisson(number, rate, seed=0):
    """Return two streams of about `number` tags each at `rate` per s."""
    random = np.random.default_rng(seed)
    return tuple(np.cumsum(random.exponential(1e12 / rate, number)).astype(np.int64) for _ in range(2))


def merged(one, two):
    times = np.concatenate((one, two))
    channels = np.repeat(np.array([0, 1], np.uint8), (len(one), len(two)))
    order = np.argsort(times, kind="stable")
    return times[order], channels[order]


@st.composite
def streams(draw):
    """Two small streams full of ties, at any place of the axis, and any window."""
    origin = draw(st.sampled_from([0, -50, 10**15, -(10**15)]))
    scale = draw(st.sampled_from([4, 60, 2000]))
    one, two = (
        np.sort(np.array(draw(st.lists(st.integers(0, scale), max_size=60)), np.int64)) + origin for _ in range(2)
    )
    width, low = draw(st.integers(1, 30)), draw(st.integers(-300, 300))
    return one, two, checks.Window(width, low, low + width * draw(st.integers(1, 40)))


@thorough(1000)
@given(streams())
def test_every_kernel_counts_what_brute_force_counts(case):
    one, two, lags = case
    expected = pairs(one, two, lags)
    for method in METHODS:
        assert np.array_equal(separate(one, two, lags, method=method), expected), method
    times, channels = merged(one, two)
    counts = np.zeros(lags.bins, np.int64)
    assert count_merged(times, channels, (0, 1), lags, counts)
    assert np.array_equal(counts, expected)


@thorough(500)
@given(streams())
def test_the_public_functions_count_what_brute_force_counts(case):
    one, two, lags = case
    asked = {"bin_width": lags.width, "max_lag": lags.high, "min_lag": lags.low}
    assert np.array_equal(cross_correlate(one, two, **asked), pairs(one, two, lags))
    times, channels = merged(one, two)
    tags = Tags(times, channels, duration=0)
    assert np.array_equal(correlate(tags, **asked), pairs(one, two, lags))
    assert np.array_equal(correlate(tags, channels=(1, 0), **asked), pairs(two, one, lags))
    assert np.array_equal(correlate(tags, channels=(1, 1), **asked), pairs(two, two, lags, same=True))


@pytest.mark.parametrize("lags", [(100, 50_000), (1000, 1_000_000), (7, 7 * 600), (4096, 4096 * 2000)])
@pytest.mark.parametrize("rate", [1e5, 1e6])
def test_all_kernels_and_threads_agree_on_long_streams(rate, lags):
    one, two = poisson(40_000, rate)
    lags = checks.Window(lags[0], -lags[1], lags[1])
    expected = separate(one, two, lags, method="walk")
    times, channels = merged(one, two)
    assert expected.sum() > 10
    for threads in (1, 2, 3):
        for method in METHODS:
            assert np.array_equal(separate(one, two, lags, method=method, threads=threads), expected)
        counts = np.zeros(lags.bins, np.int64)
        assert count_merged(times, channels, (0, 1), lags, counts, threads=threads)
        assert np.array_equal(counts, expected)
        assert np.array_equal(cross_correlate(one, two, lags.width, lags.high, threads=threads), expected)


def test_other_channels_between_two_photons_do_not_hide_the_pair():
    tags = Tags(np.array([0, 10, 20, 30]), np.array([0, 5, 5, 1], np.uint8), duration=40)
    assert correlate(tags, 10, 40).tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_streams_that_do_not_overlap_and_windows_far_from_zero_are_counted():
    one, two = np.arange(0, 1000, 10), np.arange(10**6, 10**6 + 1000, 10)
    lags = checks.Window(100, 10**6 - 500, 10**6 + 500)
    for method in METHODS:
        assert np.array_equal(separate(one, two, lags, method=method), pairs(one, two, lags))
        assert separate(two, one, lags, method=method).sum() == 0


def test_windows_of_seconds_are_counted_exactly():
    one, two = poisson(300, 100.0)
    lags = checks.Window(10**9 + 7, -2 * (10**9 + 7) * 1000, 2 * (10**9 + 7) * 1000)
    assert np.array_equal(cross_correlate(one, two, lags.width, lags.high), pairs(one, two, lags))


@thorough(500)
@given(st.integers(1, 2**40), st.integers(1, 2**26), st.data())
def test_the_bin_of_a_lag_is_the_whole_quotient(width, bins, data):
    span = min(width * bins, 2**62)
    numbers = factors(width, span)
    near = data.draw(st.integers(0, span - 1)) // width * width
    for offset in {0, span - 1, near, max(0, near - 1), min(span - 1, near + width - 1)}:
        assert int(bin_of(np.uint64(offset), *numbers)) == offset // width


def test_common_windows_need_no_division():
    for width, span in ((100, 100_000), (1000, 2_000_000), (512, 10**9), (333, 333 * 10**6)):
        assert factors(width, span)[0] > 0


def test_the_kernel_is_chosen_by_rate_and_window():
    one, two = poisson(20_000, 1e6)
    assert separate_method(one, two, 100_000) == "orders"
    assert separate_method(one, two, 20_000_000) == "loops"
    assert separate_method(one[:10], two, 100_000) == "walk"
    times, _ = merged(one, two)
    assert is_sparse(times, 50_000)
    assert not is_sparse(times, 1_000_000)


def test_edges_belong_to_the_half_open_bins():
    assert lag_edges("1 ns", "2 ns").tolist() == [-2000, -1000, 0, 1000, 2000]
    assert lag_edges(5, 20, min_lag=10).tolist() == [10, 15, 20]
    counts = cross_correlate(np.array([0]), np.array([-2000, 0, 2000]), "1 ns", "2 ns")
    assert counts.tolist() == [1, 0, 1, 0]


def test_photons_of_a_t3_recording_are_put_in_order():
    times = np.array([0, 110, 100, 200])
    pulses, dtimes = np.array([0, 0, 1, 2]), np.array([0, 110, 0, 0], np.int32)
    tags = Tags(times, np.array([0, 0, 1, 1], np.uint8), duration=300, pulses=pulses, dtimes=dtimes, period=100.0)
    assert correlate(tags, 10, 20).tolist() == [0, 1, 0, 0]


def test_streams_of_other_layouts_are_taken():
    one = np.arange(0, 100, 5)
    assert np.array_equal(cross_correlate(one[::2], one, 5, 50), cross_correlate(one[::2].copy(), one, 5, 50))
    assert cross_correlate([], one, 5, 50).tolist() == [0] * 20
    assert cross_correlate([0, 3], [3], 5, 5).tolist() == [0, 2]


@thorough(200)
@given(st.data())
def test_every_kernel_notices_tags_that_go_back(data):
    number = data.draw(st.sampled_from([3, 50, 6000]))
    one, two = poisson(number, 1e6, seed=data.draw(st.integers(0, 5)))
    wrong = data.draw(st.sampled_from([one, two]))
    place = data.draw(st.integers(1, number - 1))
    wrong[place] = wrong[place - 1] - data.draw(st.sampled_from([1, 10**6, 2**61]))
    lags = checks.Window(100, data.draw(st.sampled_from([-1000, -(10**6), 10**6])), 2 * 10**6)
    for method in METHODS:
        for threads in (1, 2):
            assert not count_separate(one, two, lags, np.zeros(lags.bins, int), method=method, threads=threads)
    for times in (one, two):
        channels = np.zeros(number, np.uint8)
        assert count_merged(times, channels, (0, 1), lags, np.zeros(lags.bins, int)) == (times is not wrong)


ORDERED = np.array([0, 10, 20])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.array([0, 20, 10]), ORDERED, 1, 10),
            "t1 is not sorted: tag 2 at 10 ps comes after tag 1 at 20 ps; sort it",
        ),
        ((ORDERED, np.array([5, 4]), 1, 10), "t2 is not sorted: tag 1 at 4 ps comes after tag 0 at 5 ps"),
        ((np.array([0.1, 0.2]), ORDERED, 1, 10), r"t1: tags are int64 ps; got float64 from 0.1 to 0.2.*np.rint\(t1"),
        ((ORDERED.astype(np.uint32), ORDERED, 1, 10), r"t1: tags are int64 ps; got uint32, convert with t1.astype"),
        ((ORDERED.reshape(1, 3), ORDERED, 1, 10), "t1 has 2 dimensions"),
        ((ORDERED, ORDERED, 0, 10), "bin_width is 0 ps; it must be at least 1 ps"),
        ((ORDERED, ORDERED, -5, 10), "bin_width is -5 ps"),
        ((ORDERED, ORDERED, 1, -10), "max_lag is -10 ps; max_lag must be positive"),
        ((ORDERED, ORDERED, 1e-10, 10), "bin_width is 1e-10 ps, which is no whole number of ps.*write '1e-10 s'"),
        ((ORDERED, ORDERED, "0.5 ps", 10), "bin_width is 0.5 ps, which is no whole number of ps"),
        ((ORDERED, ORDERED, "5 MHz", 10), "bin_width: '5 MHz' cannot be expressed in ps.*such as '100 ps'"),
        ((ORDERED, ORDERED, "some", 10), "bin_width: 'some' is not a quantity"),
        ((ORDERED, ORDERED, float("nan"), 10), "bin_width is nan"),
        ((ORDERED, ORDERED, 300, 50_000), "no whole number of bins of 300 ps; nearest: max_lag = 49950 ps or 50100 ps"),
        ((ORDERED, ORDERED, 1, "1 s"), "2000000000000 bins of 1 ps.* take 1.49e[+]04 GiB.*log_correlate"),
        ((ORDERED, ORDERED, 1, 2**63), "do not fit 64 bits; the longest is 9223372036854775807 ps"),
        ((np.array([-(2**62)]), np.array([2**62]), 10, 100), "leave 64 bits; subtract the first time"),
        ((np.array([2**63 - 10]), np.array([2**63 - 5]), 10, 100), "leave 64 bits"),
    ],
)
def test_what_cannot_be_correlated_is_refused_with_what_to_do(arguments, message):
    with pytest.raises(UsageError, match=message):
        cross_correlate(*arguments)


def test_the_refusals_of_other_arguments_say_what_is_allowed():
    with pytest.raises(UsageError, match="max_lag is 5 ps; max_lag must be above min_lag = 5 ps"):
        lag_edges(1, 5, min_lag=5)
    with pytest.raises(UsageError, match="nearest: max_lag = 16 ps or 19 ps"):
        lag_edges(3, 17, min_lag=10)
    with pytest.raises(UsageError, match="threads is 0; give a whole number from 1 on"):
        cross_correlate(ORDERED, ORDERED, 1, 10, threads=0)
    tags = Tags(np.array([0, 20, 10]), np.zeros(3, np.uint8), duration=30)
    for channels in ((0, 1), (0, 0)):
        with pytest.raises(UsageError, match=r"tags.times is not sorted: tag 2 at 10 ps.*np.argsort"):
            correlate(tags, 1, 10, channels=channels)
    for channel in (-1, 256, 0.5, True):
        with pytest.raises(UsageError, match="a channel is a whole number from 0 to 255"):
            correlate(tags, 1, 10, channels=(0, channel))
