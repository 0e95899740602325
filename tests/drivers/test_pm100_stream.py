"""The PM100 driver streaming pulses of an energy head, on the twin."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.drivers import PM100

_SPEC = importlib.util.spec_from_file_location("pulse_lab", Path(__file__).parents[1] / "sim" / "pulse_lab.py")
LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(LAB)


@pytest.fixture
def world(tmp_path):
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    library = pyvisa.ResourceManager(f"{tmp_path}@twin").visalib
    library.adopt(LAB.World())
    library.world.visalib, library.world.console = f"{tmp_path}@twin", library.device(LAB.CONSOLE)
    yield library.world
    Instrument.close_all()


@pytest.fixture
def meter(world):
    meter = PM100("sample_meter", LAB.CONSOLE, visalib=world.visalib)
    meter.energy_range(2e-6)
    return meter


def elapsed(world):
    return world.clock.now() - world.head.start


def test_every_pulse_is_fetched_while_other_things_happen(meter, world):
    meter.energy()
    meter.start_stream()
    begun, found = elapsed(world), []
    while elapsed(world) < begun + 1.0:
        found += meter.read_stream()
        world.clock.sleep(0.02)
    meter.stop_stream()
    assert len(found) in (9, 10)
    assert [b - a for a, b in pairwise(found)] == pytest.approx([1e-9] * (len(found) - 1))


def test_nothing_is_waited_for_unless_asked(meter, world):
    meter.energy()
    meter.start_stream()
    before = elapsed(world)
    assert meter.read_stream() == []
    assert elapsed(world) - before < 0.01
    assert len(meter.read_stream(0.5)) == 1
    assert 0.05 < elapsed(world) - before < 0.15


def test_after_the_stream_the_meter_answers_as_ever(meter, world):
    meter.start_stream()
    meter.stop_stream()
    meter.stop_stream()
    assert meter.energy_range() == pytest.approx(2e-6)
    assert meter.energy() > 0


def test_a_pulse_beyond_the_range_and_a_missing_head_are_faults_and_the_stream_goes_on(meter, world):
    meter.energy_range(2e-8)
    meter.start_stream()
    for _ in range(2):
        with pytest.raises(HardwareFault, match="out of range, or no head"):
            meter.read_stream(1.0)


def test_no_stream_is_read_before_it_starts(meter):
    with pytest.raises(HardwareFault, match="no stream runs"):
        meter.read_stream()
