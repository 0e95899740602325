"""Photons under pulses against a chain that is followed pulse by pulse, and against closed forms."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from perovskite_meas.sim.world.photons.dot import g2_zero_pulsed
from perovskite_meas.sim.world.photons.pulsed import pulsed_photons
from perovskite_meas.sim.world.yields import jitter_nodes, ladder_ratios, photons_per_pulse

ONE = (np.ones(1), np.ones(1))
T = 200_000.0


def draw(x, q, efficiency, tau, pulses, seed=1, ladder="truncated", tau_bx=75.0, bleaching=0.0, nodes=ONE, cuts=1):
    """Return photon times in ps; the light is cut into equal pieces to show that pieces do not matter."""
    edges = np.linspace(0.0, pulses * T, cuts + 1)
    pieces = np.array([(a, b, x, efficiency, tau, tau_bx, bleaching) for a, b in pairwise(edges)])
    rng = np.random.default_rng(seed)
    return pulsed_photons(rng, pieces, ladder_ratios(ladder, q, 700), *nodes, T, 0.0, 100)


def by_hand(x, q, efficiency, tau, pulses, seed, tau_bx=75.0):
    """Return photon times of the same dot, followed from pulse to pulse."""
    rng = np.random.default_rng(seed)
    ratios = ladder_ratios("statistical", q, 700)
    left, times = 0, []
    for pulse, added in enumerate(rng.poisson(x, pulses)):
        now = pulse * T
        for m in range(left + int(added), 1, -1):
            now += rng.exponential(tau_bx * 4 / (m * m * (m - 1)))
            if rng.random() < efficiency * ratios[m]:
                times.append(now)
        if left + added:
            wait = rng.exponential(tau)
            left = int(wait > T)
            if not left and rng.random() < efficiency:
                times.append(now + wait)
    return np.array(times)


def pulse_pairs(times, most):
    """Return ordered pairs of photons by distance in pulses, from 0 to `most`."""
    pulse = np.floor(times / T).astype(np.int64)
    found = np.zeros(most + 1, dtype=np.int64)
    for step in range(1, len(pulse)):
        apart = pulse[step:] - pulse[:-step]
        inside = apart <= most
        if not inside.any():
            return found
        found += np.bincount(apart[inside], minlength=most + 1)
    return found


@pytest.mark.parametrize(("x", "q", "efficiency", "tau"), [(1.5, 0.4, 0.6, 1.2 * T), (4.0, 0.8, 0.3, 0.3 * T)])
def test_the_stream_is_that_of_a_chain_followed_by_hand(x, q, efficiency, tau):
    pulses = 100_000
    drawn = draw(x, q, efficiency, tau, 10 * pulses, ladder="statistical", tau_bx=2000.0, cuts=7)
    hand = by_hand(x, q, efficiency, tau, pulses, 5, tau_bx=2000.0)
    assert len(drawn) / 10 == pytest.approx(len(hand), abs=5 * math.sqrt(len(hand)))
    # Photons come in more than one pair each, which widens the scatter of pairs beyond that of independent ones.
    ours, theirs = pulse_pairs(drawn, 6) / 10, pulse_pairs(hand, 6)
    assert np.all(np.abs(ours - theirs) < 6 * np.sqrt(theirs)), (ours, theirs)
    for part in (0.5, 0.9):
        quantile = np.quantile(drawn % T, part)
        assert np.mean(hand % T < quantile) == pytest.approx(part, abs=6 * math.sqrt(0.25 / len(hand)))


@pytest.mark.parametrize("x", [0.02, 0.5, 5.0, 60.0])
@pytest.mark.parametrize("tau", [0.1 * T, 2.0 * T])
def test_the_rate_is_the_yield_that_the_counter_of_the_table_uses(x, tau):
    ratios, pulses, efficiency = ladder_ratios("statistical", 0.3, 700), 1_000_000, 0.05
    times = draw(x, 0.3, efficiency, tau, pulses, ladder="statistical", nodes=jitter_nodes(0.05, 2))
    yields = photons_per_pulse(np.array([x]), ratios, math.exp(-T / tau), *jitter_nodes(0.05, 2))[0]
    expected = pulses * efficiency * yields
    assert len(times) == pytest.approx(expected, abs=4 * math.sqrt(expected))


@pytest.mark.parametrize("ratio", [0.1, 1.6])
def test_stepwise_re_excitation_raises_the_centre_to_q_times_one_plus_r_over_one_minus_r(ratio):
    """Nair's q at long periods; at tau/T = 1.6 what survives until the next pulse adds its share."""
    x, q, efficiency, pulses, most = 0.003, 0.2, 0.9, 1_000_000_000, 25
    r = math.exp(-1.0 / ratio)
    times = draw(x, q, efficiency, ratio * T, pulses)
    pairs = pulse_pairs(times, most).astype(float)
    usual = len(times) ** 2 / pulses
    # One emitter without a biexciton waits for a pulse and then for the exciton: 1 - r^k of the usual pairs.
    k = np.arange(1, most + 1)
    centre = 2 * pairs[0] / usual + 2 * np.sum(pairs[1:] / usual - (1 - r**k))
    expected = g2_zero_pulsed(x, ladder_ratios("truncated", q, 700), r, *ONE)
    limit = q * (1 + r) / (1 - r)
    assert expected == pytest.approx(limit, rel=0.02)
    reach = math.ceil(6 * ratio)
    sigma = math.sqrt(2 * pairs[0] + 4 * np.sum(pairs[1 : reach + 1])) / usual
    assert 2 * pairs[0] / usual == pytest.approx(q * (1 + r), abs=4 * math.sqrt(4 * pairs[0]) / usual + 0.02 * limit)
    short = 2 * pairs[0] / usual + 2 * np.sum((pairs[1:] / usual - (1 - r**k))[:reach])
    assert short == pytest.approx(limit * (1 - r ** (reach + 1)), abs=4 * sigma + 0.02 * limit)
    assert centre == pytest.approx(limit, abs=4 * math.sqrt(4 * np.sum(pairs)) / usual)


