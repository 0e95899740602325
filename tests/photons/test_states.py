"""Intensity states and lifetimes of segments."""

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import change_points, group_states
from perovskite_meas.photons.segment_lifetimes import arrivals_of, flid

PERIOD = 200_000.3


def segments(seed: int, levels: list[float], count: int = 600, noise: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return photons, durations (s) and the true state of segments."""
    rng = np.random.default_rng(seed)
    state = rng.integers(len(levels), size=count)
    spans = 0.005 + rng.exponential(0.05, count)
    rate = np.asarray(levels)[state] * (1 + noise * rng.standard_normal(count))
    return rng.poisson(rate * spans), spans, state


@pytest.mark.parametrize("levels", [[1e5], [1e4, 1e5], [1e4, 4e4, 1e5], [5e3, 2e4, 5e4, 1e5]])
def test_the_number_of_states_and_their_levels_are_recovered(levels: list[float]) -> None:
    photons, spans, state = segments(1, levels)
    found = group_states((photons, spans))
    assert len(found) == len(levels)
    assert np.all(np.abs(found.levels - levels) < 4 * found.sigmas)
    assert (found.assigned == state).mean() > 0.99
    assert found.occupancy.sum() == pytest.approx(1.0)


def test_scatter_of_two_percent_is_not_taken_for_states_unless_asked() -> None:
    photons, spans, _ = segments(2, [1e6], count=300, noise=0.02)
    assert len(group_states((photons, spans))) == 1
    assert len(group_states((photons, spans), spread=0.0)) > 1


def test_pulls_of_the_levels_have_unit_width() -> None:
    pulls = []
    right = 0
    for seed in range(60):
        photons, spans, _ = segments(seed, [1e4, 1e5], count=150)
        found = group_states((photons, spans), spread=0.0)
        right += len(found) == 2
        if len(found) == 2:
            pulls += list((found.levels - [1e4, 1e5]) / found.sigmas)
    assert right > 50
    assert 0.8 < np.std(pulls) < 1.25


def test_many_segments_are_grouped_as_few_are() -> None:
    photons, spans, _ = segments(3, [1e4, 4e4, 1e5], count=5000)
    assert len(group_states((photons, spans))) == 3


def test_segments_without_photons_count_and_without_duration_do_not() -> None:
    found = group_states(([0, 5000, 0, 5000], [0.05, 0.05, 0.05, 0.05]))
    assert len(found) == 2
    with pytest.raises(UsageError, match="duration above 0"):
        group_states(([1, 2], [0.0, 1.0]))
    with pytest.raises(UsageError, match="at least one"):
        group_states(([], []))


def pulsed(seed: int, background: float) -> Tags:
    """Return a T3 recording of 1e5 and 2e4 cps in turn, with lifetimes of 20 and 5 ns; equal dwells of 40 ms."""
    rng = np.random.default_rng(seed)
    rates = np.where(np.arange(60) % 2 == 0, 1e5, 2e4)
    times = np.concatenate(
        [np.sort(rng.uniform(0.04 * k, 0.04 * (k + 1), rng.poisson(0.04 * rate))) for k, rate in enumerate(rates)]
    )
    rate = rates[(times / 0.04).astype(int)]
    lifetime = np.where(rate > 5e4, 20_000.0, 5_000.0)
    dark = rng.random(len(times)) < background / rate
    late = np.where(dark, rng.uniform(0, PERIOD, len(times)), rng.exponential(size=len(times)) * lifetime)
    channels = rng.integers(0, 2, len(times)).astype(np.uint8)
    late += np.array([8000.0, 11200.0])[channels] + rng.normal(0, 150, len(times))
    pulses = np.floor(times * 1e12 / PERIOD).astype(np.int64)
    dtimes = np.floor(late % PERIOD / 8).astype(np.int32)
    order = np.argsort(pulses, kind="stable")
    stamps = np.round(pulses * PERIOD + dtimes * 8.0).astype(np.int64)
    return Tags(stamps[order], channels[order], 2_400_000_000_000, pulses[order], dtimes[order], PERIOD, 8.0)


def test_arrivals_are_found_to_one_bin_of_the_decay() -> None:
    found = arrivals_of(pulsed(0, 0.0))
    assert found[0] == pytest.approx(8000, abs=1001)
    assert found[1] == pytest.approx(11200, abs=1001)


@pytest.mark.parametrize("background", [0.0, 2000.0])
def test_lifetimes_of_the_segments_have_pulls_of_unit_width(background: float) -> None:
    pulls = []
    for seed in range(5):
        tags = pulsed(seed, background)
        points = change_points(tags)
        found = flid(tags, points, arrivals={0: 8000.0, 1: 11200.0}, background=background)
        truth = np.where(found.levels > 5e4, 20.0, 5.0)
        long = found.durations > 0.03
        pulls += list(((found.lifetimes - truth) / found.lifetime_sigmas)[long])
    assert len(pulls) > 250
    assert np.isfinite(pulls).all()
    assert 0.8 < np.std(pulls) < 1.35  # a few photons at the borders of a segment belong to its neighbour
    assert abs(np.mean(pulls)) < 0.25


def test_a_background_that_is_left_out_lengthens_the_lifetimes() -> None:
    tags = pulsed(0, 2000.0)
    points = change_points(tags)
    naive = flid(tags, points, arrivals={0: 8000.0, 1: 11200.0})
    dim = (naive.levels < 5e4) & (naive.durations > 0.03)
    assert np.median(naive.lifetimes[dim]) > 6.0


def test_the_map_holds_the_time_of_the_segments() -> None:
    tags = pulsed(0, 0.0)
    found = flid(tags, change_points(tags))
    counted = found.histogram(np.linspace(0, 2e5, 20), np.linspace(0, 100, 30))
    assert counted.sum() == pytest.approx(found.durations[np.isfinite(found.lifetimes)].sum())
    with pytest.raises(UsageError, match="'time' and 'segments'"):
        found.histogram([0, 1], [0, 1], weights="photons")


def test_lifetimes_need_a_pulsed_recording() -> None:
    times = np.arange(1000, dtype=np.int64) * 10_000_000
    tags = Tags(times, np.zeros(1000, np.uint8), 10**10)
    with pytest.raises(UsageError, match="T3"):
        flid(tags, change_points(tags))
