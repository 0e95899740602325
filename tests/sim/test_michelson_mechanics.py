"""Stage, piezo and trigger of the Michelson table, each alone."""

from __future__ import annotations

import threading
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.world.michelson.hysteresis import RADII, weights
from perovskite_meas.sim.world.michelson.piezo import Errors, Fine
from perovskite_meas.sim.world.michelson.stage import Coarse, Screw
from perovskite_meas.sim.world.michelson.trigger import Trigger

SPAN = 15.0


@pytest.fixture
def diary():
    return SimpleNamespace(horizon=0.0)


@pytest.fixture
def stage(diary):
    return lambda **screw: Coarse(0.0, Screw(**screw), diary, threading.RLock())


@pytest.fixture
def piezo(diary):
    return lambda **errors: Fine(0.0, SPAN, Errors(**errors), diary, threading.RLock())


@pytest.fixture
def trigger(diary):
    return Trigger(0.0, diary, threading.RLock())


def at(function, *times):
    return function(np.array(times, dtype=float))


# The stage --------------------------------------------------------------------------------------------


def test_a_stage_goes_linearly_and_stays(stage):
    coarse = stage()
    coarse.path(1.0, 0.0, 3.0, 4.0)
    assert [coarse.position(t) for t in (0.5, 1.0, 1.5, 3.0, 9.0)] == [0.0, 0.0, 1.0, 4.0, 4.0]
    assert at(coarse.mirror, 0.5, 1.5, 9.0) == pytest.approx([0.0, 1.0, 4.0])


def test_a_new_path_replaces_what_was_planned(stage):
    coarse = stage()
    coarse.path(0.0, 0.0, 10.0, 10.0)
    coarse.path(4.0, coarse.position(4.0), 4.0, coarse.position(4.0))
    assert [coarse.position(t) for t in (2.0, 4.0, 10.0)] == [2.0, 4.0, 4.0]


def test_what_light_has_seen_cannot_be_changed(stage, diary):
    coarse = stage()
    diary.horizon = 5.0
    coarse.path(2.0, 0.0, 2.0, 7.0)
    assert [coarse.position(t) for t in (2.0, 4.9, 5.0)] == [0.0, 0.0, 7.0]


def test_the_mirror_lags_by_half_the_play_on_either_side(stage):
    coarse = stage(play=0.5e-3)
    coarse.path(0.0, 0.0, 1.0, 5.0)
    coarse.path(2.0, 5.0, 3.0, 4.9998)
    coarse.path(4.0, 4.9998, 5.0, 4.0)
    assert at(coarse.mirror, 1.5, 3.5, 5.5) == pytest.approx([4.99975, 4.99975, 4.00025], abs=1e-12)


def test_a_stage_that_always_arrives_from_below_always_puts_the_mirror_in_the_same_place(stage):
    coarse, places = stage(play=2e-3, cyclic=0.3e-3, phase=1.0), []
    for k, begin in enumerate((1.0, 7.0, 3.0)):
        coarse.path(4.0 * k, begin, 4.0 * k + 1.0, 2.9)
        coarse.path(4.0 * k + 2.0, 2.9, 4.0 * k + 3.0, 3.1)
        places.append(float(at(coarse.mirror, 4.0 * k + 3.5)[0]))
    assert np.ptp(places) < 1e-12
    assert places[0] == pytest.approx(Screw(2e-3, 0.3e-3, 1.0, 1.0).from_below(3.1), abs=1e-12)


def test_the_lead_screw_errs_once_per_turn(stage):
    coarse = stage(cyclic=0.3e-3, period=1.0)
    coarse.path(0.0, 0.0, 1.0, 2.0)
    times = np.linspace(0.0, 1.0, 81)
    error = coarse.mirror(times) - 2.0 * times
    assert error == pytest.approx(0.3e-3 * np.sin(4.0 * np.pi * times), abs=1e-12)


# The piezo --------------------------------------------------------------------------------------------


def test_in_a_loop_the_sensor_shows_the_command_and_the_mirror_follows_up_to_the_scale(piezo):
    fine = piezo(hysteresis=(0.1, 0.0), nonlinearity=(0.02, 0.0), creep=0.01, scale=1.005)
    fine.move(10.0, 1.0, True)
    assert fine.sensor(2.0) == 10.0
    assert at(fine.mirror, 2.0)[0] == pytest.approx(1.005 * 2.5)


def test_without_the_loop_the_sensor_shows_where_the_mirror_is(piezo):
    fine = piezo(hysteresis=(0.1, 0.001), nonlinearity=(0.02, 0.0005), creep=0.01, scale=1.005)
    fine.move(12.0, 1.0, False)
    times = np.linspace(1.1, 50.0, 20)
    assert 1.005 * (fine.sensors(times) - SPAN / 2) == pytest.approx(fine.mirror(times), abs=1e-12)
    assert abs(fine.sensor(1.1) - 12.0) > 0.1


def test_a_move_takes_two_milliseconds(piezo):
    fine = piezo()
    fine.move(4.0, 1.0, True)
    assert fine.sensors([0.9, 1.0, 1.001, 1.002, 5.0]) == pytest.approx([0.0, 0.0, 2.0, 4.0, 4.0])


