"""What the time tagger records on the whole table: light, its history, detectors, reference, seeds."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.tables import packaged_worlds, world_file
from perovskite_meas.sim.world import World

PERIOD = 200_000.0


@pytest.fixture
def lit(tmp_path: Path):
    """Worlds by name or text with the shutter open from 0 s on, at 3 uW."""

    def make(world: str, power: float = 3e-6, seed: int = 1) -> World:
        path = tmp_path / "w.yaml"
        path.write_text(world, encoding="utf-8")
        path = path if ":" in world else world_file(world)
        made = World.load(path, table="virtual_confocal", seed=seed, clock=SimClock(speed=0))
        set_power(made, power, 0.0)
        made.port("shutter").switch(True, 0.0)
        return made

    return make


def set_power(world: World, power: float, t: float) -> None:
    plate = world.config.optics.attenuator
    share = (power / plate.maximum_power - plate.extinction) / (1 - plate.extinction)
    angle = plate.angle_of_maximum + math.degrees(math.acos(math.sqrt(share))) / 2
    world.port("attenuator").path(t, angle, t, angle)


def record(world: World, t0: float, t1: float):
    world.clock.jump_to(t1)
    return world.port("tagger").record(t0, t1)


def pulse_peaks(events, most=6):
    """Return coincidences by distance in pulses, -most..most, with both delays corrected for the cables."""
    pulses = []
    for channel, cable in ((0, 8000.0), (1, 11_200.0)):
        mine = events.channels == channel
        pulses.append(events.sync[mine] - (events.delay[mine] < cable - 1500.0))
    low = [np.searchsorted(pulses[1], pulses[0] + step) for step in range(-most, most + 2)]
    return np.array([np.sum(after - before) for before, after in pairwise(low)])


@pytest.mark.parametrize("name", ["hbt_pulsed", "hbt_cw", "hbt_pair", "laser", "blinker"])
def test_both_detectors_together_see_what_the_counter_would_see(lit, name):
    world = lit(name)
    events = record(world, 0.0, 3.0)
    expected = world.port("apd").expected(0.0, 3.0) - 200 * 3 + 2 * 100 * 3
    found = len(events.times)
    assert found == pytest.approx(1.01 * expected, rel=4 / math.sqrt(found) + 2e-3)
    assert np.mean(events.channels) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(found))
    assert sum(world.port("tagger").rates(0.0, 3.0)) == pytest.approx(found / 3, rel=5 / math.sqrt(found) + 2e-3)


def test_the_packaged_worlds_have_the_rates_and_truths_they_are_named_for(lit):
    rates = {"hbt_pulsed": 2e4, "hbt_cw": 1e5, "hbt_pair": 2e4, "laser": 2e4, "blinker": 1e5}
    zeros = {"hbt_pulsed": 0.0514, "hbt_cw": 0.02, "hbt_pair": 0.5257, "laser": 1.0, "blinker": 0.0826}
    here = [name for name, file in packaged_worlds().items() if file.parts[-3] == "virtual_confocal"]
    assert sorted(rates) == sorted(here)
    for name, rate in rates.items():
        at = lit(name).at_power(3e-6)
        assert at["signal"] == pytest.approx(rate, rel=0.15), name
        assert at["g2_zero"] == pytest.approx(zeros[name], rel=0.02), name
    assert lit("laser").truth("zero_lag") == pytest.approx(3200)
    assert lit("hbt_cw").at_power(3e-6)["antibunching_time"] == pytest.approx(1 / 1.005, rel=2e-3)
    assert lit("hbt_pulsed").truth("g2_zero") == pytest.approx(0.05, rel=2e-3)  # no light yet: the limit


@pytest.mark.parametrize(("name", "pulls_apart"), [("hbt_pulsed", True), ("hbt_pair", True), ("laser", False)])
def test_the_central_peak_of_pulsed_light_is_the_truth(lit, name, pulls_apart):
    # One draw at many times the brightness, without background, so that the light alone is tested.
    text = world_file(name).read_text(encoding="utf-8").replace("brightness:", "quantum_yield: 1\n  brightness: 2e6 #")
    world = lit(text + "imperfections: {background: off, crosstalk: off, dead_time: off, blinking: off}\n")
    events = record(world, 0.0, 5.0)
    world.port("shutter").switch(False, 5.0)
    peaks = pulse_peaks(events)
    sides = np.delete(peaks, 6)
    truth = float(world.truth("g2_zero"))
    assert (truth < 0.6) is pulls_apart
    assert peaks[6] / sides.mean() == pytest.approx(truth, abs=4 * math.sqrt(truth / sides.mean()) + 0.003)
    assert np.max(np.abs(sides / sides.mean() - 1)) < 4.5 / math.sqrt(sides.mean())


def test_continuous_light_has_no_sync_and_a_dip_at_the_difference_of_the_cables(lit):
    world = lit(world_file("hbt_cw").read_text(encoding="utf-8") + "imperfections: {crosstalk: 2e-4}\n")
    events = record(world, 0.0, 60.0)
    assert events.sync is None
    assert events.delay is None
    assert events.period == 0.0
    assert world.port("tagger").sync_rate(1.0) == 0.0
    a, b = (events.times[events.channels == channel] for channel in (0, 1))
    shifted = b - 3200
    low, high = np.searchsorted(shifted, a - 20_000), np.searchsorted(shifted, a + 20_000)
    pairs = np.repeat(np.arange(len(a)), high - low)
    nth = np.arange(len(pairs)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    lag = shifted[low[pairs] + nth] - a[pairs]
    near = np.sum(np.abs(lag) < 200) / 0.4
    far = np.sum((np.abs(lag) > 11_000) & (np.abs(lag) < 20_000)) / 18
    assert near / far < 0.5  # 1 - 0.96 (1 - 0.38), washed out by jitter of 212 ps
    flash = np.sum((np.abs(lag) > 4000) & (np.abs(lag) < 10_000)) / 12
    assert flash / far > 1.05  # crosstalk


def test_pulses_carry_the_cables_the_lifetime_and_the_period(lit):
    events = record(lit("hbt_pulsed"), 0.0, 5.0)
    assert events.period == pytest.approx(PERIOD)
    assert np.all(np.diff(events.times) >= 0)
    assert events.delay.min() >= 0
    assert events.delay.max() < PERIOD
    again = events.sync * PERIOD + events.delay
    offset = events.times - again
    assert np.ptp(offset) < 1.1  # whole ps
    for channel, cable in ((0, 8000.0), (1, 11_200.0)):
        delay = events.delay[events.channels == channel]
        assert np.sum(delay < cable - 1000) / len(delay) < 0.03
        late = delay[(delay > cable + 10_000) & (delay < cable + 70_000)] - cable - 10_000
        assert np.mean(late) == pytest.approx(20_000 - 60_000 / math.expm1(3), rel=0.03)


def test_the_first_sync_is_the_first_pulse_of_the_recording(lit):
    world = lit("hbt_pulsed")
    begin = 1.0 + 70e-9  # 70 ns into a period
    events = record(world, begin, 3.0)
    assert np.min(events.sync) >= 0
    assert np.max(events.sync) < 2.0 * 5e6
    assert events.times[0] - (events.sync[0] * PERIOD + events.delay[0]) == pytest.approx(130_000, abs=2)


def test_a_shutter_that_closes_in_the_middle_is_seen_in_the_tags(lit):
    world = lit("hbt_pulsed")
    world.port("shutter").switch(False, 1.2345)
    events = record(world, 0.0, 2.0)
    seconds = events.times * 1e-12
    assert np.sum(seconds < 1.2345) / 1.2345 == pytest.approx(19_500, rel=0.1)
    after = np.sum(seconds > 1.2345)
    assert after / (2.0 - 1.2345) == pytest.approx(202, abs=5 * math.sqrt(202))
    assert np.sum((seconds > 1.2345 - 2e-3) & (seconds < 1.2345)) > 15


def test_power_and_place_are_seen_in_the_tags(lit):
    world = lit("hbt_pulsed")
    set_power(world, 6e-6, 1.0)
    world.port("scanner_x").set(3.0, 2.0)
    set_power(world, 3e-6, 3.0)
    seconds = record(world, 0.0, 4.0).times * 1e-12
    low, high, beside, less = np.histogram(seconds, np.arange(5.0))[0]
    assert high / low == pytest.approx(3.5, rel=0.1)
    assert beside == pytest.approx(200 + 4 * 250, rel=0.25)
    assert less == pytest.approx(200 + 250, rel=0.3)


def test_the_reference_light_is_prompt_poissonian_and_misses_the_sample(lit):
    for name in ("hbt_pulsed", "hbt_cw"):
        world = lit(name)
        world.port("shutter").switch(False, 0.0)
        world.port("reference").switch(True, 0.5)
        world.port("reference").switch(False, 2.5)
        events = record(world, 0.0, 3.0)
        seconds = events.times * 1e-12
        on = (seconds > 0.5) & (seconds < 2.5)
        assert np.sum(on) / 2 == pytest.approx(1e5 * 1.01 * 0.9977 + 200, rel=0.01)
        assert np.sum(~on) < 300
        assert world.light_log() == []
        moments = events.times[on & (events.channels == 0)] % PERIOD
        spread = (moments - np.median(moments) + PERIOD / 2) % PERIOD - PERIOD / 2
        assert np.quantile(np.abs(spread), 0.5) == pytest.approx(0.674 * math.hypot(150, 50), rel=0.2)
        if name == "hbt_pulsed":
            peaks = pulse_peaks(events)
            assert peaks[6] / np.delete(peaks, 6).mean() == pytest.approx(1, abs=0.15)


def test_darks_and_delays_are_those_of_each_detector(lit):
    world = lit("detectors: {spad_a: {dark_rate: 1000 cps}, spad_b: {dark_rate: 50 cps}}")
    world.port("shutter").switch(False, 0.0)
    events = record(world, 0.0, 20.0)
    counts = np.bincount(events.channels)
    assert counts[0] == pytest.approx(20_200, abs=5 * math.sqrt(20_200))
    assert counts[1] == pytest.approx(1010, abs=5 * math.sqrt(1010))
    assert world.truth("spad_a.dark_rate") == 1000
    assert world.port("tagger").inputs == ("spad_a", "spad_b")


def test_imperfections_of_the_detectors_can_be_off(lit):
    world = lit("imperfections: off")
    world.port("shutter").switch(False, 0.0)
    assert len(record(world, 0.0, 5.0).times) == 0
    for name in ("jitter", "jitter_tail", "dark_rate", "dead_time", "afterpulsing"):
        assert world.truth(f"spad_a.{name}") == 0
    assert world.truth("crosstalk") == 0
    world.port("reference").switch(True, 5.0)
    delay = record(world, 5.0, 6.0).delay
    assert np.std((delay - 8000) % 3200) < 1600  # two sharp lines of 50 ps at 8 and 11.2 ns
    assert np.mean((np.abs(delay - 8000) < 250) | (np.abs(delay - 11_200) < 250)) > 0.999


def test_background_is_what_the_world_says(lit):
    world = lit("hbt_pulsed")
    record(world, 0.0, 2.0)
    share = float(world.truth("background_fraction"))
    world.port("scanner_x").set(3.0, 2.0)
    events = record(world, 2.0, 30.0)
    beside = len(events.times) / 28 / 1.01
    assert beside == pytest.approx(share / (1 - share) * float(world.truth("signal")), rel=0.08)


def test_the_same_seed_and_actions_give_the_same_tags(lit):
    first, again, other = (record(lit("blinker", seed=seed), 0.5, 1.5) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first[:4], again[:4], strict=True))
    assert len(first.times) != len(other.times)


def test_recording_tags_changes_no_other_number(lit):
    worlds = [lit("hbt_pulsed"), lit("hbt_pulsed")]
    record(worlds[0], 0.0, 1.0)
    for world in worlds:
        world.clock.jump_to(2.0)
    first, second = ([w.port("apd").counts(0.0, 2.0), w.port("pickoff").watts(0.0, 1.0, 800)] for w in worlds)
    assert first == second


def test_a_recording_in_the_future_or_of_days_is_refused(lit):
    world = lit("laser")
    with pytest.raises(UsageError, match="a gate that ends at 1"):
        world.port("tagger").record(0.0, 1.0)
    with pytest.raises(UsageError, match="at most 7200 s at a time"):
        world.port("tagger").record(0.0, 1e5)


def test_a_million_tags_take_a_fraction_of_a_second(lit):
    world = lit("hbt_cw")
    record(world, 0.0, 0.1)  # compile
    world.clock.jump_to(11.0)
    world.advance(11.0)
    begin = time.process_time()
    found = len(world.port("tagger").record(0.1, 10.5).times)
    seconds = time.process_time() - begin
    assert found > 900_000
    assert seconds < 1.0  # 0.15 on a quiet machine


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hbt_pulsed", "hbt_pair", "laser"])
def test_long_recordings_scatter_about_the_truth_as_they_should(lit, name):
    """Raw peak ratios of 300 s on the whole table; rho^2 of the truths takes the background into account."""
    text = world_file(name).read_text(encoding="utf-8") + "imperfections: {crosstalk: off, afterpulsing: off}\n"
    pulls = []
    for seed in range(8):
        world = lit(text, seed=seed)
        peaks = pulse_peaks(record(world, 0.0, 300.0))
        signal = 1 - float(world.truth("background_fraction"))
        expected = 1 + signal**2 * (float(world.truth("g2_zero")) - 1)
        side = np.delete(peaks, 6).mean()
        pulls.append((peaks[6] / side - expected) / math.sqrt((expected + expected**2 / 12) / side))
    assert abs(np.mean(pulls)) < 3 / math.sqrt(8)
    assert 0.4 < np.std(pulls) < 1.7
