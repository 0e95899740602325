"""The simulated SMC100 and CONEX-CC alone: bytes in, bytes out, states and what the stage does."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.wire import wire_up


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
def smc(lab):
    return tools.Terminal(lab, tools.SMC)


@pytest.fixture
def ready(smc, lab):
    smc.ask(b"1OR\r\n")
    lab.clock.sleep(10)
    assert state(smc) == "32"
    return smc


def state(terminal, address=1):
    return status(terminal, address)[4:]


def status(terminal, address=1):
    reply = terminal.ask(b"%dTS\r\n" % address).decode()
    assert reply.startswith(f"{address}TS")
    assert reply.endswith("\r\n")
    assert len(reply.strip()) == 9
    return reply.strip()[3:]


def letter(terminal):
    return terminal.ask(b"1TE\r\n").decode().strip()[3:]


def position(terminal, address=1):
    return float(terminal.ask(b"%dTP\r\n" % address).decode().strip()[3:])


def test_replies_repeat_address_and_command_and_capitals_and_blanks_do_not_count(smc):
    assert smc.ask(b"1TP\r\n") == b"1TP0\r\n"
    assert smc.ask(b" 1 tp ?\r\n") == b"1TP0\r\n"
    assert smc.ask(b"1VE\r\n").startswith(b"1VE SMC_CC")
    assert smc.ask(b"1SR?\r\n") == b"1SR25\r\n"


def test_only_the_controller_that_is_spoken_to_answers(smc):
    assert smc.ask(b"2TP\r\n") == b"2TP0\r\n"
    assert smc.ask(b"3TP\r\n") == b""


def test_the_first_controller_takes_ten_milliseconds_and_the_next_one_more(smc, lab):
    start = lab.clock.now()
    smc.ask(b"1TP\r\n")
    first = lab.clock.now() - start
    smc.ask(b"2TP\r\n")
    assert 0.010 < first < 0.012
    assert lab.clock.now() - start - first > 0.020


def test_a_move_before_homing_is_an_error_H_that_is_read_once(smc, lab):
    assert state(smc) == "0A"
    assert smc.ask(b"1PA5\r\n") == b""
    assert smc.ask(b"1TBH\r\n") == b"1TBH Command not allowed in NOT REFERENCED state\r\n"
    assert [letter(smc), letter(smc)] == ["H", "@"]
    assert lab.where() == 7.0


def test_homing_moving_and_arriving_are_states(smc, lab):
    smc.ask(b"1OR\r\n")
    assert state(smc) == "1E"
    lab.clock.sleep(10)
    assert state(smc) == "32"
    assert lab.where() == pytest.approx(0, abs=1e-4)
    predicted = float(smc.ask(b"1PT5\r\n").decode().strip()[3:])
    assert predicted == pytest.approx(5 / 2.5 + 2.5 / 10)
    smc.ask(b"1PA5\r\n")
    assert state(smc) == "28"
    lab.clock.sleep(predicted - 0.05)
    assert state(smc) == "28"
    lab.clock.sleep(0.05)
    assert state(smc) == "33"
    assert position(smc) == pytest.approx(5, abs=2e-5)
    assert lab.where() == pytest.approx(5, abs=1e-3)


@pytest.mark.parametrize(
    ("before", "line", "expected"),
    [
        ([], b"1PA30", "G"),
        ([], b"1PA-1", "G"),
        ([], b"1PA", "C"),
        ([], b"1PAx", "C"),
        ([], b"1OR", "K"),
        ([], b"1QQ", "C"),
        ([], b"1QQ1", "A"),
        ([], b"1SL3", "C"),
        ([], b"1VA-1", "C"),
        ([], b"1VA99", "C"),
        ([], b"1PW1", "K"),
        ([b"1PA20"], b"1PA3", "M"),
        ([b"1MM0"], b"1PA3", "J"),
        ([b"1RS"], b"1PA3", "H"),
        ([b"1RS"], b"1VA1", "H"),
        ([b"1RS", b"1OR"], b"1PA3", "L"),
        ([b"1RS", b"1OR"], b"1OR", "E"),
        ([b"1RS", b"1PW1"], b"1PA3", "I"),
    ],
)
def test_what_is_refused_leaves_its_letter(ready, lab, before, line, expected):
    for command in before:
        ready.ask(command + b"\r\n")
        lab.clock.sleep(1.5 if command == b"1RS" else 0)
    assert letter(ready) == "@"
    assert ready.ask(line + b"\r\n") == b""
    assert [letter(ready), letter(ready)] == [expected, "@"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"1MM0"], "3C"),
        ([b"1PA20", b"1MM0"], "3D"),
        ([b"1MM0", b"1MM1"], "34"),
        ([b"1RS"], "0A"),
        ([b"1RS", b"1OR", b"1ST"], "0B"),
        ([b"1RS", b"1PW1"], "14"),
        ([b"1RS", b"1PW1", b"1PW0"], "0C"),
        ([b"MM0"], "3C"),
    ],
)
def test_commands_lead_from_state_to_state(ready, lab, lines, expected):
    for line in lines:
        ready.ask(line + b"\r\n")
        lab.clock.sleep(1.5 if line == b"1RS" else 0.2)
    assert state(ready) == expected


@pytest.mark.parametrize(
    ("lines", "fault", "expected"),
    [
        ([], "emergency_stop", "01000E"),
        ([b"1PA20"], "emergency_stop", "01000F"),
        ([b"1MM0"], "emergency_stop", "01000D"),
        ([], "swap_stage", "008010"),
        ([], "restart", "00000A"),
        ([], "jog", "000046"),
        ([b"1MM0"], "jog", "000047"),
    ],
)
def test_faults_lead_to_their_states_and_bits(ready, lines, fault, expected):
    for line in lines:
        ready.ask(line + b"\r\n")
    getattr(ready.device.faults, fault)()
    ready.listen()
    assert status(ready) == expected
    assert status(ready) == "0000" + expected[4:]


def test_the_keypad_homes_jogs_and_is_put_down(ready, lab):
    ready.device.faults.jog()
    ready.device.faults.jog(on=False)
    assert state(ready) == "35"
    ready.ask(b"1MM0\r\n")
    ready.device.faults.jog()
    ready.device.faults.jog(on=False)
    assert state(ready) == "3E"
    ready.device.faults.jog()
    ready.device.faults.emergency_stop()
    assert state(ready) == "11"
    ready.device.faults.home_by_keypad()
    assert state(ready) == "1F"
    lab.clock.sleep(10)
    assert state(ready) == "32"


@pytest.mark.parametrize(("fault", "expected"), [("stall", "00203D"), ("hit_limit", "00020F")])
def test_a_move_that_is_blocked_ends_half_way(ready, lab, fault, expected):
    getattr(ready.device.faults, fault)()
    ready.ask(b"1PA8\r\n")
    lab.clock.sleep(10)
    assert status(ready) == expected
    assert lab.where() == pytest.approx(4, abs=0.01)


def test_a_broken_home_switch_is_a_time_out(smc, lab):
    smc.device.faults.lose_home()
    smc.ask(b"1OR\r\n")
    lab.clock.sleep(29)
    assert state(smc) == "1E"
    lab.clock.sleep(2)
    assert status(smc) == "00400B"


def test_a_restart_in_a_move_is_deaf_for_a_while_and_sends_zero_bytes(ready, lab):
    ready.ask(b"1PA20\r\n")
    lab.clock.sleep(2)
    ready.device.faults.restart(deaf=1.0)
    assert ready.listen() == b"\0"
    assert ready.ask(b"1TS\r\n") == b""
    where = lab.where()
    lab.clock.sleep(1.1)
    assert state(ready) == "0A"
    assert position(ready) == 0
    assert lab.where() == where


def test_settings_outlive_a_restart_only_if_they_were_written_to_the_memory(ready, lab):
    ready.ask(b"1SL-2\r\n")
    ready.ask(b"1VA1\r\n")
    assert ready.ask(b"1SL?\r\n") == b"1SL-2\r\n"
    ready.device.faults.restart()
    ready.listen()
    assert ready.ask(b"1SL?\r\n") == b"1SL0\r\n"
    for line in (b"1PW1\r\n", b"1SL-2\r\n", b"1PW0\r\n", b"1RS\r\n"):
        ready.ask(line)
    lab.clock.sleep(2)
    assert ready.ask(b"1SL?\r\n") == b"1SL-2\r\n"
    assert ready.device.controller().flash_writes == 1


def test_a_stop_brakes_and_leaves_it_ready(ready, lab):
    ready.ask(b"1PA20\r\n")
    lab.clock.sleep(2)
    ready.ask(b"ST\r\n")
    lab.clock.sleep(1)
    assert state(ready) == "33"
    assert 2 < position(ready) < 6


def test_the_parameters_are_told_in_one_go(smc):
    lines = smc.ask(b"1ZT\r\n").decode().split("\r\n")
    assert lines[0] == "1PW1"
    assert "1VA2.5" in lines
    assert lines[-2] == "1PW0"


def test_a_conex_is_faster_and_says_so(lab):
    conex = tools.Terminal(lab, tools.CONEX)
    assert conex.device.baud == 921600
    assert b"CONEX" in conex.ask(b"1VE\r\n")


def test_bus_addresses_are_checked(lab):
    for address in ("0", "32", "x"):
        with pytest.raises(UsageError, match="bus address"):
            wire_up(lab, tools.SMC, {"device": "SMC100", "port": "coarse", "bus_address": address})
    with pytest.raises(UsageError, match="taken"):
        wire_up(lab, tools.SMC, [{"device": "SMC100", "port": "coarse"}] * 2)


def test_no_bytes_upset_it(smc, lab):
    rng = np.random.default_rng(5)
    words = "PA PR OR TP TH TE TB TS PT ST MM PW RS VE ID ZT VA AC SL SR FE OH OT QQ".split()
    ends = ["", "?", "5", "-3", "1e9", "nan", "inf", "-inf", "1e-300", "x", "0", "1", "?;1TP"]
    for _ in range(3000):
        address = rng.choice(["1", "1", "1", "2", "", "7", "99999"])
        smc.ask(f"{address}{rng.choice(words)}{rng.choice(ends)}\r\n".encode())
        smc.ask(rng.bytes(3))
        lab.clock.sleep(float(rng.uniform(0, 0.5)))
    assert -0.6 < lab.where() < 25.6