def test_the_full_loop_opens_by_the_hysteresis(piezo):
    fine = piezo(hysteresis=(0.1, 0.0))
    fine.wave(0.0, [0.0, SPAN], 1.0, False)
    up, down = fine.sensors([2.5, 3.5])
    assert down - up == pytest.approx(0.1 * SPAN, rel=0.01)


@pytest.mark.parametrize("span", [1.4, 5.0])
def test_a_small_loop_opens_by_about_the_same_share_of_itself(piezo, span):
    fine = piezo(hysteresis=(0.1, 0.0))
    fine.wave(0.0, 7.5 + np.array([-span, span]) / 2.0, 1.0, False)
    times = np.linspace(2.0, 4.0, 2001)
    seen = fine.sensors(times)
    opening = np.max(np.abs(seen[:1001] - seen[:999:-1]))
    assert 0.05 < opening / np.ptp(seen) < 0.2


def test_the_hysteresis_is_that_of_play_operators_followed_step_by_step(piezo):
    """An independent model: every play operator is dragged along in small steps."""
    rng = np.random.default_rng(5)
    fine, table = piezo(hysteresis=(0.1, 0.0)), rng.uniform(2.0, 13.0, 7)
    fine.wave(0.0, table, 0.5, False)
    times = np.linspace(0.0, 12.0, 24_001)
    command = np.interp(times % 3.5, 0.5 * np.arange(8), [*table, table[0]])
    expected, share = command.copy(), weights(0.1)
    for radius, weight in zip(RADII * SPAN, share, strict=True):
        state = 0.0
        for place, now in enumerate(command):
            state = min(max(state, now - radius), now + radius)
            expected[place] += weight * (state - now)
    assert fine.sensors(times) == pytest.approx(expected, abs=1e-9)


def test_the_nonlinearity_vanishes_in_the_middle_and_is_whole_at_the_ends(piezo):
    fine = piezo(nonlinearity=(0.02, 0.0))
    found = []
    for k, place in enumerate((0.0, SPAN / 2, SPAN)):
        fine.move(place, float(k), False)
        found.append(fine.sensor(k + 0.5) - place)
    assert found == pytest.approx([0.02 * SPAN, 0.0, 0.02 * SPAN])


def test_the_piezo_creeps_by_the_same_share_of_a_step_in_every_decade(piezo):
    fine = piezo(creep=0.01)
    fine.move(10.0, 0.0, False)
    assert np.diff(fine.sensors([0.1, 1.0, 10.0, 100.0])) == pytest.approx([0.1, 0.1, 0.1])
    fine.move(10.0, 100.0, True)
    assert fine.sensor(200.0) == 10.0


def test_a_wave_repeats_for_ever_and_stops_where_it_is(piezo):
    fine = piezo()
    table = np.linspace(2.0, 9.0, 8)
    fine.wave(1.0, table, 0.01, True)
    times = 1.0 + 0.01 * np.arange(8)
    for cycle in (0, 1, 1000):
        assert fine.sensors(times + 0.08 * cycle) == pytest.approx(table, abs=1e-6)
    assert fine.sensor(1.0 + 0.075) == pytest.approx(5.5)
    fine.hold(1.035)
    assert fine.sensors([1.03, 1.035, 7.0]) == pytest.approx([5.0, 5.5, 5.5])


def test_a_wave_that_is_given_late_keeps_its_phase(piezo, diary):
    fine = piezo()
    diary.horizon = 5.02
    fine.wave(1.0, np.linspace(2.0, 9.0, 8), 0.01, True)
    assert fine.sensors([5.01, 5.02, 5.03]) == pytest.approx([0.0, 4.0, 5.0], abs=1e-6)


def test_beyond_its_range_the_piezo_stays_at_its_end(piezo):
    fine = piezo()
    fine.move(15.5, 0.0, True)
    fine.wave(1.0, [-1.0, 7.0], 1.0, True)
    assert fine.sensors([0.5, 1.0, 2.0]) == pytest.approx([15.0, 0.0, 7.0])


def test_times_that_cannot_be_are_refused(piezo, trigger):
    fine = piezo()
    with pytest.raises(UsageError, match="needs samples and time"):
        fine.wave(0.0, [], 0.1, True)
    with pytest.raises(UsageError, match="a period of 0 s"):
        trigger.pulses(0.0, 0.0)


# The trigger ------------------------------------------------------------------------------------------


def test_the_trigger_sends_a_pulse_at_the_start_of_every_cycle_until_it_is_stopped(trigger):
    trigger.pulses(1.0, 0.16)
    trigger.stop(2.0)
    assert trigger.times(0.0, 5.0) == pytest.approx(1.0 + 0.16 * np.arange(7))
    assert trigger.times(1.16, 1.32) == pytest.approx([1.16])
    assert not len(trigger.times(2.0, 5.0))


def test_windows_side_by_side_hold_every_pulse_once(trigger):
    trigger.pulses(0.3, 0.16)
    edges = np.arange(0.0, 5.0, 0.1)
    parts = [trigger.times(low, high) for low, high in pairwise(edges.tolist())]
    assert np.concatenate(parts) == pytest.approx(trigger.times(0.0, edges[-1]))
