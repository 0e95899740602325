"""Photons under continuous light against a chain that is followed jump by jump, and against closed forms."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from perovskite_meas.sim.world.photons.cw import cw_photons, silent_motion
from perovskite_meas.sim.world.photons.dot import Dot, SteadyLight
from perovskite_meas.sim.world.yields import ladder_ratios


def dot(q, tau, tau_bx):
    return Dot(1.0, tau, tau_bx, ladder_ratios("statistical", q, 700))


def draw(which, pump, efficiency, seconds, seed=1, bleaching=0.0, cuts=1):
    """Return photon times in s."""
    edges = np.linspace(0.0, seconds * 1e12, cuts + 1)
    pieces = np.array([(a, b, bleaching * 1e-12) for a, b in pairwise(edges)])
    rates, residues, seen = silent_motion(which, np.full(cuts, pump), np.full(cuts, efficiency))
    rng = np.random.default_rng(seed)
    return cw_photons(rng, pieces, rates / 1e12, residues, seen / 1e12, 100) / 1e12


def by_hand(which, pump, efficiency, jumps, seed):
    """Return (photon times, time at the end) of the same dot, followed from jump to jump."""
    rng = np.random.default_rng(seed)
    down = which.decay_rates(4)
    now, level, times = 0.0, 0, []
    for wait, luck, seen in zip(rng.exponential(size=jumps), rng.random(jumps), rng.random(jumps), strict=True):
        up = pump if level < 3 else 0.0
        now += wait / (up + down[level])
        if luck * (up + down[level]) < up:
            level += 1
        else:
            if seen < efficiency * which.ratios[level]:
                times.append(now)
            level -= 1
    return np.array(times), now


def lags(times, most, bins):
    """Return a histogram of the distances between photons up to `most`."""
    found = np.zeros(bins)
    for step in range(1, len(times)):
        apart = times[step:] - times[:-step]
        inside = apart[apart < most]
        if not len(inside):
            return found
        found += np.histogram(inside, bins, (0.0, most))[0]
    return found


@pytest.mark.parametrize(("pumped", "q", "efficiency"), [(0.5, 0.5, 0.5), (3.0, 0.9, 0.9), (1.0, 0.2, 1.0)])
def test_the_stream_is_that_of_a_chain_followed_by_hand(pumped, q, efficiency):
    which = dot(q, 1.0, 0.3)
    hand, seconds = by_hand(which, pumped, efficiency, 200_000, 3)
    drawn = draw(which, pumped, efficiency, 5 * seconds, cuts=5)
    assert len(drawn) / 5 == pytest.approx(len(hand), abs=5 * math.sqrt(len(hand)))
    ours, theirs = lags(drawn, 6.0, 12) / 5, lags(hand, 6.0, 12)
    assert np.all(np.abs(ours - theirs) < 6 * np.sqrt(theirs)), (ours, theirs)


def test_a_real_dot_shows_its_dip_and_its_lifetime():
    """W tau = 0.005, q = 0.02: g2 = 1 - (1 - g0) exp(-t/ta), ta = tau/(1 + W tau), g0 = q."""
    which, pump, efficiency, seconds = dot(0.02, 1e-9, 75e-12), 5e6, 0.9, 1.0
    times = draw(which, pump, efficiency, seconds)
    rate = efficiency * 5e6 / 1.005
    assert len(times) / seconds == pytest.approx(rate, rel=2e-3)
    width, bins = 0.25e-9, 80
    pairs = lags(times, width * bins, bins)
    usual = (len(times) / seconds) ** 2 * seconds * width
    ta = 1e-9 / 1.005
    edges = np.arange(bins + 1) * width
    dip = (1 - 0.02) * ta * -np.diff(np.exp(-edges / ta)) / width
    pull = (pairs - usual * (1 - dip)) / np.sqrt(usual * (1 - dip))
    assert np.max(np.abs(pull[1:])) < 4.5  # the biexciton's 75 ps show in the first bin
    assert np.mean(pull[1:] ** 2) == pytest.approx(1, abs=0.6)
    assert pairs[0] / usual == pytest.approx(1 - dip[0], abs=0.01)


def test_the_truth_of_g2_zero_is_nairs_ratio_in_little_light():
    assert SteadyLight(dot(0.02, 1e-9, 75e-12)).g2_zero(1e-6) == pytest.approx(0.02, rel=1e-3)
    assert SteadyLight(dot(0.0, 1e-9, 75e-12)).g2_zero(0.1) == 0


@pytest.mark.parametrize("x", [0.01, 1.0, 50.0])
def test_the_rate_is_that_of_the_stationary_state(x):
    which = dot(0.3, 1e-9, 75e-12)
    times = draw(which, x / 1e-9, 0.01, 0.02)
    expected = 0.02 * 0.01 / 1e-9 * float(SteadyLight(which).at(np.array([x]))[0])
    assert len(times) == pytest.approx(expected, abs=5 * math.sqrt(expected))


def test_bleaching_thins_the_stream():
    times = draw(dot(0.0, 1e-9, 75e-12), 5e6, 0.1, 0.2, bleaching=10.0)
    second = np.sum(times > 0.1)
    assert second / (len(times) - second) == pytest.approx(math.exp(-1), rel=5 * math.sqrt(2 / len(times)))


@pytest.mark.parametrize(("pump", "efficiency"), [(0.0, 0.5), (5e6, 0.0)])
def test_no_light_or_no_detection_is_no_photon(pump, efficiency):
    assert len(draw(dot(0.1, 1e-9, 75e-12), pump, efficiency, 1.0)) == 0
