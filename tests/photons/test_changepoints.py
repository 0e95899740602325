"""Change points of simulated two-level streams."""

import time

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import change_points

HIGH, LOW, DWELL = 1e5, 1e4, 0.05
TOLERANCE = 500_000_000


def telegraph(seed: int, photons: int) -> tuple[np.ndarray, np.ndarray]:
    """Return arrival times and the true change points in ps: exponential dwells of 50 ms mean."""
    rng = np.random.default_rng(seed)
    dwells = rng.exponential(DWELL, int(photons / (0.5 * (HIGH + LOW)) / DWELL * 1.5) + 50)
    edges = np.concatenate([[0.0], np.cumsum(dwells)])
    rates = np.where(np.arange(len(dwells)) % 2 == rng.integers(2), HIGH, LOW)
    total = np.concatenate([[0.0], np.cumsum(dwells * rates)])
    arrivals = np.interp(np.cumsum(rng.exponential(size=photons)), total, edges)
    true = edges[1:-1][edges[1:-1] < arrivals[-1]]
    return np.round(arrivals * 1e12).astype(np.int64), np.round(true * 1e12).astype(np.int64)


def hits(found: np.ndarray, true: np.ndarray) -> int:
    """Count one-to-one matches within the tolerance."""
    i = j = count = 0
    while i < len(found) and j < len(true):
        if abs(found[i] - true[j]) <= TOLERANCE:
            count, i, j = count + 1, i + 1, j + 1
        elif found[i] < true[j]:
            i += 1
        else:
            j += 1
    return count


def scores(seeds: range, photons: int) -> tuple[float, float]:
    """Return recall and precision over all seeds together."""
    matched = made = real = 0
    for seed in seeds:
        times, true = telegraph(seed, photons)
        found = change_points(times).times
        matched, made, real = matched + hits(found, true), made + len(found), real + len(true)
    return matched / real, matched / made


def test_at_least_95_percent_of_the_changes_are_found_and_of_the_finds_are_changes() -> None:
    recall, precision = scores(range(5), 300_000)
    assert recall > 0.95
    assert precision > 0.95


@pytest.mark.slow
def test_every_seed_has_recall_and_precision_of_95_percent() -> None:
    each = np.array([scores(range(seed, seed + 1), 1_000_000) for seed in range(100, 160)])
    assert each[:, 0].mean() > 0.975
    assert (each >= 0.95).mean() > 0.98
    assert each[:, 1].min() > 0.98


@pytest.mark.slow
def test_a_million_photons_take_less_than_a_tenth_of_a_second() -> None:
    times, _ = telegraph(0, 1_000_000)
    change_points(times)
    spent = []
    for _ in range(5):
        begun = time.process_time()
        change_points(times)
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.1


def test_a_constant_level_shows_no_change_at_the_default_threshold() -> None:
    found = [
        len(change_points(np.cumsum(np.random.default_rng(seed).exponential(1e7, 300_000)).astype(np.int64)))
        for seed in range(6)
    ]
    assert sum(found) <= 1


def test_false_changes_stay_under_the_bound_that_the_threshold_states() -> None:
    photons, threshold = 1_000_000, 3.4
    times = np.cumsum(np.random.default_rng(5).exponential(1e7, photons)).astype(np.int64)
    assert len(change_points(times, threshold=threshold)) < photons * 10**-threshold


def test_a_threshold_below_the_window_is_refused_with_the_reason() -> None:
    times = np.arange(5000, dtype=np.int64) * 10_000_000
    with pytest.raises(UsageError, match=r"threshold 1 is under log10\(window\) = 3.30"):
        change_points(times, threshold=1.0)


def test_levels_and_their_sigmas_are_those_of_the_segments() -> None:
    pulls = []
    for seed in range(6):
        times, true = telegraph(seed, 200_000)
        found = change_points(times)
        assert len(found.levels) == len(found) + 1
        assert found.photons.sum() == len(times) - 1
        edges = np.concatenate([[0], true, [times[-1]]])
        for start, stop, level, sigma in zip(
            found.edges[:-1], found.edges[1:], found.levels, found.sigmas, strict=True
        ):
            inside = (edges > start + TOLERANCE) & (edges < stop - TOLERANCE)
            if not inside.any() and stop - start > 20 * TOLERANCE:
                truth = HIGH if level > 3e4 else LOW
                pulls.append((level - truth) / sigma)
    assert len(pulls) > 100
    assert 0.8 < np.std(pulls) < 1.25
    assert abs(np.mean(pulls)) < 0.3


def test_a_step_is_placed_to_a_few_photons() -> None:
    rng = np.random.default_rng(3)
    gaps = np.concatenate([rng.exponential(1e7, 5000), rng.exponential(1e8, 5000)])
    found = change_points(np.cumsum(gaps).astype(np.int64))
    assert len(found) == 1
    assert abs(int(found.indices[0]) - 4999) <= 5
    assert found.log_bayes[0] > 100


def test_tags_and_their_times_give_the_same_points() -> None:
    times, _ = telegraph(1, 50_000)
    tags = Tags(times, np.zeros(len(times), np.uint8), int(times[-1]) + 1)
    assert np.array_equal(change_points(tags).indices, change_points(times).indices)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_handful_of_photons_has_no_change(count: int) -> None:
    found = change_points(np.arange(count, dtype=np.int64) * 1000)
    assert len(found) == 0
    assert len(found.levels) == (1 if count > 1 else 0)


def test_photons_in_the_same_picosecond_do_no_harm() -> None:
    times = np.repeat(np.arange(2000, dtype=np.int64) * 10_000_000, 2)
    assert np.isfinite(change_points(times).levels).all()


def test_unsorted_and_other_times_are_refused() -> None:
    with pytest.raises(UsageError, match="not sorted"):
        change_points(np.array([3, 2, 1], dtype=np.int64))
    with pytest.raises(UsageError, match="int64"):
        change_points(np.array([1.0, 2.0]))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least 100"):
        change_points(np.array([1, 2], dtype=np.int64), window=10)
