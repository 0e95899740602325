"""The simulated ESP301 alone: bytes in, bytes out, and what the stage does."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.wire import wire_up
from perovskite_meas.sim.wire.stage import Motion


def _stage_lab():
    spec = importlib.util.spec_from_file_location("stage_lab", Path(__file__).with_name("stage_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _stage_lab()


@pytest.fixture
def lab():
    return tools.StageLab()


@pytest.fixture
def esp(lab):
    return tools.Terminal(lab, tools.ESP)


@pytest.fixture
def homed(esp):
    assert esp.ask(b"1MO;1OR1;1WS;1MD?\r") == b"1\r\n"
    return esp


def number(reply):
    assert reply.endswith(b"\r\n")
    return float(reply)


def error(terminal):
    code, ticks, text = terminal.ask(b"TB?\r").decode().split(", ")
    return int(code), int(ticks), text.strip()


def test_a_trapezoid_is_continuous_reaches_its_speed_and_ends_where_it_should():
    motion = Motion.trapezoid(2.0, 1.0, 6.0, speed=2.0, acceleration=4.0)
    assert motion.end == pytest.approx(2.0 + 5 / 2 + 2 / 4)
    assert motion.at(1.9) == (1.0, 0.0)
    assert motion.at(2.25) == pytest.approx((1 + 4 * 0.25**2 / 2, 1.0))
    assert motion.at(3.0) == pytest.approx((1 + 0.5 + 2 * 0.5, 2.0))
    assert motion.at(motion.end) == pytest.approx((6.0, 0.0))
    assert motion.at(motion.passing(3.3))[0] == pytest.approx(3.3)


def test_a_short_move_never_reaches_the_speed_and_goes_both_ways():
    motion = Motion.trapezoid(0.0, 5.0, 4.99, speed=2.0, acceleration=4.0)
    assert motion.end == pytest.approx(2 * (0.01 / 4) ** 0.5)
    assert motion.at(motion.end / 2) == pytest.approx((4.995, -((0.01 * 4) ** 0.5)))


def test_it_says_who_it_is_and_what_is_plugged_in(esp):
    assert esp.ask(b"VE?\r").startswith(b"ESP301 Version")
    assert esp.ask(b"1ID?\r").startswith(b"MFA-CC")
    assert esp.ask(b"3ID?\r") == b"Unknown\r\n"


def test_answers_of_one_line_are_joined_and_line_feeds_and_blanks_do_no_harm(esp):
    assert esp.ask(b"1MO?;1SN?\r\n") == b"0;2\r\n"
    assert esp.ask(b" 1 mo ? \r") == b"0\r\n"


def test_a_command_waits_for_its_carriage_return(esp):
    assert esp.ask(b"1MO?") == b""
    assert esp.ask(b"\r") == b"0\r\n"


def test_after_power_up_the_motor_is_off_and_the_counter_starts_anywhere(esp, lab):
    assert number(esp.ask(b"1TP\r")) == 0
    assert lab.where() == 7.0
    assert esp.ask(b"1MO?\r") == b"0\r\n"
    esp.ask(b"1PA1\r")
    assert error(esp)[0::2] == (113, "MOTOR NOT ENABLED")


def test_homing_finds_the_switch_and_counts_from_there(homed, lab):
    assert lab.where() == pytest.approx(0, abs=1e-4)
    assert number(homed.ask(b"1TP\r")) == pytest.approx(0, abs=2e-3)


def test_a_move_takes_the_time_of_its_trapezoid(homed, lab):
    start = lab.clock.now()
    homed.ask(b"1PA5\r")
    assert homed.ask(b"1MD?\r") == b"0\r\n"
    assert number(homed.ask(b"1WS;1TP\r")) == pytest.approx(5, abs=2e-5)
    assert lab.clock.now() - start == pytest.approx(5 / 2.5 + 2.5 / 10, abs=0.05)
    assert lab.where() == pytest.approx(5, abs=1e-3)
    homed.ask(b"1PR-0.5;1WS0\r")
    assert number(homed.ask(b"1TP?\r")) == pytest.approx(4.5, abs=3e-5)


def test_the_position_on_the_way_is_the_worlds(homed, lab):
    homed.ask(b"1PA10\r")
    lab.clock.sleep(1.0)
    assert number(homed.ask(b"1TP\r")) == pytest.approx(lab.where(), abs=0.03)
    assert number(homed.ask(b"1TV\r")) == pytest.approx(2.5)
    assert homed.ask(b"TS\r") == b"Q\r\n"


@pytest.mark.parametrize(("word", "least"), [(b"1ST\r", 0.2), (b"ST\r", 0.2), (b"AB\r", 0.05)])
def test_it_brakes_with_its_deceleration(homed, lab, word, least):
    homed.ask(b"1PA20\r")
    lab.clock.sleep(2.0)
    before = lab.where()
    homed.ask(word)
    assert homed.ask(b"1MD?\r") == b"0\r\n"
    homed.ask(b"1WS;1MD?\r")
    assert least < lab.where() - before < least + 0.2
    assert homed.ask(b"1MO?\r") == b"1\r\n"


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        (b"1PA25.1\r", 106, "POSITIVE SOFTWARE LIMIT DETECTED"),
        (b"1PA-0.1\r", 107, "NEGATIVE SOFTWARE LIMIT DETECTED"),
        (b"1VA9\r", 110, "MAXIMUM VELOCITY EXCEEDED"),
        (b"1AC99\r", 111, "MAXIMUM ACCELERATION EXCEEDED"),
        (b"1VA-1\r", 101, "PARAMETER OUT OF RANGE"),
        (b"3MO\r", 308, "MOTOR / STAGE NOT CONNECTED"),
        (b"4MO\r", 9, "AXIS NUMBER OUT OF RANGE"),
        (b"MO\r", 37, "AXIS NUMBER MISSING"),
        (b"1PA\r", 38, "COMMAND PARAMETER MISSING"),
        (b"1QQ7\r", 6, "COMMAND DOES NOT EXIST"),
        (b"nonsense\r", 6, "COMMAND DOES NOT EXIST"),
        (b"1PAhere\r", 7, "PARAMETER OUT OF RANGE"),
    ],
)
def test_what_is_refused_is_silent_and_remembered(homed, lab, line, code, text):
    before = lab.where()
    assert homed.ask(line) == b""
    assert error(homed)[0::2] == (code, text)
    assert error(homed)[0] == 0
    assert lab.where() == before


def test_errors_are_read_latest_first_and_only_ten_are_kept(esp):
    esp.ask(b"MO\r")
    for _ in range(6):
        esp.ask(b"QQ\r4MO\r")
    codes = [int(esp.ask(b"TE?\r")) for _ in range(11)]
    assert codes == [9, 6] * 5 + [0]


def test_the_time_of_an_error_is_counted_in_servo_ticks(esp, lab):
    lab.clock.sleep(4.0)
    esp.ask(b"QQ\r")
    lab.clock.sleep(4.0)
    assert error(esp)[1] == pytest.approx(4.0 / 400e-6, rel=0.01)
    assert error(esp)[1] == pytest.approx(8.0 / 400e-6, rel=0.01)


def test_other_lengths_are_converted_and_angles_refused(homed):
    homed.ask(b"1SN3;1PA5000;1WS\r")
    assert number(homed.ask(b"1TP\r")) == pytest.approx(5000, abs=0.1)
    assert number(homed.ask(b"1SR?\r")) == 25000
    homed.ask(b"1SN7\r")
    assert error(homed)[0] == 101


def test_a_stall_is_a_following_error_which_switches_the_motor_off_half_way(homed, lab):
    homed.device.faults.stall()
    homed.ask(b"1PA4\r")
    lab.clock.sleep(10)
    assert homed.ask(b"1MD?;1MO?\r") == b"1;0\r\n"
    assert error(homed)[0] == 103
    assert lab.where() == pytest.approx(2, abs=0.01)
    homed.ask(b"1MO;1PA4;1WS;1MD?\r")
    assert lab.where() == pytest.approx(4, abs=0.01)


def test_a_stall_on_a_way_shorter_than_the_threshold_goes_unnoticed(homed, lab):
    homed.device.faults.stall()
    homed.ask(b"1PA0.1;1WS\r")
    assert error(homed)[0] == 0
    assert number(homed.ask(b"1TP\r")) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(("target", "code"), [(b"1PA20\r", 104), (b"1PA1\r", 105)])
def test_an_end_switch_stops_the_motor(homed, target, code):
    homed.ask(b"1PA10;1WS;1TP\r")
    homed.device.faults.hit_limit()
    homed.ask(target)
    homed.lab.clock.sleep(20)
    assert error(homed)[0] == code
    assert homed.ask(b"1MO?\r") == b"0\r\n"


def test_without_homing_the_soft_limits_do_not_keep_it_off_the_end_switch(esp, lab):
    esp.ask(b"1MO;1PA24\r")
    lab.clock.sleep(20)
    assert error(esp)[0] == 104
    assert lab.where() == pytest.approx(25.5)


def test_the_emergency_stop_switches_all_motors_off_until_it_is_released(homed, lab):
    homed.ask(b"2MO;1PA20\r")
    lab.clock.sleep(1)
    homed.device.faults.emergency_stop()
    where = lab.where()
    lab.clock.sleep(5)
    assert lab.where() == where
    assert error(homed)[0::2] == (4, "EMERGENCY STOP ACTIVATED")
    homed.ask(b"1MO\r")
    assert error(homed)[0] == 4
    assert homed.ask(b"1MO?;2MO?\r") == b"0;0\r\n"
    homed.device.faults.release()
    assert homed.ask(b"1MO;1MO?\r") == b"1\r\n"


@pytest.mark.parametrize("by", ["fault", "command"])
def test_a_restart_in_a_move_leaves_it_unreferenced_with_the_motor_off(homed, lab, by):
    homed.ask(b"1SL-3;1PA20\r")
    lab.clock.sleep(2)
    if by == "fault":
        homed.device.faults.restart(deaf=0.5)
    else:
        homed.ask(b"RS\r")
    assert homed.ask(b"1TP\r") == b""
    where = lab.where()
    lab.clock.sleep(1)
    assert homed.ask(b"1TP;1MO?;1SL?;1MD?\r") == b"0.00000;0;0;1\r\n"
    assert lab.where() == where
    assert error(homed)[1] < 10000


def test_homing_that_is_broken_off_is_an_error_and_nothing_is_homed(esp, lab):
    esp.ask(b"1MO;1OR1\r")
    esp.ask(b"1PA3\r")
    assert error(esp)[0] == 130
    esp.ask(b"1ST\r")
    assert error(esp)[0] == 120
    lab.clock.sleep(20)
    assert number(esp.ask(b"1TP\r")) < 0


def test_WP_and_WT_hold_up_the_commands_behind_them(homed, lab):
    assert number(homed.ask(b"1PA10;1WP5;1TP\r")) == pytest.approx(5, abs=0.05)
    before = lab.clock.now()
    homed.ask(b"WT500;1TP\r")
    assert lab.clock.now() - before == pytest.approx(0.5, abs=0.02)


def test_a_firmware_may_put_a_line_feed_before_its_replies(lab):
    assert tools.Terminal(lab, tools.ESP, prefix="\n ").ask(b"1MO?\r") == b"\n 0\r\n"


def test_a_controller_without_stages_is_refused(lab):
    with pytest.raises(UsageError, match="axis_1"):
        wire_up(lab, tools.ESP, {"device": "ESP301"})


def test_no_bytes_upset_it(esp, lab):
    rng = np.random.default_rng(5)
    words = "MO MF PA PR MV MT OR DH SN TP DP TV MD VA AC SL SR FE OH ST AB WS WP WT TE TB TS VE ID RS QQ JK ZH".split()
    ends = ["", "?", "5", "-3", "1e9", "nan", "inf", "-inf", "1e-300", "x", "0", "1", "?;1TP"]
    for _ in range(3000):
        address = rng.choice(["1", "1", "1", "2", "", "7", "99999"])
        esp.ask(f"{address}{rng.choice(words)}{rng.choice(ends)}\r".encode())
        esp.ask(rng.bytes(3))
        lab.clock.sleep(float(rng.uniform(0, 0.5)))
    assert -0.6 < lab.where() < 25.6
