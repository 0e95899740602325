"""Light on the sample: what the shutter, wave plate and scanner let through, and when."""

from __future__ import annotations

import math
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config
from perovskite_meas.sim.world.timeline import History, Turn

TABLE = "virtual_confocal"


@pytest.fixture
def ideal(tmp_path: Path) -> World:
    return load(tmp_path, "imperfections: off")


def load(folder: Path, text: str, seed: int = 1) -> World:
    file = folder / "w.yaml"
    file.write_text(text, encoding="utf-8")
    return World.load(file, table=TABLE, seed=seed, clock=SimClock(speed=0))


def angle_for(power: float) -> float:
    """Return the mount's angle on the packaged table: 120 uW at 17.3 deg, extinction 1e-4."""
    share = (power / 120e-6 - 1e-4) / (1 - 1e-4)
    return 17.3 + math.degrees(math.acos(math.sqrt(share))) / 2


def set_power(world: World, power: float) -> None:
    now = world.clock.now()
    mount = world.port("attenuator")
    mount.path(now, mount.angle(now), now + 0.3, angle_for(power))
    world.clock.sleep(0.35)


def expose(world: World, seconds: float) -> int:
    now = world.clock.now()
    world.port("shutter").switch(True, now + 0.004)
    world.clock.sleep(0.01)
    begin = world.clock.now()
    world.clock.sleep(seconds)
    counts = int(world.port("apd").counts(begin, begin + seconds))
    world.port("shutter").switch(False, world.clock.now() + 0.004)
    world.clock.sleep(0.01)
    return counts


def a_run(world: World, look: bool = False) -> list[int]:
    found = []
    for power in np.geomspace(1.3e-6, 30e-6, 6):
        set_power(world, power)
        if look:
            world.light_log()
        found.append(expose(world, 0.73))
    return found


def test_a_history_replaces_what_was_planned_for_later():
    history = History(0.0, "a")
    history.put(2.0, "b")
    history.put(1.0, "c")
    assert [history.at(t) for t in (-1.0, 0.5, 1.0, 3.0)] == ["a", "a", "c", "c"]
    assert history.breaks(0.0, 5.0) == [1.0]


def test_a_history_forgets_the_older_half_of_very_many():
    history = History(0.0, 0)
    for number in range(1, 30_000):
        history.put(float(number), number)
    assert history.at(29_999.0) == 29_999
    assert len(history.during(0.0, 1e9)) < 20_001


def test_a_turn_is_linear_and_stays():
    turn = Turn(1.0, 10.0, 2.0, 30.0)
    assert [turn.angle(t) for t in (0.0, 1.5, 2.0, 9.0)] == [10, 20, 30, 30]
    edges = turn.edges(1.0, 3.0)
    assert len(edges) == 80
    assert edges[-1] == 2.0
    assert len(Turn(1.0, 10.0, 1.0, 30.0).edges(0.0, 3.0)) == 0


def test_the_light_log_covers_exactly_the_open_intervals(ideal):
    set_power(ideal, 5e-6)
    shutter, clock = ideal.port("shutter"), ideal.clock
    shutter.switch(True, 1.0)
    shutter.switch(False, 2.345)
    clock.sleep(3.0)
    now = clock.now()
    shutter.switch(True, now + 0.005)
    clock.sleep(1.0)
    first, second = ideal.light_log()
    assert (first.t0, first.t1) == (1.0, 2.345)
    assert (second.t0, second.t1) == (now + 0.005, now + 1.0)
    assert first.power == pytest.approx(5e-6, rel=1e-9)
    assert (first.x_um, first.y_um) == (0.0, 0.0)


def test_a_dark_table_logs_no_light(ideal):
    ideal.clock.sleep(1e5)
    assert ideal.light_log() == []
    assert ideal.truth("dose") == 0


def test_moving_the_spot_or_the_wave_plate_starts_a_new_interval(ideal):
    set_power(ideal, 5e-6)
    clock = ideal.clock
    ideal.port("shutter").switch(True, clock.now())
    clock.sleep(1.0)
    ideal.port("scanner_y").set(2.0, clock.now())
    clock.sleep(1.0)
    set_power(ideal, 10e-6)
    clock.sleep(1.0)
    log = ideal.light_log()
    assert [(round(light.t1 - light.t0, 6), light.y_um) for light in log] == [
        (1.0, 0.0), (1.0, 2.0), (0.3, 2.0), (1.05, 2.0),
    ]  # fmt: skip
    assert log[0].power < log[2].power < log[3].power
    assert all(a.t1 == b.t0 for a, b in pairwise(log))


def test_a_turn_in_the_light_gives_the_time_average_of_malus_law(ideal):
    ideal.port("attenuator").path(0.0, 17.3, 0.45, 17.3 + 45.0)
    ideal.port("shutter").switch(True, 0.0)
    ideal.clock.sleep(1.0)
    turning, resting = ideal.light_log()
    assert turning.power == pytest.approx(120e-6 * (0.5 + 0.5e-4), rel=1e-4)
    assert resting.power == pytest.approx(120e-6 * 1e-4, rel=1e-9)


