"""The simulated energy meters on the wire: Gentec's MAESTRO and BLU, and a PM100D with an energy head."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from perovskite_meas.sim.wire import wire_up

_SPEC = importlib.util.spec_from_file_location("pulse_lab", Path(__file__).with_name("pulse_lab.py"))
LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(LAB)


class Host:
    """A terminal on one device."""

    def __init__(self, world, address):
        self.clock, self.head = world.clock, world.head
        self.device = wire_up(world, address, world.config.instruments[address])

    def ask(self, data, until=None):
        """Send, and return what has come by a time after the start (or as long as anything is due)."""
        self.device.feed(data, self.clock.now())
        return self.listen(until)

    def listen(self, until=None):
        heard = [*self.device.poll(self.clock.now())]
        end = None if until is None else self.head.start + until
        while (due := self.device.next_due()) is not None and (end is None or due <= end):
            self.clock.jump_to(due)
            heard += self.device.poll(self.clock.now())
            if end is None and heard:
                break
        if end is not None:
            self.clock.jump_to(end)
            heard += self.device.poll(self.clock.now())
        return b"".join(heard)


@pytest.fixture
def maestro():
    return Host(LAB.World(), LAB.METER)


@pytest.fixture
def blu():
    return Host(LAB.World(model="BLU"), LAB.METER)


@pytest.fixture
def console():
    return Host(LAB.World(), LAB.CONSOLE)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"*VER", b"MAESTRO Version 1.00.18\r\n"),
        (b"*NVU", b"New Data Not Available\r\n"),
        (b"*GMD", b"Mode: 1\r\n"),
        (b"*GSE", b"SSE: 0\r\n"),
        (b"*GTL", b"Trigger Level: 2\r\n"),
        (b"*GCR", b"Range: 23\r\n"),
        (b"*GAS", b"AutoScale: 1\r\n"),
        (b"*GWL", b"PWC: 1064\r\n"),
        (b"*GZO", b"Zero: 0\r\n"),
        (b"*GAN", b"Anticipation: 0\r\n"),
        (b"*gum\r\n", b"User Multiplier: 1.0000000e+00\r\n"),
        (b"*CVU\r\n", b"0.000000e+00\r\n"),
        (b"*QSO", b"98\r\n"),
        (b"*XYZ", b"Command Not Found\r\n"),
        (b"nonsense\r\n*GCR", b"Range: 23\r\n"),
    ],
)
def test_questions_need_no_terminator(maestro, command, reply):
    assert maestro.ask(command) == reply


def test_settings_have_a_fixed_length_and_the_maestro_leaves_them_unanswered(maestro):
    assert maestro.ask(b"*SCS18*STL15.4*PWC00800*SSE1", 0.01) == b""
    assert maestro.ask(b"*GCR*GTL*GWL*GMD*GAS", 0.05) == (
        b"Range: 18\r\nTrigger Level: 15.4\r\nPWC: 800\r\nMode: 2\r\nAutoScale: 0\r\n"
    )
    assert maestro.ask(b"*SC", 0.06) == b""
    assert maestro.ask(b"S17*SSU*SSU*SSD*GCR", 0.08) == b"Range: 18\r\n"


@pytest.mark.parametrize("setting", [b"*SCS41", b"*SCSxx", b"*STL00.0", b"*STL\r\n", b"*PWC8\r\n", b"*SAS2", b"*SSE\r"])
def test_what_cannot_be_set_is_not_acknowledged_and_changes_nothing(blu, setting):
    assert blu.ask(setting, 0.01) == b""
    assert blu.ask(b"*GCR*GMD*GAS*GWL", 0.05) == b"Range: 23\r\nMode: 1\r\nAutoScale: 1\r\nPWC: 1064\r\n"


def test_the_blu_acknowledges_and_says_more(blu):
    assert blu.ask(b"*SCS18*STL15.4*GTL", 0.05) == (
        b"ACK\r\nACK\r\nTrigger level: 15.4% (0.000154 Joules) of max energy: 0.001 Joules\r\n"
    )
    assert blu.ask(b"*PWC99999*GWL", 0.09) == b"ACK\r\nPWC: 1064\r\n"


def test_the_scales_of_the_head_are_listed():
    maestro = Host(LAB.World(scales="17-25"), LAB.METER)
    lines = maestro.ask(b"*DVS", 0.2).decode().splitlines()
    assert lines[0] == "[17]: 300.0 u"
    assert lines[-3:] == ["[23]: 300.0 m", "[24]: 1.000", "[25]: 3.000"]
    assert len(lines) == 9


def test_a_value_is_new_until_it_is_asked_for_and_stays_then(maestro):
    assert maestro.ask(b"*NVU", 0.104) == b"New Data Not Available\r\n"
    assert maestro.ask(b"*NVU", 0.11) == b"New Data Not Available\r\n"
    assert maestro.ask(b"*NVU*CVU*NVU*CVU", 0.15) == (
        b"New Data Available\r\n1.001000e-06\r\nNew Data Not Available\r\n1.001000e-06\r\n"
    )


def test_the_stream_has_each_pulse_five_milliseconds_after_it_and_stops(maestro):
    assert maestro.ask(b"*CAU", 0.1045) == b""
    assert maestro.listen(0.106) == b"1.001000e-06\r\n"
    assert maestro.listen(0.31) == b"1.002000e-06\r\n1.003000e-06\r\n"
    assert maestro.ask(b"*CSU", 1.0) == b""
    assert maestro.device.next_due() is None


def test_a_stream_wakes_up_a_reader_in_time_and_whatever_happened_between_comes_at_once(maestro):
    maestro.ask(b"*CAU", 0.05)
    assert maestro.listen() == b"1.001000e-06\r\n"
    assert maestro.clock.now() - maestro.head.start == pytest.approx(0.105)
    maestro.clock.sleep(1.0)
    assert maestro.device.poll(maestro.clock.now()) == [b"%.6e\r\n" % (1e-6 + 1e-9 * n) for n in range(2, 12)]


def test_a_pulse_below_the_trigger_is_neither_shown_nor_sent(maestro):
    maestro.ask(b"*SCS14*STL50.0*CAU", 0.01)
    assert maestro.listen(0.5) == b""
    maestro.head.first = 6e-6
    assert maestro.listen(0.61) == b"6.006000e-06\r\n"


def test_a_pulse_beyond_the_scale_is_far_beyond_it_and_the_automatic_scale_finds_one(maestro):
    maestro.ask(b"*SCS11*CAU", 0.01)
    assert float(maestro.listen(0.11)) > 1e38
    maestro.ask(b"*SAS1", 0.15)
    assert maestro.listen(0.21) == b"1.002000e-06\r\n"
    assert maestro.ask(b"*CSU*GCR", 0.25) == b"Range: 13\r\n"


def test_multiplier_offset_and_zero_change_what_is_shown(maestro):
    maestro.ask(b"*MUL00002.00*OFF1.000e-6", 0.11)
    assert maestro.ask(b"*CVU", 0.12) == b"3.002000e-06\r\n"
    maestro.ask(b"*SOU", 0.21)
    assert float(maestro.ask(b"*CVU", 0.22)) == pytest.approx(1e-6 + 2 * 1e-9)
    maestro.ask(b"*COU*MUL00001.00*OFF00000000", 0.31)
    assert maestro.ask(b"*CVU", 0.32) == b"1.003000e-06\r\n"


def test_without_its_head_the_meter_says_so_and_sees_nothing(maestro):
    maestro.device.faults.no_head()
    assert maestro.ask(b"*CAU*GMD*GFW", 1.05) == b"Mode: 7\r\nNIG : 0, No head\r\n"
    maestro.device.faults.head()
    assert maestro.listen(1.11) == b"1.011000e-06\r\n"


def test_pulses_that_follow_too_fast_are_not_all_seen():
    maestro = Host(LAB.World(), LAB.METER)
    maestro.head.rate = 800.0
    maestro.ask(b"*CAU", 0.005)
    assert len(maestro.listen(0.105).splitlines()) == pytest.approx(40, abs=1)
    assert float(maestro.ask(b"*CSU*GRR", 0.2).splitlines()[-1]) == pytest.approx(400, rel=0.01)


def test_nothing_waits_in_an_unplugged_meter(maestro):
    maestro.ask(b"*CAU", 0.01)
    maestro.device.faults.unplug()
    assert maestro.device.next_due() is None
    assert maestro.listen(0.5) == b""


# A PM100D with an energy head ---------------------------------------------------------------------------


def test_the_console_tells_of_a_head_for_energies(console):
    assert console.ask(b"SYST:SENS:IDN?\n") == b"ES111C,12345678,01-Jan-2024,3,1,34\n"
    assert console.ask(b"*IDN?\n") == b"THORLABS,PM100D,P0000002,2.4.0\n"
    assert console.ask(b"CONF?\n") == b"ENER\n"


@pytest.mark.parametrize("command", [b"MEAS:ENER?\n", b"READ?\n", b"CONF:ENER\nINIT\nFETC?\n"])
def test_a_reading_waits_for_the_next_pulse(console, command):
    console.ask(b"SENS:ENER:RANG 2E-6\n", 0.15)
    assert float(console.ask(command)) == pytest.approx(1.002e-6)
    assert console.clock.now() - console.head.start == pytest.approx(0.205)
    assert console.device.next_due() is None


def test_a_reading_that_was_started_can_be_fetched_later_and_again(console):
    console.ask(b"SENS:ENER:RANG 2E-6;:INIT\n", 0.55)
    assert float(console.ask(b"FETC?\n")) == pytest.approx(1.001e-6)
    assert float(console.ask(b"FETC?\n")) == pytest.approx(1.001e-6)


def test_a_clear_ends_the_waiting(console):
    assert console.ask(b"MEAS:ENER?\n", 0.05) == b""
    console.device.clear()
    assert console.listen(1.0) == b""
    assert console.device.next_due() is None


def test_range_and_threshold_decide_what_is_seen(console):
    assert float(console.ask(b"ENER:RANG? MAX\n")) == pytest.approx(2e-2)
    assert console.ask(b"MEAS:ENER?\n", 1.05) == b"", "1 % of 20 mJ"
    assert float(console.ask(b"SENS:ENER:RANG:UPP 1.5E-6\n", 1.11)) == pytest.approx(1.011e-6)
    console.ask(b"SENS:PEAK:THR 70\n", 1.15)
    assert console.ask(b"MEAS:ENER?\n", 2.0) == b""
    assert float(console.ask(b"SENS:PEAK:THR 1;:SENS:ENER:RANG:UPP 2E-7\n", 2.15)) == 9.9e37


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (b"MEAS:POW?", b"-221"),
        (b"CONF:POW", b"-221"),
        (b"SENS:CORR:COLL:ZERO:INIT", b"-221"),
        (b"SENS:ENER:RANG:AUTO 1", b"-113"),
        (b"SENS:ENER:RANG:UPP 5", b"-222"),
        (b"SENS:PEAK:THR 0.5", b"-222"),
    ],
)
def test_what_such_a_head_cannot_is_refused(console, command, error):
    assert console.ask(command + b"\n", 0.01) == b""
    assert console.ask(b"SYST:ERR?\n").startswith(error)


def test_the_frequency_is_that_of_the_pulses_seen_and_rst_takes_the_highest_range(console):
    assert float(console.ask(b"MEAS:FREQ?\n")) == 0
    console.ask(b"SENS:ENER:RANG 2E-6\n", 1.0)
    assert float(console.ask(b"MEAS:FREQ?\n")) == pytest.approx(10)
    console.ask(b"*RST\n", 2.0)
    assert float(console.ask(b"MEAS:FREQ?\n")) == 0
    assert float(console.ask(b"ENER:RANG?\n")) == pytest.approx(2e-2)


def test_without_its_head_a_reading_is_there_at_once_and_out_of_range(console):
    console.device.faults.no_sensor()
    assert float(console.ask(b"MEAS:ENER?\n")) == 9.9e37


def test_an_attenuation_before_the_head_is_counted_in(console):
    console.ask(b"SENS:ENER:RANG 2E-6;:SENS:CORR:LOSS 10\n", 0.05)
    assert float(console.ask(b"MEAS:ENER?\n")) == pytest.approx(1.001e-5)
