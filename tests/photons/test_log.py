from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.photons import log_correlate
from perovskite_meas.photons.kernels import multitau, multitau_pairs


def wahl(t1, t2, tick, points, max_lag):
    """Counts by lag, written from the definition: pairs of coarsened times, cascade by cascade."""
    first, second = [t // tick for t in t1], [t // tick for t in t2]
    counts = {0: sum(b == a for a in first for b in second)}
    covered, scale = 0, 1
    while covered < max_lag // tick:
        bins = Counter(b // scale - a // scale for a in first for b in second)
        left = points * (scale - 1) // scale
        for lag in range(left + 1, left + points + 1):
            counts[lag * scale * tick, scale * tick] = bins[lag]
        covered = (left + points) * scale
        scale *= 2
    zero = counts.pop(0)
    kept = {key: n for key, n in sorted(counts.items(), key=lambda item: item[0][1]) if key[0] <= max_lag}
    return [0, *(k[0] for k in kept)], [tick, *(k[1] for k in kept)], [zero, *kept.values()]


times = st.lists(st.integers(0, 4000), max_size=25).map(sorted)


def as_array(values):
    return np.array(values, np.int64)


@settings(max_examples=80, deadline=None)
@given(times, times, st.integers(1, 7), st.sampled_from([2, 3, 4, 7, 8, 16]), st.integers(7, 3000))
def test_counts_are_those_of_the_definition(t1, t2, tick, points, max_lag):
    found = log_correlate(as_array(t1), as_array(t2), first_lag=tick, points=points, max_lag=max_lag)
    lags, widths, counts = wahl(t1, t2, tick, points, max_lag)
    assert found.lags.tolist() == lags
    assert found.widths.tolist() == widths
    assert found.counts.tolist() == counts


@pytest.mark.parametrize("visited", [1, 2, 3, 6, 11, 14])
@pytest.mark.parametrize("points", [5, 16])
def test_visiting_pairs_and_multiplying_bins_count_the_same(visited, points, monkeypatch):
    rng = np.random.default_rng(visited)
    t1 = np.sort(rng.integers(-3000, 200_000, 700))
    t2 = np.sort(np.concatenate([rng.integers(10_000, 210_000, 400), rng.choice(t1, 200) + 3]))
    usual = log_correlate(t1, t2, first_lag=1, points=points, max_lag=60_000)
    monkeypatch.setattr("perovskite_meas.photons.log._visited", lambda *numbers: min(visited, numbers[3]))
    other = log_correlate(t1, t2, first_lag=1, points=points, max_lag=60_000)
    assert other.counts.tolist() == usual.counts.tolist()


def test_crowded_photons_take_wider_sums_and_count_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    t1, t2 = np.sort(rng.integers(0, 50_000, 500)), np.sort(rng.integers(0, 50_000, 500))
    narrow = np.zeros((12, 16), np.int64)
    multitau.multiply(t1, t2, 0, 50_000, 3, narrow)
    monkeypatch.setattr(multitau, "CROWD", 10)
    wide = np.zeros((12, 16), np.int64)
    multitau.multiply(t1, t2, 0, 50_000, 3, wide)
    assert narrow.sum() > 0
    assert wide.tolist() == narrow.tolist()


def test_more_photons_in_a_bin_than_sixteen_bits_hold_are_counted():
    t1, t2 = np.zeros(40_000, np.int64), np.full(50_000, 1 << 20)
    counts = np.zeros((20, 16), np.int64)
    multitau.multiply(t1, t2, 0, (1 << 20) + 1, 6, counts)
    assert counts.sum() == 40_000 * 50_000
    assert counts[16, 0] == 40_000 * 50_000


def test_lags_beyond_the_table_are_searched(monkeypatch):
    rng = np.random.default_rng(4)
    t1, t2 = np.sort(rng.integers(0, 3_000_000, 300)), np.sort(rng.integers(0, 3_000_000, 300))
    pairs = multitau_pairs.visit(t1, t2, 15, 16)
    assert 31 << 14 > multitau_pairs.TABLE
    lags = (t2[None, :] >> 14) - (t1[:, None] >> 14)
    expected = [int((lags == lag).sum()) for lag in range(16, 32)]
    assert pairs[14, 1:-1].tolist() == expected


def test_chunks_of_first_photons_join_without_a_seam():
    t1 = np.arange(0, 3 * multitau_pairs.CHUNK * 10, 10)
    found = log_correlate(t1, t1 + 3, first_lag=1, max_lag=15)
    assert found.counts[found.lags == 3].tolist() == [len(t1)]
    assert found.counts[found.lags == 13].tolist() == [len(t1) - 1]


def test_the_same_array_twice_pairs_no_photon_with_itself():
    t = np.array([0, 0, 5, 9], np.int64)
    assert log_correlate(t, t, first_lag=1, max_lag=10).counts[0] == 2
    assert log_correlate(t, t.copy(), first_lag=1, max_lag=10).counts[0] == 6


def test_swapped_streams_give_the_negative_lags():
    a, b = np.array([100], np.int64), np.array([40], np.int64)
    assert log_correlate(a, b, first_lag=1, max_lag=80).counts.sum() == 0
    assert log_correlate(b, a, first_lag=1, max_lag=80).counts.sum() >= 1


def test_independent_light_has_g2_of_one_within_sigma_up_to_half_the_record():
    rng = np.random.default_rng(11)
    duration = 10**11
    t1, t2 = (np.sort(rng.integers(0, duration, n)) for n in (20_000, 30_000))
    found = log_correlate(t1, t2, first_lag="1 us", max_lag="50 ms", duration=duration)
    pulls = (found.g2 - 1) / found.sigma
    assert abs(pulls.mean()) < 0.3
    assert 0.8 < pulls.std() < 1.2
    assert found.starts.tolist() == (found.lags - found.widths).tolist()


def test_g2_is_one_at_lags_where_only_the_ends_of_a_record_can_pair():
    rng = np.random.default_rng(12)
    t1, t2 = np.sort(rng.integers(0, 5 * 10**10, 20_000)), np.sort(rng.integers(5 * 10**10, 10**11, 20_000))
    found = log_correlate(t1, t2, first_lag="1 us", max_lag="90 ms", duration=10**11)
    late = found.lags > 5.5 * 10**10
    assert late.sum() >= 5
    assert np.abs((found.g2 - 1) / found.sigma)[late].max() < 4


def test_a_photon_and_its_echo_stand_far_above_one():
    t = np.arange(0, 10**10, 10**6)
    found = log_correlate(t, t + 5000, max_lag="100 ns", duration="10.1 ms")
    assert found.g2[found.lags == 5000] == pytest.approx(len(t) * 10.1e9 / (len(t) * len(t) * 1000), rel=1e-6)


def test_photons_delayed_out_of_the_record_extend_it():
    t = np.array([-30, 50, 1200], np.int64)
    assert log_correlate(t, t, first_lag=1, max_lag=10, duration=1000).duration == 1231
    assert log_correlate(t[1:2], t[1:2], first_lag=1, max_lag=10, duration="1 ns").duration == 1000
    assert log_correlate(t, t, first_lag=1, max_lag=10).duration == 1231


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (5, 0)])
def test_empty_streams_count_nothing_and_have_no_g2(n, m):
    found = log_correlate(np.arange(n) * 10, np.arange(m) * 10, max_lag="1 ms")
    assert found.counts.sum() == 0
    assert np.isnan(found.g2).all()


def test_lags_longer_than_the_record_have_no_g2():
    t = np.array([0, 1000], np.int64)
    found = log_correlate(t, t + 1, first_lag=1, max_lag=4000)
    assert np.isnan(found.g2[-1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"points": 1}, "points is 1: a cascade has 2 to 512 lags"),
        ({"max_lag": "1 ns", "first_lag": "2 ns"}, "max_lag of 1000 ps is shorter than first_lag of 2000 ps"),
        ({"first_lag": "0.1 ps"}, "first_lag is 0.1 ps, which is no whole number of ps"),
        ({"first_lag": 0}, "first_lag is 0 ps; it must be at least 1 ps"),
        ({"t1": np.array([5, 3])}, "t1 is not sorted: tag 1 at 3 ps"),
        ({"t2": np.array([0.5])}, "t2: tags are int64 ps; got float64"),
        ({"t2": np.array([2**62])}, "subtract the first time"),
    ],
)
def test_unusable_arguments_are_named(arguments, says):
    given_ = {"t1": np.array([0, 10]), "t2": np.array([0, 10]), **arguments}
    with pytest.raises(UsageError, match=says):
        log_correlate(given_.pop("t1"), given_.pop("t2"), **given_)
