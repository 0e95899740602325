"""Jitter, dead time, afterpulses, crosstalk and sync of the two detectors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perovskite_meas.sim.world.photons.avalanches import blur, collated, merged, registered
from perovskite_meas.sim.world.photons.streams import poisson_photons

NOTHING = np.empty(0)


def source(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def steady(rate, seconds, seed=1):
    pieces = np.array([(0.0, seconds * 1e12, rate * 1e-12, 0.0)])
    return poisson_photons(source(seed), pieces, 0.0, 0.0, 0.0, 0.0, 10)


def register(a, b=NOTHING, dead=0.0, afterpulsing=0.0, crosstalk=0.0):
    return registered(source(2), a, b, np.full(2, dead), np.full(2, afterpulsing), crosstalk)


def test_poissonian_light_has_its_rate_and_no_memory():
    times = steady(1e5, 5.0)
    assert len(times) == pytest.approx(5e5, abs=4 * math.sqrt(5e5))
    waits = np.diff(times)
    assert np.all(waits >= 0)
    assert np.std(waits) == pytest.approx(np.mean(waits), rel=0.01)


def test_light_that_follows_the_pulses_comes_after_them():
    pieces = np.array([(0.0, 1e12, 1e-7, 0.0)])
    times = poisson_photons(source(), pieces, 200_000.0, 50_000.0, 2000.0, 0.0, 10)
    after = (times - 50_000.0) % 200_000.0
    assert np.mean(after) == pytest.approx(2000.0, rel=4 / math.sqrt(len(times)))
    prompt = poisson_photons(source(), pieces, 200_000.0, 50_000.0, 0.0, 50.0, 10)
    spread = (prompt - 50_000.0 + 1000.0) % 200_000.0 - 1000.0
    assert np.std(spread) == pytest.approx(50.0, rel=0.02)


def test_jitter_widens_and_its_tail_delays():
    before = np.arange(200_000) * 1e6
    times = before.copy()
    blur(source(), times, 150.0, 0.1, 300.0)
    late = times - before
    assert np.mean(late) == pytest.approx(30.0, abs=4 * 170 / math.sqrt(len(late)))
    assert np.var(late) == pytest.approx(150**2 + 0.1 * 2 * 300**2 - 30**2, rel=0.03)


def test_jitter_leaves_times_sorted():
    times = np.sort(source().random(10_000)) * 1e7
    blur(source(), times, 5000.0, 0.5, 1e4)
    assert np.all(np.diff(times) >= 0)


def test_two_streams_become_one():
    a, b = np.array([1.0, 4.0, 4.0]), np.array([0.0, 4.0, 9.0])
    assert merged(a, b).tolist() == [0, 1, 4, 4, 4, 9]
    assert merged(a, NOTHING).tolist() == a.tolist()
    assert merged(NOTHING, b).tolist() == b.tolist()


def test_dead_time_is_not_paralysable():
    kept, _ = register(np.array([0.0, 30.0, 46.0, 80.0, 91.0]), dead=45.0)
    assert kept.tolist() == [0.0, 46.0, 91.0]
    rate, dead = 2e6, 45e3
    kept, _ = register(steady(rate, 0.5), dead=dead)
    expected = 0.5 * rate / (1 + rate * dead * 1e-12)
    assert len(kept) == pytest.approx(expected, abs=4 * math.sqrt(expected))
    assert np.min(np.diff(kept)) >= dead


def test_afterpulses_follow_the_dead_time_fast_or_slowly():
    first = np.arange(500_000) * 1e8
    kept, other = register(first, dead=45e3, afterpulsing=0.02)
    assert len(other) == 0
    extra = np.setdiff1d(kept, first) % 1e8 - 45e3
    assert len(extra) / len(first) == pytest.approx(0.02 / 0.98, rel=0.03)
    assert np.all(extra >= 0)
    for until, share in [(50e3, 0.5 * (1 - math.exp(-1)) + 0.5 * -math.expm1(-0.05)), (1e6, 0.5 - 0.5 / math.e + 0.5)]:
        # an afterpulse of an afterpulse comes later: one in fifty
        assert np.mean(extra < until) == pytest.approx(share, abs=0.025)


def test_the_flash_of_an_avalanche_is_seen_by_the_other_detector_2_to_10_ns_later():
    first = np.arange(2_000_000) * 1e7
    kept, other = register(first, dead=45e3, crosstalk=1e-3)
    assert len(other) == pytest.approx(2000, abs=5 * math.sqrt(2000))
    after = other % 1e7
    assert after.min() >= 2e3
    assert after.max() <= 10e3
    assert np.mean(after) == pytest.approx(6e3, rel=0.02)
    assert np.array_equal(kept, first)  # the flash of a flash falls into the dead time


def test_events_are_sorted_by_time_with_their_cables_and_syncs():
    a, b = np.array([1000.0, 210_000.0]), np.array([500.0, 199_000.0, 990_000.0])
    times, channels, syncs, delays = collated(a, b, 8000.0, 11_200.0, 1e6, 200_000.0, 10_000.0)
    assert times.tolist() == [
        11_700,
        210_200,
        218_000,
    ]  # the first of a comes before the first pulse, the last too late
    assert channels.tolist() == [1, 1, 0]
    assert syncs.tolist() == [0, 1, 1]
    assert delays.tolist() == [1700.0, 200.0, 8000.0]
    times, _, syncs, delays = collated(a, b, 8000.0, 11_200.0, 1e6, 0.0, 10_000.0)
    assert times.tolist() == [9000, 11_700, 210_200, 218_000]
    assert len(syncs) == len(delays) == 0
