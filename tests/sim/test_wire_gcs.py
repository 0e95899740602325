"""The simulated PI controllers, byte by byte, and TCP sockets on the virtual laboratory."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from pyvisa.constants import StatusCode

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.serve import serve
from perovskite_meas.sim.wire import wire_up


def _world():
    spec = importlib.util.spec_from_file_location("gcs_world", Path(__file__).with_name("gcs_world.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORLD = _world()


class Talk:
    """A terminal on one controller."""

    def __init__(self, lab, address):
        self.lab = lab
        self.device = wire_up(lab, address, lab.config.instruments[address])

    def raw(self, data):
        self.device.feed(data, self.lab.clock.now())
        heard = b""
        while (due := self.device.next_due()) is not None:
            self.lab.clock.jump_to(due)
            heard += b"".join(self.device.poll(self.lab.clock.now()))
        return heard

    def __call__(self, text):
        return self.raw(f"{text}\n".encode()).decode("latin-1")

    def error(self):
        return int(self("ERR?"))

    def fails(self, text):
        """Send what is refused; return the error, which must come with no reply."""
        assert self(text) == ""
        return self.error()

    def done(self, *texts):
        for text in texts:
            assert (self(text), self.error()) == ("", 0), text


@pytest.fixture
def lab():
    return WORLD.Lab(WORLD.WIRING)


@pytest.fixture
def piezo(lab):
    return Talk(lab, WORLD.E709)


@pytest.fixture
def motor(lab):
    return Talk(lab, WORLD.C863)


@pytest.fixture
def closed(piezo):
    piezo.done("SVO 1 1")
    return piezo


@pytest.fixture
def waving(closed):
    """A piezo that runs a ramp of 160 ms."""
    closed.done("WAV 1 X RAMP 400 4.0 5.0 400 0 0 320", "WSL 1 1", "WTR 1 8 1", "WGC 1 0", "TWC", "TWS 1 1 1")
    closed.done("CTO 1 3 4", "RTR 32", "WGO 1 1")
    return closed


def test_a_question_is_answered_by_axis_equals_value_and_a_line_feed(piezo):
    assert piezo("*IDN?") == "(c)2015 Physik Instrumente (PI) GmbH & Co. KG, E-709.CHG, 0115061234, 1.034\n"
    assert piezo("CSV?") == "2.0\n"
    assert piezo("SAI?") == "1\n"
    assert piezo("pos? 1") == piezo("POS?") == "1=3.000000000e+00\n"
    assert piezo("SVO? 1") == "1=0\n"


def test_a_long_reply_ends_each_line_but_the_last_with_a_space(piezo):
    lines = piezo("HLP?").split("\n")
    assert lines.pop() == ""
    assert len(lines) > 30
    assert all(line.endswith(" ") for line in lines[:-1])
    assert lines[-1] == "end of help"


def test_set_commands_are_silent_and_errors_wait_for_err(piezo):
    assert piezo.fails("MOV 1 5") == 5
    assert piezo.error() == 0
    piezo.done("SVO 1 1", "MOV 1 5")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("FOO 1", 2), ("FOO?", 2), ("POS? 2", 15), ("SVO 2 1", 15), ("SVO 1", 26), ("SVO 1 on", 25),
        ("MOV 1 15.001", 7), ("MOV 1 -0.1", 7), ("MOV 1 nan", 25), ("SVA 1 3", 79), ("VEL 1 0", 8),
        ("SPA? 1 0x99", 54), ("WGO 1 1", 75),
        ("WGO 2 1", 17), ("WAV 1 X RAMP 400 4", 26), ("WAV 1 X FOO 1 1 1 1 1 1", 1), ("WAV 1 ! PNT 1 1 3", 1),
        ("DRC 9 1 2", 57), ("DRC 1 1 99", 58), ("RTR 0", 17), ("FRF 1", 2), ("DRR? 1 99999 1", 17),
    ],
)  # fmt: skip
def test_what_it_refuses_has_a_number_and_no_reply(closed, text, error):
    assert closed.fails(text) == error


@pytest.mark.parametrize("address", [WORLD.E709, WORLD.C863])
def test_nonsense_never_breaks_a_controller(lab, address):
    talk, rng = Talk(lab, address), np.random.default_rng(4)
    words = [*talk.device.commands, "1", "2", "0", "-1", "X", "&", "RAMP", "LIN", "SIN_P", "PNT", "1e300", "0x10", "9"]
    for _ in range(3000):
        talk(" ".join(rng.choice(words, rng.integers(1, 12))))
        lab.clock.sleep(0.01)
    talk.raw(bytes(rng.integers(0, 256, 5000, dtype=np.uint8)) + b"\n")
    talk.error()
    assert talk("CSV?") == "2.0\n"


def test_single_bytes_need_no_line_feed(closed, lab):
    lab.clock.sleep(0.02)
    assert closed.raw(b"\x05") == b"0\n"
    assert closed.raw(b"\x07") == b"\xb1\n"
    assert closed.raw(b"\t") == b"0\n"
    assert closed.raw(b"\x18") == b""
    assert closed.error() == 10


def test_a_step_is_on_target_after_it_has_settled(closed, lab):
    closed.done("MOV 1 7.5")
    assert closed("ONT? 1") == "1=0\n"
    lab.clock.sleep(0.02)
    assert closed("ONT? 1") == "1=1\n"
    assert closed("POS? 1") == "1=7.500000000e+00\n"
    closed.done("MVR 1 -0.5")
    assert closed("MOV? 1") == "1=7.000000000e+00\n"
    assert lab.ports["fine"].log[-1] == ("move", 7.0, True)


def test_closing_the_loop_keeps_the_position_and_open_loop_needs_it_open(piezo, lab):
    piezo.done("SVA 1 4")
    assert lab.ports["fine"].log[-1] == ("move", 4.0, False)
    piezo.done("SVO 1 1")
    assert lab.ports["fine"].log[-1] == ("move", 4.0, True)


def test_an_autozero_makes_it_wait(closed, lab):
    closed.done("ATZ 1 NaN")
    assert closed.raw(b"\x07") == b"\xb0\n"
    assert closed.fails("MOV 1 3") == 61
    lab.clock.sleep(1.1)
    assert closed("ATZ? 1") == "1=1\n"
    assert closed.raw(b"\x07") == b"\xb1\n"


def test_the_manual_s_line_segment_and_the_ramp_have_their_shapes(closed):
    closed.done("WAV 2 X LIN 3000 40 10 3000 0 650", "WAV 2 & LIN 3000 -40 50 3000 0 650")
    assert closed("WAV? 2 1") == "2 1=6000\n"
    table = closed.device._generator._tables[2]
    assert table[0] == 10
    assert table[3000] == 50
    assert np.all(np.diff(table[:3001]) >= 0)
    middle = np.diff(table)[700:2300]
    assert np.allclose(middle, 40 / (3000 - 650))
    assert np.diff(table)[5] < 0.02 * middle[0]
    closed.done("WAV 1 X RAMP 400 4.0 5.0 400 0 0 320")
    ramp = closed.device._generator._tables[1]
    assert (ramp[0], ramp[160], ramp[320], ramp[360]) == (5.0, 7.0, 9.0, 7.0)
    closed.done("WAV 1 X PNT 1 3 1.0 2.0 3.0", "WAV 1 + PNT 1 3 1 1 1")
    assert closed.device._generator._tables[1].tolist() == [2.0, 3.0, 4.0]


def test_a_wave_runs_until_it_is_stopped_with_a_pulse_at_each_start(waving, lab):
    fine, trigger = lab.ports["fine"], lab.ports["trigger"]
    assert fine.log[-1] == ("wave", 400, pytest.approx(4e-4), True)
    begin, period, end = trigger.train
    assert (period, end) == (pytest.approx(0.16), float("inf"))
    assert waving.raw(b"\t") == b"1\n"
    assert waving.raw(b"\x05") == b"1\n"
    assert waving.fails("MOV 1 3") == waving.fails("WGO 1 1") == waving.fails("WSL 1 2") == 73
    lab.clock.jump_to(begin + 1.64)
    waving.done("WGO 1 0")
    assert trigger.train[2] == pytest.approx(begin + 1.64, abs=0.01)
    assert waving("POS? 1") == f"1={fine.sensor(lab.clock.now()):.9e}\n"
    assert waving("ONT? 1") == "1=1\n"
    assert waving.raw(b"\t") == b"0\n"


def test_a_counted_wave_ends_by_itself(waving, lab):
    waving.done("WGO 1 0", "WGC 1 2", "WGO 1 1")
    begin, _, end = lab.ports["trigger"].train
    assert end == pytest.approx(begin + 0.32)
    lab.clock.sleep(0.5)
    assert waving.raw(b"\t") == b"0\n"
    waving.done("MOV 1 3")


def test_without_trigger_mode_there_are_no_pulses(waving, lab):
    waving.done("WGO 1 0", "CTO 1 3 2")
    lab.ports["trigger"].train = None
    waving.done("WGO 1 1")
    assert lab.ports["trigger"].train is None


def test_the_recorder_starts_with_the_wave_and_sends_a_gcs_array(waving, lab):
    begin = lab.ports["trigger"].train[0]
    lab.clock.jump_to(begin + 0.0321)
    assert waving("DRL? 1") == "1=21\n"
    lines = waving("DRR? 1 21 1 2").split("\n")
    assert lines[:4] == ["# TYPE = 1 ", "# SEPARATOR = 32 ", "# DIM = 2 ", "# SAMPLE_TIME = 1.600000e-03 "]
    end = lines.index("# END_HEADER ")
    rows = [line.split() for line in lines[end + 1 : -1]]
    assert len(rows) == 21
    assert rows[20] == ["6.0000000", "6.0000000"]
    assert not lines[-2].endswith(" ")


def test_what_was_recorded_stays_as_it_was_when_the_motion_changes(waving, lab):
    begin = lab.ports["trigger"].train[0]
    lab.clock.jump_to(begin + 0.0321)
    waving.done("WGO 1 0", "MOV 1 1")
    lab.ports["fine"].plans = lab.ports["fine"].plans[-1:]
    assert "6.0000000" in waving("DRR? 20 2 1")


def test_two_controllers_understand_one_axis_of_their_own(lab):
    other = Talk(lab, WORLD.SERIAL)
    assert other.device.baud == 115200
    assert other("SAI?") == "2\n"
    assert other("TMN? 2") == "2=-1.000000000e+01\n"
    assert other.fails("POS? 1") == 15


def test_the_motor_moves_only_with_servo_and_reference(motor, lab):
    assert motor.fails("MOV 1 3") == 5
    assert motor.fails("FRF 1") == 5
    motor.done("SVO 1 1")
    assert motor.fails("MOV 1 3") == 5
    motor.done("FRF 1")
    assert motor.raw(b"\x07") == b"\xb0\n"
    assert motor("FRF? 1") == "1=0\n"
    lab.clock.sleep(3)
    assert motor("FRF? 1") == "1=1\n"
    assert motor("POS? 1") == "1=1.250000000e+01\n"
    motor.done("VEL 1 2", "MOV 1 10.5")
    lab.clock.sleep(0.5)
    assert float(motor("POS? 1").partition("=")[2]) == pytest.approx(11.5, abs=0.01)
    assert motor.raw(b"\x05") == b"1\n"
    lab.clock.sleep(1)
    assert motor("ONT? 1") == "1=1\n"
    assert motor.fails("MOV 1 25.1") == 7
    assert motor.fails("VEL 1 9") == 8


def test_a_stop_ends_a_reference_move_without_reference(motor, lab):
    motor.done("SVO 1 1", "FRF 1")
    lab.clock.sleep(0.5)
    assert motor.fails("HLT 1") == 10
    lab.clock.sleep(5)
    assert motor("FRF? 1") == "1=0\n"


def test_faults_strike_where_they_should(closed, motor, lab):
    faults = closed.device.faults
    faults.overflow(reach=5.0)
    closed.done("MOV 1 8")
    lab.clock.sleep(0.1)
    assert (closed("OVF? 1"), closed("ONT? 1"), closed("POS? 1")) == ("1=1\n", "1=0\n", "1=5.000000000e+00\n")
    faults.relieve()
    faults.stall()
    closed.done("MOV 1 7")
    lab.clock.sleep(0.1)
    assert (closed("OVF? 1"), closed("ONT? 1"), closed("POS? 1")) == ("1=0\n", "1=0\n", "1=6.000000000e+00\n")
    closed.done("MOV 1 7")
    faults.servo_off()
    assert (closed("SVO? 1"), closed.fails("MOV 1 3")) == ("1=0\n", 5)
    motor.done("SVO 1 1", "FRF 1")
    lab.clock.sleep(3)
    motor.device.faults.unreference()
    assert motor("FRF? 1") == "1=0\n"


def test_a_reset_stops_the_wave_and_forgets_everything(waving, motor, lab):
    lab.clock.sleep(1.0)
    waving.device.faults.reset()
    assert waving("SVO? 1") == "1=0\n"
    assert waving.raw(b"\t") == b"0\n"
    assert waving("WAV? 1 1") == "1 1=0\n"
    assert waving("DRL? 1") == "1=0\n"
    assert lab.ports["trigger"].train[2] == lab.clock.now() or lab.ports["trigger"].train[2] < lab.clock.now()
    motor.done("SVO 1 1", "FRF 1")
    lab.clock.sleep(1)
    motor.device.faults.reset()
    lab.clock.sleep(5)
    assert (motor("SVO? 1"), motor("FRF? 1"), motor.raw(b"\x05")) == ("1=0\n", "1=0\n", b"0\n")


def test_wiring_that_makes_no_sense_is_refused_by_address(lab):
    for entry in ({"device": "E-709"}, {"device": "C-863", "axis_1": "coarse", "low": "30"}):
        with pytest.raises(UsageError, match=WORLD.E709):
            wire_up(lab, WORLD.E709, entry)


@pytest.fixture
def manager(tmp_path, lab):
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{tmp_path}@twin")
    manager.visalib.adopt(lab)
    yield manager
    manager.close()


def test_a_socket_is_a_stream_of_bytes(manager):
    line = manager.open_resource("tcpip::192.168.0.10::50000::socket", read_termination="\n", write_termination="\n")
    assert (line.resource_class, line.interface_number) == ("SOCKET", 0)
    assert line.get_visa_attribute(pyvisa.constants.ResourceAttribute.tcpip_port) == 50000
    assert line.get_visa_attribute(pyvisa.constants.ResourceAttribute.tcpip_address) == "192.168.0.10"
    line.write_raw(b"SVO? 1\nPO")  # a command goes on where the last write ended
    line.write_raw(b"S? 1\n")
    assert (line.read(), line.read()) == ("1=0", "1=3.000000000e+00")
    line.write_raw(b"SVO? 1\nSVO? 1\n")
    assert line.read_bytes(5) == b"1=0\n1"
    assert line.read() == "=0"
    with pytest.raises(pyvisa.VisaIOError) as caught:
        line.read()
    assert caught.value.error_code == StatusCode.error_timeout


def test_clearing_a_socket_drops_what_came_and_nothing_at_the_other_end(manager, lab):
    line = manager.open_resource(WORLD.E709, read_termination="\n", write_termination="\n")
    line.write("SVO? 1")
    lab.clock.sleep(0.1)
    line.write("POS? 1")
    line.clear()
    assert line.read() == "1=3.000000000e+00"


def test_an_unplugged_socket_says_so_when_something_is_sent(manager):
    line = manager.open_resource(WORLD.E709, read_termination="\n", write_termination="\n")
    manager.visalib.device(WORLD.E709).faults.unplug()
    with pytest.raises(pyvisa.VisaIOError) as caught:
        line.write("SVO? 1")
    assert caught.value.error_code == StatusCode.error_connection_lost


def test_sockets_are_listed_when_they_are_asked_for(manager):
    assert manager.list_resources() == (WORLD.SERIAL,)
    assert set(manager.list_resources("TCPIP?*")) == {WORLD.E709, WORLD.C863}


def test_a_socket_of_the_table_is_served_as_a_socket():
    with serve("virtual_michelson", seed=1) as served:
        place = {one.address: one.place for one in served}[WORLD.E709]
        host, _, port = place.partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(b"*IDN?\n")
            assert b"E-709" in line.recv(200)
