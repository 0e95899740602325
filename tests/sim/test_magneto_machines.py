"""Coil, cold finger and wavelength drive, and the unrest of the lines."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.world.magneto.coil import Coil, Magnetism
from perovskite_meas.sim.world.magneto.drive import Drive, Mechanics
from perovskite_meas.sim.world.magneto.line_noise import LineNoise
from perovskite_meas.sim.world.magneto.thermostat import Cooling, Thermostat


class Seen:
    """How far light has been followed."""

    horizon = 0.0


@pytest.fixture
def seen() -> Seen:
    return Seen()


def coil(seen: Seen, **values: float) -> Coil:
    ideal = {"scale": 1.0, "lag": 2.0, "trapped": 0.0, "eddy": 2000.0, "eddy_time": 30.0, "quench": 20.0}
    return Coil(0.0, Magnetism(**{**ideal, **values}), seen, threading.RLock())


def thermostat(seen: Seen, warming=None, **values: float) -> Thermostat:
    return Thermostat(0.0, Cooling(**{"unrest": 0.0, **values}), 1, seen, threading.RLock(), warming)


def drive(seen: Seen, **values: float) -> Drive:
    ideal = {"arrival": 0.0, "turret": 0.0, "play": 0.0}
    mechanics = Mechanics(**{**ideal, **values})
    return Drive(0.0, 539.0, mechanics, np.random.default_rng(1), seen, threading.RLock())


def at(times: float) -> np.ndarray:
    return np.array([times])


def test_the_nominal_field_follows_the_plan_and_a_new_plan_replaces_it(seen):
    one = coil(seen)
    one.path(10.0, 0.0, 110.0, 0.5)
    assert one.nominal(60.0) == pytest.approx(0.25)
    one.path(60.0, 0.25, 60.0, 0.25)
    assert one.nominal(1000.0) == pytest.approx(0.25)
    assert one.nominal(35.0) == pytest.approx(0.125)


def test_the_field_lags_by_a_first_order_filter(seen):
    one = coil(seen)
    one.path(5.0, 0.0, 45.0, 0.2)
    one.path(30.0, 0.125, 30.0, 0.125)
    one.path(33.0, 0.125, 53.0, 0.025)
    times = np.linspace(0.0, 90.0, 90_001)
    nominal = np.array([one.nominal(t) for t in times[::100].tolist()])
    slow, field = np.interp(times, times[::100], nominal), 0.0
    wanted = np.empty(len(times))
    for place, value in enumerate(slow.tolist()):
        wanted[place] = field
        field += 1e-3 * (value - field) / 2.0
    assert np.allclose(one.fields(times), wanted, atol=1e-5)


def test_seven_lag_constants_settle_to_a_thousandth(seen):
    one = coil(seen)
    one.path(0.0, 0.0, 0.0, 1.0)
    assert 1.0 - one.fields(at(13.8))[0] == pytest.approx(1e-3, rel=0.02)


def test_looking_does_not_change_the_field(seen):
    once, often = coil(seen, trapped=0.015), coil(seen, trapped=0.015)
    for one in (once, often):
        one.path(0.0, 0.0, 60.0, 0.3)
        if one is often:
            one.fields(np.linspace(0.0, 50.0, 200))
        one.path(50.0, 0.25, 80.0, 0.1)
    assert np.array_equal(once.fields(np.linspace(0.0, 100.0, 300)), often.fields(np.linspace(0.0, 100.0, 300)))


def test_trapped_flux_is_left_behind_with_the_sign_of_the_last_field(seen):
    one = coil(seen, trapped=0.015, scale=1.01)
    assert one.trapped(0.0) == 0.0
    one.path(0.0, 0.0, 600.0, 3.0)
    assert one.fields(at(700.0))[0] == pytest.approx(1.01 * 3.0 - 0.015)
    one.path(700.0, 3.0, 1300.0, 0.0)
    assert one.fields(at(1400.0))[0] == pytest.approx(0.015)
    one.path(1400.0, 0.0, 2000.0, -3.0)
    one.path(2000.0, -3.0, 2600.0, 0.0)
    assert one.trapped(2700.0) == pytest.approx(-0.015)


def test_ramping_warms_the_sample_by_the_square_of_its_rate(seen):
    one = coil(seen)
    one.path(0.0, 0.0, 1000.0, 5.0)
    warm = one.warming(np.array([0.0, 30.0, 999.0, 1030.0]))
    assert warm == pytest.approx([0.0, 0.05 * (1 - math.exp(-1)), 0.05, 0.05 / math.e], rel=0.05)
    one.path(2000.0, 5.0, 3000.0, 2.5)
    assert one.warming(at(2990.0))[0] == pytest.approx(0.0125, rel=1e-3)


def test_a_quench_warms_the_sample_from_its_moment_on(seen):
    one = coil(seen)
    one.path(100.0, 0.0, 105.0, 0.0)
    one.quench_heat(100.0)
    assert one.warming(np.array([99.0, 100.0, 130.0])) == pytest.approx([0.0, 20.0, 20.0 / math.e])


def test_light_that_was_seen_keeps_its_field_temperature_and_wavelength(seen):
    one, cold, dial = coil(seen), thermostat(seen), drive(seen)
    seen.horizon = 50.0
    one.path(10.0, 0.0, 10.0, 1.0)
    cold.set(10.0, 10.0)
    dial.path(10.0, 539.0, 10.0, 545.0)
    assert one.fields(at(49.0))[0] == 0.0
    assert one.nominal(50.0) == 1.0
    assert cold.kelvin("A", 49.0) == pytest.approx(4.0)
    assert dial.centres(at(49.0))[0] == pytest.approx(539.0)
    assert dial.nm(50.0) == 545.0


def test_the_temperature_settles_exponentially_and_the_plate_is_colder(seen):
    one = thermostat(seen)
    one.set(10.0, 100.0)
    assert one.kelvin("A", 160.0) == pytest.approx(10.0 - 6.0 / math.e)
    assert one.kelvin("A", 160.0) - one.kelvin("B", 160.0) == pytest.approx(0.2)
    one.set(1.0, 1000.0)
    assert one.kelvin("A", 3000.0) == pytest.approx(4.0)


def test_ramps_of_the_coil_warm_the_sample(seen):
    magnet = coil(seen)
    one = thermostat(seen, magnet.warming)
    magnet.path(0.0, 0.0, 600.0, 3.0)
    assert one.samples(at(590.0))[0] == pytest.approx(4.05, abs=1e-3)


def test_the_temperature_is_never_quite_still(seen):
    times = np.linspace(0.0, 5000.0, 3000)
    values = thermostat(seen, unrest=0.002).samples(times)
    assert 0.001 < np.std(values) < 0.004
    assert np.array_equal(values[100:], thermostat(seen, unrest=0.002).samples(times[100:]))


def test_wrong_thermometers_and_set_points_are_refused(seen):
    with pytest.raises(UsageError, match="none called 'C'"):
        thermostat(seen).kelvin("C", 0.0)
    with pytest.raises(UsageError, match="not a number"):
        thermostat(seen).set(math.nan, 0.0)


def test_the_dial_moves_and_the_light_follows(seen):
    one = drive(seen)
    one.path(10.0, 539.0, 14.0, 543.0)
    assert one.nm(11.0) == pytest.approx(540.0)
    assert one.centres(np.array([5.0, 12.0, 20.0])) == pytest.approx([539.0, 541.0, 543.0])


def test_coming_from_above_ends_higher_by_the_play(seen):
    one = drive(seen, play=0.05)
    one.path(1.0, 539.0, 2.0, 541.0)
    assert one.centres(at(3.0))[0] == pytest.approx(541.0)
    one.path(4.0, 541.0, 5.0, 539.0)
    assert one.centres(at(6.0))[0] == pytest.approx(539.05)
    one.path(7.0, 539.0, 8.0, 537.0)
    one.path(9.0, 537.0, 10.0, 539.0)
    assert one.centres(at(11.0))[0] == pytest.approx(539.0)


def test_each_arrival_misses_by_its_own_error(seen):
    one = drive(seen, arrival=0.002)
    found = []
    for turn in range(400):
        one.path(turn + 1.0, 539.0, turn + 1.5, 539.0)
        found.append(one.centres(at(turn + 1.9))[0] - 539.0)
    assert np.std(found) == pytest.approx(0.002, rel=0.15)
    assert one.centres(at(400.9))[0] - 539.0 == found[-1]


def test_the_turret_comes_back_to_another_place(seen):
    one = drive(seen, turret=0.02)
    assert one.turret(0.0) == 1
    one.grating(2, 5.0)
    one.grating(1, 25.0)
    assert [one.turret(t) for t in (4.0, 6.0, 30.0)] == [1, 2, 1]
    offset = one.centres(at(30.0))[0] - 539.0
    assert 0.0 < abs(offset) < 0.1
    one.path(40.0, 539.0, 42.0, 541.0)
    assert one.centres(at(50.0))[0] - 541.0 == pytest.approx(offset)


def test_line_noise_depends_on_time_and_seed_alone():
    one, same = LineNoise(1, 20.0, 5.0, 0.1), LineNoise(1, 20.0, 5.0, 0.1)
    late = one.factor(900.0, 904.0), one.shifts(900.0, 904.0)
    same.factor(0.0, 300.0)
    same.detuning(np.linspace(0.0, 300.0, 50))
    assert (same.factor(900.0, 904.0), same.shifts(900.0, 904.0)) == late
    assert LineNoise(2, 20.0, 5.0, 0.1).factor(900.0, 904.0) != late[0]


def test_the_lines_wander_by_their_sigma_and_exposures_average_it():
    one = LineNoise(3, 20.0, 5.0, 0.0)
    assert np.std(one.detuning(np.arange(0.0, 20_000.0, 5.0))) == pytest.approx(20.0, rel=0.06)
    x = 4.0 / 5.0
    averaged = 20.0 * math.sqrt(2.0 * (x - 1.0 + math.exp(-x)) / x**2)
    assert np.std([one.shifts(t, t + 4.0)[0] for t in range(0, 8000, 10)]) == pytest.approx(averaged, rel=0.1)
    assert np.mean(one.shifts(50.0, 54.0, 4)) == pytest.approx(one.shifts(50.0, 54.0)[0], abs=1e-9)


def test_the_brightness_averages_over_its_seconds():
    one = LineNoise(3, 0.0, 5.0, 0.2)
    seconds = one.factors(np.arange(0.0, 4001.0))
    assert np.mean(seconds) == pytest.approx(1.0, abs=0.02)
    assert np.std(seconds) == pytest.approx(0.2, rel=0.1)
    assert one.factor(10.25, 12.75) == pytest.approx((0.75 * seconds[10] + seconds[11] + 0.75 * seconds[12]) / 2.5)
    assert one.factor(10.25, 10.25) == pytest.approx(seconds[10])
    assert LineNoise(3, 0.0, 5.0, 0.0).factor(0.0, 7.7) == pytest.approx(1.0)
