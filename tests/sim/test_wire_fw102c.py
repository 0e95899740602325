"""The simulated filter wheel alone, and under a driver that this project did not write."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas.sim.serve import serve_pty
from perovskite_meas.sim.wire import wire_up


def _lab() -> Any:
    spec = importlib.util.spec_from_file_location("laser_lab", Path(__file__).with_name("laser_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _lab()


@pytest.fixture
def world():
    return tools.World()


@pytest.fixture
def device(world):
    return wire_up(world, tools.WHEEL, world.config.instruments[tools.WHEEL])


@pytest.fixture
def ask(world, device):
    def exchange(command):
        device.feed(command, world.clock.now())
        heard = []
        while (due := device.next_due()) is not None:
            world.clock.jump_to(due)
            heard += device.poll(world.clock.now())
        return b"".join(heard)

    return exchange


def test_it_repeats_the_command_answers_and_prompts(ask):
    assert ask(b"*idn?\r") == b"*idn?\rTHORLABS FW102C/FW212C Filter Wheel version 1.07\r> "
    assert ask(b"pos?\r") == b"pos?\r1\r> "
    assert ask(b"pcount?\r") == b"pcount?\r6\r> "
    assert ask(b"save\r") == b"save\r> "


def test_the_prompt_comes_when_the_wheel_stands_the_shorter_way_round(ask, world):
    begin = world.clock.now()
    assert ask(b"pos=5\r") == b"pos=5\r> "
    (place, t0, t1) = world.ports["filter"].turns[-1]
    assert place == 5
    assert t1 - t0 == pytest.approx(2 * 0.5)
    assert world.clock.now() - begin == pytest.approx(1.0, abs=0.01)
    ask(b"speed=0\r")
    ask(b"pos=6\r")
    assert world.clock.now() - begin == pytest.approx(2.0, abs=0.02)
    assert ask(b"pos?\r") == b"pos?\r6\r> "


def test_going_to_where_it_stands_takes_no_time(ask, world):
    ask(b"pos=1\r")
    assert world.ports["filter"].turns == [(1, -1.0, -1.0)]


@pytest.mark.parametrize("command", [b"pos=0", b"pos=7", b"pos=x", b"pos=", b"pcount=5", b"speed=2"])
def test_a_bad_argument_is_refused(ask, world, command):
    assert ask(command + b"\r") == command + b"\rCommand error CMD_ARG_INVALID\r> "
    assert len(world.ports["filter"].turns) == 1


@pytest.mark.parametrize("command", [b"foo?", b"POS?", b"pos", b"idn=1"])
def test_what_it_does_not_know_is_refused(ask, command):
    assert ask(command + b"\r") == command + b"\rCommand error CMD_NOT_DEFINED\r> "


def test_a_jammed_or_slipping_wheel_tells_where_it_stands(ask, device):
    device.faults.jam()
    ask(b"pos=3\r")
    assert ask(b"pos?\r") == b"pos?\r1\r> "
    device.faults.free()
    device.faults.slip()
    ask(b"pos=3\r")
    assert ask(b"pos?\r") == b"pos?\r2\r> "
    ask(b"pos=1\r")
    device.faults.slip()
    ask(b"pos=5\r")
    assert ask(b"pos?\r") == b"pos?\r6\r> "


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals exist on POSIX only")
def test_pylablib_turns_it():
    thorlabs = pytest.importorskip("pylablib.devices.Thorlabs", exc_type=ImportError)
    world = tools.World(speed=50.0)
    device = wire_up(world, tools.WHEEL, world.config.instruments[tools.WHEEL])
    with serve_pty(device, world.clock, world.lock) as path:
        wheel = thorlabs.FW(path, respect_bound=False)
        try:
            assert "FW102C" in wheel.get_id()
            assert (wheel.get_position(), wheel.get_pcount()) == (1, 6)
            assert wheel.set_position(4) == 4
            assert wheel.get_speed_mode() == "high"
            assert wheel.get_sensor_mode() == "off"
        finally:
            wheel.close()
