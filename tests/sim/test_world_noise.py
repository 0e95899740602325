"""Noise of laser, wave plate and emitter: its size, and who shares it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World

TABLE = "virtual_confocal"


def load(folder: Path, text: str) -> World:
    file = folder / "w.yaml"
    file.write_text(text, encoding="utf-8")
    return World.load(file, table=TABLE, seed=1, clock=SimClock(speed=0))


def set_power(world: World, power: float) -> None:
    """Turn the packaged table's wave plate at once: 120 uW at 17.3 deg, extinction 1e-4."""
    now = world.clock.now()
    share = (power / 120e-6 - 1e-4) / (1 - 1e-4)
    angle = 17.3 + math.degrees(math.acos(math.sqrt(share))) / 2
    world.port("attenuator").path(now, angle, now, angle)


def test_the_sample_and_the_pick_off_share_the_noise_of_the_laser(tmp_path):
    world = load(tmp_path, "imperfections: {meter_noise: off, meter_zero: off, laser_noise: 5 %, pickoff_drift: off}")
    world.port("shutter").switch(True, 0.0)
    world.clock.sleep(60.0)
    pairs = np.array(
        [[world.port(name).watts(t, t + 0.1, 800) for name in ("pickoff", "sample_head")] for t in np.arange(200) / 5]
    )
    assert np.std(pairs[:, 0]) / np.mean(pairs[:, 0]) == pytest.approx(0.05, rel=0.25)
    assert np.corrcoef(pairs.T)[0, 1] == pytest.approx(1.0, abs=1e-9)


def test_the_laser_drifts_like_a_random_walk(tmp_path):
    drifts = []
    config = load(tmp_path, "imperfections: {laser_noise: off, laser_drift: 2 %}").config
    for seed in range(150):
        world = World(config, seed, SimClock(speed=0))
        drifts.append([world._scene._beam.laser(frame) - 1.0 for frame in (0, 36_000, 144_000)])
    spread = np.std(drifts, axis=0)
    assert spread == pytest.approx([0.0, 0.02, 0.04], rel=0.25, abs=1e-4)


def test_blinking_has_its_size_in_one_second_and_fades_out_at_low_excitation(tmp_path):
    text = "imperfections: {blinking: 4 %, laser_noise: off, laser_drift: off, bleaching: off}"
    spread = {}
    for power in (1e-6, 20e-6):
        world = load(tmp_path, text)
        set_power(world, power)
        world.port("shutter").switch(True, 1.0)
        world.clock.jump_to(301.0)
        world.advance(301.0)
        rates = [world.port("apd").expected(t, t + 1.0) for t in np.arange(1.0, 301.0)]
        spread[power] = np.std(rates) / np.mean(rates)
    assert spread[20e-6] == pytest.approx(0.04, rel=0.15)
    assert spread[1e-6] < 0.01


def test_backlash_separates_the_two_directions(tmp_path):
    world = load(tmp_path, "imperfections: {attenuator_backlash: 0.4 deg, laser_noise: off, laser_drift: off}")
    mount, powers = world.port("attenuator"), []
    for start in (0.0, 60.0):
        now = world.clock.now()
        mount.path(now, start, now + 0.1, 40.0)
        world.clock.sleep(1.0)
        now = world.clock.now()
        world.port("shutter").switch(True, now - 0.1)
        world.port("shutter").switch(False, now)
        powers.append(world.light_log()[-1].power)
    malus = [1e-4 + (1 - 1e-4) * math.cos(2 * math.radians(40.0 + play - 17.3)) ** 2 for play in (0.2, -0.2)]
    assert powers == pytest.approx([120e-6 * share for share in malus], rel=1e-9)