def test_a_shutter_that_closes_in_the_middle_of_a_gate_is_seen_in_the_counts(ideal):
    set_power(ideal, 20e-6)
    ideal.clock.jump_to(1.0)
    ideal.port("shutter").switch(True, 1.0)
    ideal.clock.jump_to(2.0)
    whole = ideal.port("apd").counts(1.0, 2.0)
    ideal.port("shutter").switch(False, 2.25)
    ideal.clock.jump_to(3.0)
    assert ideal.port("apd").counts(2.0, 3.0) == pytest.approx(whole / 4, rel=0.03)
    ideal.clock.jump_to(4.0)
    assert ideal.port("apd").counts(3.0, 4.0) == 0


def test_what_has_been_seen_cannot_be_changed_afterwards(ideal):
    set_power(ideal, 20e-6)
    ideal.clock.jump_to(1.0)
    ideal.port("shutter").switch(True, 1.0)
    ideal.clock.jump_to(2.0)
    ideal.port("apd").counts(1.0, 2.0)
    ideal.port("shutter").switch(False, 1.5)
    ideal.clock.jump_to(3.0)
    (light,) = ideal.light_log()
    assert (light.t0, light.t1) == (1.0, 2.0)
    ideal.port("shutter").switch(True, 4.0)
    ideal.clock.jump_to(5.0)
    assert [(light.t0, light.t1) for light in ideal.light_log()] == [(1.0, 2.0), (4.0, 5.0)]


def test_the_same_seed_and_actions_give_the_same_numbers_to_the_last_bit(tmp_path):
    runs = [load(tmp_path, "") for _ in range(2)]
    assert a_run(runs[0]) == a_run(runs[1])
    assert runs[0].truths() == runs[1].truths()
    assert runs[0].light_log() == runs[1].light_log()
    assert a_run(load(tmp_path, "")) != a_run(load(tmp_path, "", seed=2))


def test_looking_more_often_changes_nothing(tmp_path):
    quiet, watched = load(tmp_path, ""), load(tmp_path, "")
    for world, step in ((quiet, None), (watched, 0.0137)):
        for power in (2e-6, 25e-6):
            set_power(world, power)
            now = world.clock.now()
            world.port("shutter").switch(True, now)
            world.port("attenuator").path(now + 0.21, angle_for(power), now + 0.64, angle_for(3e-6))
            while step is not None and world.clock.now() < now + 0.9:
                world.clock.sleep(step)
                world.light_log()
            world.clock.jump_to(now + 0.95)
            world.port("shutter").switch(False, now + 0.95)
            world.clock.jump_to(now + 1.0)
    assert quiet.truths() == watched.truths()
    assert quiet.light_log() == watched.light_log()
    t = quiet.clock.now()
    assert quiet.port("apd").expected(t - 3.0, t) == watched.port("apd").expected(t - 3.0, t)


def test_another_instrument_leaves_the_noise_of_the_others_unchanged(tmp_path):
    plain = load(tmp_path, "")
    more = load(tmp_path, "instruments: {ASRL7::INSTR: {device: SC10, port: shutter}}")
    more.rng("ASRL7::INSTR").random(100)
    more.port("sample_head").watts(0.0, 0.1, 800)
    assert a_run(plain) == a_run(more)
    assert plain.port("pickoff").watts(1.0, 1.1, 800) == more.port("pickoff").watts(1.0, 1.1, 800)


def test_a_source_goes_on_with_its_own_numbers(ideal):
    assert ideal.rng("a").random() != ideal.rng("a").random()
    assert ideal.rng("b").random() == World(ideal.config, 1, SimClock(0)).rng("b").random()


def test_a_whole_run_costs_little_time_and_bleaches_a_few_percent(tmp_path):
    world = load(tmp_path, "")
    up = np.geomspace(1.3e-6, 30e-6, 42)
    begin = time.perf_counter()
    for power in [*up, *up[::-1]]:
        set_power(world, power)
        world.port("pickoff").watts(world.clock.now() - 0.1, world.clock.now(), 800)
        expose(world, 1.0)
    assert time.perf_counter() - begin < 2.0
    assert 0.02 < 1 - float(world.truth("brightness_left")) < 0.07
    assert len(world.light_log()) == 84


def test_two_threads_can_look_and_act_at_once(tmp_path):
    world = World(load_config(None, TABLE), 1, SimClock(speed=200.0))
    failed: list[BaseException] = []

    def work(act) -> None:
        try:
            for number in range(60):
                act(number)
        except BaseException as error:
            failed.append(error)

    actions = (
        lambda n: world.port("shutter").switch(n % 2 == 0, world.clock.now()),
        lambda n: world.port("apd").counts(world.clock.now() - 1.0, world.clock.now()),
        lambda n: world.port("pickoff").watts(world.clock.now() - 0.1, world.clock.now(), 800),
        lambda n: world.port("scanner_x").set(n * 0.01, world.clock.now()),
    )
    threads = [threading.Thread(target=work, args=(act,)) for act in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    log = world.light_log()
    assert all(a.t0 < a.t1 <= b.t0 for a, b in pairwise(log))
