"""Blinking between the neutral and the grey state: dwell times, brightness, lifetime, and whose clock it follows."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.tables import world_file
from perovskite_meas.sim.world import World, load_config
from perovskite_meas.sim.world.photons.blinking import Telegraph, truncated_power_law

LAW = load_config(None, "virtual_confocal").sample.blinking


def telegraph(seed: int = 1, start: float = 0.0) -> Telegraph:
    return Telegraph(LAW, np.random.default_rng(seed), start)


@pytest.fixture
def blinker(tmp_path: Path):
    def make(text: str = "", seed: int = 1) -> World:
        path = tmp_path / "w.yaml"
        path.write_text(world_file("blinker").read_text(encoding="utf-8") + text, encoding="utf-8")
        world = World.load(path, table="virtual_confocal", seed=seed, clock=SimClock(speed=0))
        world.port("attenuator").path(0.0, 57.0, 0.0, 57.0)
        world.port("shutter").switch(True, 0.0)
        return world

    return make


@pytest.mark.parametrize(("exponent", "cutoff"), [(1.5, 2.0), (1.7, 5.0), (1.2, 0.01)])
def test_dwell_times_follow_the_truncated_power_law(exponent, cutoff):
    dwells = truncated_power_law(np.random.default_rng(1), exponent, 1e-3, cutoff, 100_000)

    def mass(low, high):
        return quad(lambda u: math.exp(u * (1 - exponent) - math.exp(u) / cutoff), math.log(low), math.log(high))[0]

    whole = mass(1e-3, 50 * cutoff)
    edges = np.geomspace(1e-3, 5 * cutoff, 12)
    expected = np.array([mass(a, b) / whole for a, b in pairwise(edges)]) * len(dwells)
    found = np.histogram(dwells, edges)[0]
    assert np.min(dwells) >= 1e-3
    assert np.all(np.abs(found - expected) < 4.5 * np.sqrt(expected) + 1)


def test_the_two_states_take_turns_with_their_own_laws():
    dot = telegraph()
    changes = np.array(dot.breaks(0.0, 2000.0))
    middles = (changes[1:] + changes[:-1]) / 2
    grey, dwells = dot.is_grey(middles), np.diff(changes)
    assert np.array_equal(grey[1:], ~grey[:-1])
    on, off = dwells[~grey], dwells[grey]
    # maximum likelihood of a pure power law below 20 ms, where the cut-offs hardly matter
    for sample, exponent in ((on, 1.5), (off, 1.7)):
        short = sample[sample < 0.02]
        trial = np.linspace(1.1, 2.1, 201)
        norm = (1 - 20 ** (1 - trial)) / (trial - 1)
        likelihood = -trial * np.sum(np.log(short / 1e-3)) - len(short) * np.log(norm)
        assert trial[np.argmax(likelihood)] == pytest.approx(exponent, abs=0.05)
    assert np.max(on) < 40
    assert np.max(off) > np.max(on) / 5


def test_the_history_is_the_same_whoever_looks():
    first, second = telegraph(7), telegraph(7)
    for t in (0.1, 3.0, 40.0):
        second.breaks(0.0, t)
    times = np.linspace(0.0, 100.0, 5001)
    assert np.array_equal(first.is_grey(times), second.is_grey(times))
    assert not np.array_equal(first.is_grey(times), telegraph(8).is_grey(times))
    assert {bool(telegraph(seed).is_grey(np.zeros(1))[0]) for seed in range(8)} == {True, False}


def test_the_tags_blink_with_the_dot_and_decay_faster_in_the_grey_state(blinker):
    world = blinker("  background: off\n  crosstalk: off\n  afterpulsing: off\n")
    world.clock.sleep(20.0)
    events = world.port("tagger").record(0.0, 20.0)
    grey_at = world._scene._emitter.telegraphs[0].is_grey(events.times * 1e-12)
    fine = np.arange(0.0, 20.0, 1e-4) + 5e-5
    share = np.mean(world._scene._emitter.telegraphs[0].is_grey(fine))
    assert 0.02 < share < 0.98
    on = np.sum(~grey_at) / (20 * (1 - share))
    off = np.sum(grey_at) / (20 * share)
    assert (off - 200) / (on - 200) == pytest.approx(0.2, rel=0.02)
    assert float(world.truth("on_fraction")) == pytest.approx(1 - share, abs=2e-3)
    for grey, lifetime in ((False, 20_000.0), (True, 4000.0)):
        delay = events.delay[(grey_at == grey) & (events.channels == 0)] - 9000
        inside = delay[(delay > 0) & (delay < 3 * lifetime)]
        dark = 100 * 3 * lifetime / 2e5 * 20 * (share if grey else 1 - share)
        mean = (np.sum(inside) - dark * 1.5 * lifetime) / (len(inside) - dark)
        assert mean == pytest.approx(lifetime * (1 - 3 / math.expm1(3)), rel=0.02)


def test_the_counter_of_the_table_sees_the_same_blinking(blinker):
    world = blinker()
    world.clock.sleep(5.0)
    world.advance(5.0)
    edges = np.linspace(0.0, 5.0, 501)
    counts = [world.port("apd").expected(a, b) for a, b in pairwise(edges)]
    tags = np.histogram(world.port("tagger").record(0.0, 5.0).times * 1e-12, edges)[0]
    assert np.corrcoef(counts, tags)[0, 1] > 0.99


def test_blinking_goes_on_in_the_dark(blinker):
    seen, left_alone = blinker(), blinker()
    left_alone.port("shutter").switch(False, 1.0)
    left_alone.port("shutter").switch(True, 9.0)
    for world in (seen, left_alone):
        world.clock.sleep(10.0)
    one, other = (np.histogram(w.port("tagger").record(9.0, 10.0).times, 100)[0] for w in (seen, left_alone))
    assert np.max(one) > 3 * np.min(one)
    assert np.corrcoef(one, other)[0, 1] > 0.95


def test_two_dots_blink_each_for_itself(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text("sample: {emitters: 2}\nimperfections: {grey_state: on}", encoding="utf-8")
    world = World.load(path, table="virtual_confocal", seed=1, clock=SimClock(speed=0))
    first, second = world._scene._emitter.telegraphs
    times = np.linspace(0.0, 50.0, 5001)
    assert 0.2 < np.mean(first.is_grey(times) == second.is_grey(times)) < 0.9


def test_a_grey_state_of_its_own_yield_or_none(blinker):
    assert blinker().truth("grey_yield") == pytest.approx(0.2)
    assert blinker("  # nothing\n").truth("a_on") == 1.5
    config = load_config(None, "virtual_confocal")
    assert config.grey_yield is None
    assert World(config, 1, SimClock(0)).truth("grey_yield") == 1.0
    assert World(config, 1, SimClock(0)).truth("on_fraction") == 1.0
