"""The simulated Lake Shore controllers, line by line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def _magnet_lab():
    spec = importlib.util.spec_from_file_location("magnet_lab", Path(__file__).with_name("magnet_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _magnet_lab()


@pytest.fixture
def lab():
    return tools.MagnetLab()


@pytest.fixture
def shore(lab):
    return lab.terminal(tools.LS336)


@pytest.fixture
def sample(lab):
    """Return the sample's temperature now."""
    return lambda: lab.ports["cryostat"].kelvin("A", lab.clock.now())


class TestInputs:
    def test_readings_come_in_three_units(self, shore, sample):
        assert shore("KRDG? A") == "+4.00000"
        assert shore("KRDG? B") == "+3.80000"
        assert float(shore("CRDG? A")) == pytest.approx(-269.15)
        assert float(shore("SRDG? A")) == pytest.approx(50 * 75**1.1, rel=1e-4)
        assert shore("KRDG? 0").split(",") == ["+4.00000", "+3.80000", "+0.00000", "+0.00000"]

    def test_an_input_without_sensor_says_so(self, shore):
        assert [shore(f"RDGST? {letter}") for letter in "ABCD"] == ["000", "000", "129", "129"]

    def test_names_types_and_limits_are_kept(self, shore):
        shore('INNAME A,"Dot"', "INTYPE B,1,0,1,0,1", "TLIMIT A,310")
        assert shore("INNAME? A").strip() == "Dot"
        assert shore("INTYPE? B") == "1,0,1,0,1"
        assert float(shore("TLIMIT? A")) == 310

    def test_a_broken_sensor_reads_nothing_and_takes_its_loop_along(self, shore, lab, sample):
        shore("RANGE 1,3", "SETP 1,80")
        lab.clock.sleep(900)
        shore.faults.open_sensor("A")
        assert (shore("RDGST? A"), shore("KRDG? A"), float(shore("HTR? 1"))) == ("129", "+0.00000", 0)
        lab.clock.sleep(900)
        assert sample() == pytest.approx(4, abs=1e-3)
        shore.faults.restore_sensor("A")
        lab.clock.sleep(900)
        assert float(shore("KRDG? A")) == pytest.approx(80, abs=1e-3)


class TestLoop:
    def test_nothing_moves_before_something_is_set(self, shore, lab):
        assert (shore("SETP? 1"), shore("RANGE? 1"), shore("OUTMODE? 1")) == ("+4.00000", "1", "1,1,0")
        assert len(lab.ports["cryostat"].plans) == 1

    def test_it_goes_to_the_set_point(self, shore, lab, sample):
        shore("RANGE 1,2", "SETP 1, 40.0")
        assert float(shore("HTR? 1")) == 100
        lab.clock.sleep(60)
        assert 20 < sample() < 30
        lab.clock.sleep(900)
        assert sample() == pytest.approx(40, abs=1e-3)
        assert 0 < float(shore("HTR? 1")) < 100

    def test_a_low_range_does_not_reach_a_high_set_point(self, shore, lab, sample):
        shore("SETP 1,100", "RANGE 1,1")
        lab.clock.sleep(900)
        assert 20 < sample() < 40
        assert float(shore("HTR? 1")) == 100

    def test_without_heater_it_drifts_to_base(self, shore, lab, sample):
        shore("RANGE 1,3", "SETP 1,100")
        lab.clock.sleep(900)
        shore("RANGE 1,0")
        assert float(shore("HTR? 1")) == 0
        lab.clock.sleep(900)
        assert sample() == pytest.approx(4, abs=1e-3)
        assert float(shore("SETP? 1")) == 100

    def test_a_ramp_moves_the_set_point_slowly(self, shore, lab, sample):
        shore("RANGE 1,3", "RAMP 1,1,5", "SETP 1,54")
        begin = lab.clock.now()
        assert (shore("RAMP? 1"), shore("RAMPST? 1")) == ("1,+5.00000", "1")
        lab.clock.jump_to(begin + 300)
        assert float(shore("SETP? 1")) == pytest.approx(29, abs=0.01)
        assert sample() == pytest.approx(24, abs=0.3)  # a minute behind
        lab.clock.jump_to(begin + 601)
        assert (shore("RAMPST? 1"), float(shore("SETP? 1"))) == ("0", 54)

    def test_a_ramp_that_is_turned_off_jumps_to_its_end(self, shore, lab):
        shore("RANGE 1,3", "RAMP 1,1,5", "SETP 1,54")
        lab.clock.sleep(60)
        shore("RAMP 1,0,5")
        assert (shore("RAMPST? 1"), float(shore("SETP? 1"))) == ("0", 54)

    def test_manual_output_heats_without_sensor(self, shore, lab, sample):
        shore("OUTMODE 1,3,0,0", "RANGE 1,3", "MOUT 1,10")
        lab.clock.sleep(900)
        assert sample() == pytest.approx(4 + 350 * 0.1**0.57, rel=1e-3)
        assert float(shore("HTR? 1")) == 10

    def test_a_temperature_limit_switches_all_heaters_off(self, shore, lab, sample):
        shore("TLIMIT A,50", "RANGE 1,3", "SETP 1,80")
        lab.clock.sleep(900)
        assert (shore("RANGE? 1"), shore("RANGE? 2")) == ("0", "0")
        lab.clock.sleep(900)
        assert sample() == pytest.approx(4, abs=1e-3)

    def test_a_broken_heater_is_an_open_load(self, shore, lab, sample):
        shore("RANGE 1,3", "SETP 1,80")
        lab.clock.sleep(900)
        shore.faults.fail_heater()
        assert (shore("HTRST? 1"), shore("RANGE? 1"), float(shore("HTR? 1"))) == ("1", "0", 0)
        lab.clock.sleep(900)
        shore("RANGE 1,3")
        assert shore("RANGE? 1") == "0"
        assert sample() == pytest.approx(4, abs=1e-3)


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "events"),
        [
            ("HELLO", "032"),
            ("HELLO?", "032"),
            ("KRDG? E", "016"),
            ("SETP 5,10", "016"),
            ("SETP 1,warm", "016"),
            ("SETP 1,nan", "016"),
            ("RANGE 1,4", "016"),
            ("SETP 1", "032"),
            ("PID 1,2000,1,1", "016"),
        ],
    )
    def test_a_mistake_is_no_answer_but_a_bit_of_the_event_register(self, shore, line, events):
        assert shore("*ESR?") == "128"
        assert shore(line) == ""
        assert (shore("*ESR?"), shore("*ESR?")) == (events, "000")

    def test_several_questions_have_one_answer(self, shore):
        assert shore("KRDG? A;SETP? 1;*OPC?") == "+4.00000;+4.00000;1"

    def test_the_335_has_two_inputs_and_a_serial_line(self, lab):
        shore = lab.terminal(tools.LS335)
        assert shore("*IDN?").startswith("LSCI,MODEL335")
        assert (shore("KRDG? 0"), shore("RDGST? C")) == ("+4.00000,+3.80000", "")
        assert shore.device.baud == 57600
