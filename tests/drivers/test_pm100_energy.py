"""The PM100 driver with an energy head, on the twin and against transcripts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault
from perovskite_meas.drivers import PM100

_SPEC = importlib.util.spec_from_file_location("pulse_lab", Path(__file__).parents[1] / "sim" / "pulse_lab.py")
LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(LAB)
CONSOLE = LAB.CONSOLE
HEAD = (b"SYST:SENS:IDN?\n", b"ES111C,1,01-Jan-2024,3,1,34\n")
GREETING = [
    (b"*IDN?\n", b"THORLABS,PM100D,P0000002,2.4.0\n"),
    (b"SYST:ERR?\n", b'+0,"No error"\n'),
    HEAD,
    (b"SENS:AVER:COUN?\n", b"1\n"),
    (b"SENS:CORR:WAV? MIN\n", b"1.85E+02\n"),
    (b"SENS:CORR:WAV? MAX\n", b"2.50E+04\n"),
    (b"SENS:ENER:RANG:UPP?\n", b"1.5E-2\n"),
    (b"SENS:PEAK:THR?\n", b"2.0E+1\n"),
]


@pytest.fixture
def world(tmp_path):
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    library = pyvisa.ResourceManager(f"{tmp_path}@twin").visalib
    library.adopt(LAB.World())
    library.world.visalib, library.world.console = f"{tmp_path}@twin", library.device(CONSOLE)
    yield library.world
    Instrument.close_all()


@pytest.fixture
def meter(world):
    meter = PM100("sample_meter", CONSOLE, visalib=world.visalib)
    meter.energy_range(2e-6)
    return meter


def elapsed(world):
    return world.clock.now() - world.head.start


def test_an_energy_is_that_of_the_next_pulse(meter, world):
    world.clock.jump_to(world.head.start + 0.93)
    assert meter.energy() == pytest.approx(1.01e-6, rel=1e-6)
    assert elapsed(world) == pytest.approx(1.005, abs=1e-3)
    assert [meter.energy() for _ in range(3)] == pytest.approx([1.011e-6, 1.012e-6, 1.013e-6], rel=1e-6)


def test_the_range_holds_the_energy_asked_for_and_the_threshold_is_read_back(meter):
    assert meter.energy_range() == pytest.approx(2e-6)
    meter.energy_range(3e-6)
    assert meter.energy_range() == pytest.approx(2e-5)
    meter.peak_threshold(40)
    assert meter.peak_threshold() == 40
    with pytest.raises(ValueError, match="peak_threshold"):
        meter.peak_threshold(80)
    with pytest.raises(HardwareFault, match=r"RANG:UPP 1' was refused: -222"):
        meter.energy_range(1)


def test_the_rate_is_that_of_the_pulses(meter, world):
    world.clock.sleep(1)
    assert meter.pulse_rate() == pytest.approx(10, rel=1e-6)


def test_a_missing_pulse_is_told_with_what_it_would_have_taken(meter, world):
    world.head.holes = [(0, 1e9)]
    before = world.clock.now()
    with pytest.raises(HardwareFault, match=r"no pulse above the threshold \(1 % of 2e-06 J\) came within 3 s; see"):
        meter.energy()
    assert world.clock.now() - before < 3.5
    world.head.holes = []
    assert meter.energy() > 1e-6
    meter.energy_range(2e-3)
    meter.pulse_timeout(0.5)
    with pytest.raises(HardwareFault, match=r"\(1 % of 0\.002 J\) came within 0\.5 s"):
        meter.energy()


def test_a_pulse_that_comes_after_the_patience_is_not_taken_for_the_next_reading(meter, world):
    world.head.holes = [(0, world.clock.now() + 1.5)]
    meter.pulse_timeout(1.0)
    with pytest.raises(HardwareFault, match="no pulse"):
        meter.energy()
    world.clock.sleep(2)
    assert meter.averaging() == 1
    energy = meter.energy()
    assert energy == pytest.approx(1e-6 + 1e-9 * int(elapsed(world) * 10), rel=1e-6)


def test_a_pulse_beyond_the_range_is_a_fault(meter):
    meter.energy_range(0.2e-6)
    with pytest.raises(HardwareFault, match=r"out of range \(9\.9e\+37 J\); set a higher `energy_range`"):
        meter.energy()


def test_a_missing_head_is_found_behind_a_missing_pulse(meter, world):
    world.console.faults.no_sensor()
    with pytest.raises(HardwareFault, match="no sensor is connected"):
        meter.energy()
    world.console.faults.sensor()
    assert meter.energy() > 0


def test_an_unplugged_console_is_a_communication_error(meter, world):
    world.console.faults.unplug()
    with pytest.raises(CommunicationError, match="line failed"):
        meter.energy()


def test_an_energy_head_measures_no_power(meter):
    with pytest.raises(HardwareFault, match=r"ES111C.*measures no power"):
        meter.power()


def test_a_snapshot_knows_range_and_threshold_without_asking(visa):
    visa.scripts[CONSOLE] = list(GREETING)
    meter = PM100("sample_meter", CONSOLE)
    snapshot = meter.snapshot()["parameters"]
    assert (snapshot["energy_range"]["value"], snapshot["peak_threshold"]["value"]) == (0.015, 20)


def test_a_threshold_that_the_meter_changes_is_told(visa, transcript):
    visa.scripts[CONSOLE] = list(GREETING)
    meter = PM100("sample_meter", CONSOLE)
    pairs = [(b"SENS:PEAK:THR 33\n", None), GREETING[1], (b"SENS:PEAK:THR?\n", b"2.0E+1\n")]
    with transcript(CONSOLE, pairs), pytest.raises(HardwareFault, match="peak_threshold is 20 % after setting 33 %"):
        meter.peak_threshold(33)


def test_the_patience_is_that_for_a_pulse(visa, transcript):
    visa.scripts[CONSOLE] = list(GREETING)
    meter = PM100("sample_meter", CONSOLE)
    meter.pulse_timeout(7)
    with transcript(CONSOLE, [(b"MEAS:ENER?\n", b"1.5E-6\n")]):
        assert meter.energy() == 1.5e-6
    assert visa.resource.timeout == pytest.approx(7010)