def test_the_truth_of_g2_zero_is_nairs_ratio_and_the_factorial_moment_of_a_pulse():
    ratios = ladder_ratios("truncated", 0.05, 700)
    # PHYSICS 3.6: 2 P(>=2) q/(P(>=1) + P(>=2) q)^2
    for x, value in [(0.1, 0.0514), (0.5, 0.0570), (2.0, 0.0743)]:
        assert g2_zero_pulsed(x, ratios, 0.0, *ONE) == pytest.approx(value, abs=6e-5)
    for survival in (0.0, 0.1, 0.535):
        found = g2_zero_pulsed(1e-6, ladder_ratios("statistical", 0.2, 700), survival, *ONE)
        assert found == pytest.approx(0.2 * (1 + survival) / (1 - survival), rel=1e-4)


@pytest.mark.parametrize("x", [0.1, 1.0])
def test_pairs_within_a_pulse_are_the_truth_of_g2_zero(x):
    q, efficiency, pulses = 0.3, 0.5, 4_000_000
    times = draw(x, q, efficiency, 0.05 * T, pulses, ladder="statistical", nodes=jitter_nodes(0.1, 2))
    pairs = pulse_pairs(times, 0)[0]
    truth = g2_zero_pulsed(x, ladder_ratios("statistical", q, 700), math.exp(-20), *jitter_nodes(0.1, 2))
    assert 2 * pairs * pulses / len(times) ** 2 == pytest.approx(truth, rel=5 / math.sqrt(pairs))


def test_the_decay_has_the_lifetime_and_the_cascade_comes_first():
    times = draw(0.5, 0.3, 0.2, 20_000.0, 1_000_000)
    delay = times % T
    late = delay[delay > 2000.0] - 2000.0
    assert np.mean(late) == pytest.approx(20_000.0, rel=4 / math.sqrt(len(late)))
    pulse = np.floor(times / T)
    first = np.flatnonzero(np.diff(pulse) == 0)
    assert np.median(delay[first]) == pytest.approx(75 * math.log(2), rel=0.15)


def test_bleaching_thins_the_stream():
    times = draw(0.1, 0.1, 0.5, 20_000.0, 2_000_000, bleaching=1 / (1_000_000 * T))
    second = np.sum(times > 1_000_000 * T)
    assert second / (len(times) - second) == pytest.approx(math.exp(-1), rel=5 * math.sqrt(2 / len(times)))


@pytest.mark.parametrize(("x", "efficiency"), [(0.0, 0.5), (0.3, 0.0), (1e-13, 0.02)])
def test_no_light_or_no_detection_is_no_photon(x, efficiency):
    assert len(draw(x, 0.1, efficiency, 20_000.0, 1_000_000)) == 0


def test_every_excited_pulse_gives_a_photon_where_nothing_is_lost():
    times = draw(30.0, 0.0, 1.0, 1.0, 1000)
    assert np.array_equal(np.floor(times / T), np.arange(1000))
