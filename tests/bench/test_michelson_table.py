"""The virtual Michelson table with each of its makes of stage and piezo: the same roles, the same delays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas import load_bench
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.roles import DelayLine, WiredTagger

LINES = {"": "ESP301 and E-709", "_smc100": "SMC100 and E-709", "_gcs": "C-863 and E-709", "_kpz": "ESP301 and KPZ101"}


def opened(checkout: Path, more: str) -> Iterator[Any]:
    path = checkout / "station_configs" / "virtual_michelson" / f"bench{more}.yaml"
    with load_bench(path) as bench:
        for role in bench.roles.values():
            role.begin()
        yield bench
        assert bench.make_safe() == []


@pytest.fixture(params=tuple(LINES), ids=tuple(LINES.values()))
def bench(request: pytest.FixtureRequest, checkout: Path) -> Iterator[Any]:
    yield from opened(checkout, request.param)


@pytest.fixture
def usual(checkout: Path) -> Iterator[Any]:
    yield from opened(checkout, "")


def world_of(bench: Any) -> Any:
    (library,) = bench.libraries.values()
    return library.world


def test_the_line_goes_where_it_is_sent_and_the_ramp_triggers_the_tagger(bench: Any) -> None:
    line, tagger, world = bench.roles["delay"], bench.roles["tagger"], world_of(bench)
    assert isinstance(line, DelayLine)
    assert isinstance(tagger, WiredTagger)
    for delay in (5.0, 3.0):
        found = line.move_to(delay)
        assert found.delay == pytest.approx(delay, abs=0.005)
        stands = world.port("coarse").position(bench.clock.now())
        assert stands == pytest.approx(12.5 + delay / 6.67308, abs=2e-3)  # homing and counting have their errors
    assert line.fine_to(0.35).fine == pytest.approx(0.35, abs=0.02)
    bench.roles["attenuator"].set_power(2e-7)
    with (
        bench.roles["shutter_a"].exposure(),
        bench.roles["shutter_b"].exposure(),
        line.ramping(1.4, 0.128, 0.032) as ramp,
    ):
        begin = bench.clock.now()
        tags = tagger.acquire(0.8)
        times = np.linspace(0.0, ramp.forward, 9)
        assert ramp.positions(times) == pytest.approx(np.linspace(-0.7, 0.7, 9), abs=0.03)
    inputs = tagger.inputs()
    triggers = tags.times[tags.channels == inputs["trigger"]] * 1e-12
    assert len(triggers) == 5
    assert np.diff(triggers) == pytest.approx(ramp.period, abs=1e-6)
    counts = np.bincount(tags.channels, minlength=3)
    assert counts[inputs["monitor"]] > 20 * counts[inputs["signal"]]
    assert world.light_log() == []
    assert bench.ledger.dose() == 0.0
    after = bench.clock.now()
    assert world.port("trigger").times(begin, after).size >= 5
    bench.clock.sleep(1.0)
    assert world.port("trigger").times(after, bench.clock.now()).size == 0
    assert line.read().fine == pytest.approx(0.0, abs=0.01)


def test_a_stage_that_stalls_is_a_fault_and_leaves_the_sample_dark(usual: Any) -> None:
    line = usual.roles["delay"]
    line.move_to(0.0)
    (library,) = usual.libraries.values()
    library.device("ASRL1::INSTR").faults.stall()
    with pytest.raises(HardwareFault, match="stage"):
        line.move_to(30.0)
    assert usual.roles["shutter"].is_blocking()
    line.begin()
    assert line.move_to(10.0).delay == pytest.approx(10.0, abs=0.005)  # homed again


def test_a_servo_that_is_switched_off_by_hand_is_a_fault_until_the_next_run(usual: Any) -> None:
    line = usual.roles["delay"]
    usual.station.piezo.servo.set(False)
    with pytest.raises(HardwareFault, match="servo"):
        line.fine_to(0.5)
    line.begin()
    assert line.fine_to(0.5).fine == pytest.approx(0.5, abs=0.02)
