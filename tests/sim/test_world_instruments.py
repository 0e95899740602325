"""Detector and power heads: what they make of the light."""

from __future__ import annotations

import math
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config
from perovskite_meas.sim.world.meter import responsivity

TABLE = "virtual_confocal"


@pytest.fixture
def load(tmp_path: Path):
    def build(imperfections: str, seed: int = 1, rest: str = "") -> World:
        names = dict.fromkeys(load_config(None, TABLE).imperfections.model_dump(), "off")
        given = dict(part.split(": ") for part in imperfections.split(", ") if part)
        lines = [f"  {name}: {size}" for name, size in (names | given).items()]
        file = tmp_path / "w.yaml"
        file.write_text("\n".join([rest, "imperfections:", *lines]), encoding="utf-8")
        return World.load(file, table=TABLE, seed=seed, clock=SimClock(speed=0))

    return build


def light_on(world: World, power: float = 120e-6) -> None:
    share = (power / 120e-6 - 1e-4) / (1 - 1e-4)
    angle = 17.3 + math.degrees(math.acos(math.sqrt(share))) / 2
    now = world.clock.now()
    world.port("attenuator").path(now, 0.0, now, angle)
    world.port("shutter").switch(True, now)


def test_dark_counts_are_poissonian_at_the_stated_rate(load):
    world = load("dark_counts: on")
    world.clock.sleep(3000.0)
    counts = [world.port("apd").counts(t, t + 10.0) for t in np.arange(0.0, 3000.0, 10.0)]
    assert np.mean(counts) == pytest.approx(2000, rel=0.006)
    assert np.var(counts) == pytest.approx(2000, rel=0.35)


def test_dead_time_registers_fewer_counts(load):
    rest = "sample: {brightness: 1e6 cps, biexciton_ratio: 0, lifetime: 1 ns}"
    free, dead = load("", rest=rest), load("dead_time: on", rest=rest)
    rates = []
    for world in (free, dead):
        light_on(world)
        world.clock.sleep(1.0)
        world.advance(1.0)
        rates.append(world.port("apd").expected(0.0, 1.0))
    assert rates[0] == pytest.approx(1e6, rel=1e-6)
    assert rates[1] == pytest.approx(1e6 / (1 + 1e6 * 45e-9), rel=1e-6)


def test_afterpulses_add_their_share_of_counts(load):
    totals = []
    for share in ("off", "10 %"):
        world = load(f"afterpulsing: {share}")
        light_on(world)
        world.clock.sleep(20.0)
        totals.append(world.port("apd").counts(0.0, 20.0))
    assert totals[1] / totals[0] == pytest.approx(1.1, abs=0.004)


def test_counts_of_a_steady_light_are_poissonian(load):
    world = load("")
    light_on(world, 9.42e-6)
    world.clock.sleep(40.0)
    counts = [world.port("apd").counts(t, t + 0.1) for t in np.arange(0.0, 40.0, 0.1)]
    assert np.var(counts) / np.mean(counts) == pytest.approx(1.0, rel=0.3)


def test_a_gate_in_the_future_is_refused(load):
    world = load("")
    with pytest.raises(UsageError, match=r"a gate that ends at 1\.000000 s cannot be read at 0\.000000 s"):
        world.port("apd").counts(0.0, 1.0)


def test_emission_is_remembered_for_an_hour_only(load):
    world = load("laser_noise: 1 %")
    light_on(world)
    world.clock.sleep(5000.0)
    assert world.port("apd").counts(4000.0, 4001.0) > 0
    assert len(world._scene._exposure._rows) < 42_000
    with pytest.raises(UsageError, match="only the last 3600 s are remembered"):
        world.port("apd").counts(10.0, 11.0)


def test_a_gate_in_the_dark_may_be_as_long_as_it_likes(load):
    world = load("dark_counts: on")
    light_on(world)
    world.port("shutter").switch(False, 1.0)
    world.clock.sleep(90_000.0)
    assert world.port("apd").counts(1.0, 90_000.0) == pytest.approx(200 * 90_000, rel=0.002)


def test_one_reading_of_a_head_costs_well_below_a_hundred_microseconds(load):
    world = load("laser_noise: 1 %, laser_drift: 0.5 %, pickoff_drift: 0.2 %, meter_noise: 0.5 %")
    light_on(world)
    costs = []
    for number in range(500):
        start = time.perf_counter()
        world.port("pickoff").watts(number * 0.04, number * 0.04 + 0.03, 800)
        costs.append(time.perf_counter() - start)
    assert statistics.median(costs) < 100e-6


def test_ideal_heads_read_the_power_and_only_the_sample_head_needs_the_shutter(load):
    world = load("")
    light_on(world)
    world.port("shutter").switch(False, 1.0)
    pickoff, sample = world.port("pickoff"), world.port("sample_head")
    assert pickoff.watts(2.0, 2.1, 800) == pytest.approx(1.2e-3)
    assert sample.watts(0.2, 0.3, 800) == pytest.approx(120e-6)
    assert sample.watts(0.9, 1.1, 800) == pytest.approx(60e-6)
    assert sample.watts(2.0, 2.1, 800) == 0
    assert pickoff.dark(2.0) == 0


def test_a_head_reads_calibration_times_power_plus_zero(load):
    world = load("", rest="detectors: {pickoff: {calibration: 1.1, zero: 2 uW}}")
    light_on(world)
    assert world.port("pickoff").watts(0.0, 0.1, 800) == pytest.approx(1.1 * (1.2e-3 + 2e-6))
    assert world.port("pickoff").dark(0.0) == pytest.approx(2.2e-6)


def test_session_errors_are_those_of_the_truths(load):
    world = load("meter_calibration: 3 %, meter_zero: 0.5 uW", seed=8)
    light_on(world)
    for name, power in (("pickoff", 1.2e-3), ("sample_head", 120e-6)):
        gain, zero = float(world.truth(f"{name}.calibration")), float(world.truth(f"{name}.zero"))
        assert (gain, zero) != (1.0, 0.0)
        assert world.port(name).watts(0.0, 0.1, 800) == pytest.approx(gain * (power + zero), rel=1e-12)


def test_meter_noise_shrinks_with_averaging(load):
    world = load("meter_noise: 0.5 %")
    light_on(world)
    for seconds, size in ((0.1, 5e-3), (0.9, 5e-3 / 3)):
        readings = [world.port("pickoff").watts(0.0, seconds, 800) for _ in range(400)]
        assert np.std(readings) / np.mean(readings) == pytest.approx(size, rel=0.12)


def test_a_meter_set_to_another_wavelength_misreads_by_the_ratio_of_responsivities(load):
    world = load("")
    light_on(world)
    right, wrong = (world.port("pickoff").watts(0.0, 0.1, nm) for nm in (800, 700))
    assert wrong / right == pytest.approx(0.54 / 0.48)
    assert responsivity(100) == responsivity(300)


def test_the_pick_off_ratio_can_drift(load):
    ratios = []
    config = load("pickoff_drift: 1 %").config
    for seed in range(100):
        world = World(config, seed, SimClock(speed=0))
        light_on(world)
        pickoff, sample = world.port("pickoff"), world.port("sample_head")
        ratios.append(pickoff.watts(3600.0, 3600.1, 800) / sample.watts(3600.0, 3600.1, 800))
    assert np.std(ratios) / 10 == pytest.approx(0.01, rel=0.25)
