import time
from itertools import pairwise

import pytest


@pytest.fixture
def counter(host):
    return host("GPIB0::23::INSTR")


def ask(counter, command):
    return counter.ask(command.encode() + b"\n").decode()


def test_the_golden_transcript_of_the_facts_page(counter, lab):
    assert ask(counter, "CM0; CI 0,1; NP 1; CP 2,1E7") == ""
    assert ask(counter, "CR; CS") == ""
    assert ask(counter, "QA") == "-1\r\n"
    lab.clock.sleep(1)
    assert ask(counter, "SS 1") == "1\r\n"
    assert ask(counter, "QA") == "1000\r\n"
    assert ask(counter, "SS") == "4\r\n"
    assert ask(counter, "SS") == "0\r\n"


def test_the_manuals_own_example_of_a_preset(counter):
    """Manual p.39: CP2,10 and CP2,1E1 and CP2,0.1E2 and CP2,12 all set 1E1, and the string 1E1 is returned."""
    for sent in ("CP2,10", "CP2,1E1", "CP2,0.1E2", "CP2,12"):
        ask(counter, f"CP2,3E7;{sent}")
        assert ask(counter, "CP2") == "1E1\r\n"


def test_the_manuals_own_example_of_a_chain_of_questions(counter):
    """Manual p.38: the response to CM;CI0;GD0 is 1, 1, 1.2E-6; p.37: on GPIB each ends with CR LF."""
    ask(counter, "CM1;CI0,1;GD0,1.2E-6")
    assert ask(counter, "CM;CI0;GD0") == "1\r\n1\r\n1.2E-6\r\n"


def test_after_an_error_the_rest_of_its_line_is_lost(counter):
    """Manual p.47."""
    ask(counter, "NP 5;ZZ;NP 7")
    assert ask(counter, "NP") == "5\r\n"
    assert ask(counter, "SS") == "128\r\n"


def test_a_scan_that_starts_over_is_never_finished(counter, lab):
    """Manual p.46: Scan Finished is set at the end of a scan if the scan end mode is STOP, and only then."""
    ask(counter, "CP2,1E6;NP 2;NE 1;CS")
    lab.clock.sleep(1)
    assert ask(counter, "SS") == "2\r\n"


def test_the_input_buffer_is_erased_when_it_overflows(counter):
    """Manual p.37: it holds 256 characters."""
    counter.send(b"NP 9" + b" " * 300)
    counter.send(b"\n")
    assert ask(counter, "NP") == "1\r\n"


def test_an_endless_scan_of_short_periods_that_nobody_reads_for_a_day_ends_in_time(counter, lab):
    ask(counter, "CP2,1;NP 1;NE 1;CS")
    lab.clock.sleep(86_400)
    begin = time.perf_counter()
    assert ask(counter, "QA") == "0\r\n"
    assert time.perf_counter() - begin < 0.5


def test_spaces_and_capitals_do_not_count(counter):
    ask(counter, "n p 7")
    assert ask(counter, "NP") == "7\r\n"


def test_a_preset_keeps_its_leading_digit_alone(counter):
    for sent, kept in (("10", 10), ("1E1", 10), ("0.1E2", 10), ("12", 10), ("2.5E6", 2e6), ("9E11", 9e11)):
        ask(counter, f"CP2,{sent}")
        assert float(ask(counter, "CP 2")) == kept


def test_a_gate_covers_exactly_its_preset(counter, lab):
    ask(counter, "CP2,5E6;CS")
    start = lab.ports["apd"].clock.now()
    lab.clock.sleep(2)
    assert ask(counter, "QA") == "500\r\n"
    assert lab.ports["apd"].gates == [(pytest.approx(start, abs=0.01), pytest.approx(start + 0.5, abs=0.01))]


def test_a_scan_has_its_periods_with_dwells_between(counter, lab):
    ask(counter, "CP2,1E6;NP 3;DT 5E-2;CS")
    lab.clock.sleep(0.38)
    assert ask(counter, "NN") == "2\r\n"
    assert ask(counter, "SS 2") == "0\r\n"
    lab.clock.sleep(1)
    assert [ask(counter, f"QA {m}") for m in (1, 2, 3)] == ["100\r\n"] * 3
    assert ask(counter, "SS 2") == "1\r\n"
    gates = lab.ports["apd"].gates
    assert [later[0] - before[1] for before, later in pairwise(gates)] == pytest.approx([0.05] * 2)
    assert ask(counter, "EA") == "100\r\n" * 3


def test_a_point_that_is_not_there_yet_is_minus_one_and_point_zero_an_error(counter):
    ask(counter, "NP 3;CS")
    assert ask(counter, "QA 2") == "-1\r\n"
    assert ask(counter, "QA 0") == ""
    assert ask(counter, "SS 7") == "1\r\n"


def test_the_live_counter_runs_and_no_photon_is_drawn_twice(counter, lab):
    ask(counter, "CP2,1E7;CS")
    lab.clock.sleep(0.4)
    assert 390 <= int(ask(counter, "XA")) <= 410
    lab.clock.sleep(1)
    assert ask(counter, "QA") == "1000\r\n"
    gates = lab.ports["apd"].gates
    assert gates[0][1] == gates[1][0]
    assert ask(counter, "XA") == "0\r\n"


def test_a_pause_keeps_the_counts_and_a_start_goes_on(counter, lab):
    ask(counter, "CP2,1E7;CS")
    lab.clock.sleep(0.4)
    ask(counter, "CH")
    lab.clock.sleep(5)
    assert ask(counter, "QA") == "-1\r\n"
    ask(counter, "CS")
    lab.clock.sleep(1)
    assert int(ask(counter, "QA")) == pytest.approx(1000, abs=1)


def test_a_reset_forgets_the_scan(counter, lab):
    ask(counter, "CP2,1E6;CS")
    lab.clock.sleep(1)
    ask(counter, "CR")
    assert ask(counter, "QA") == "-1\r\n"


def test_an_endless_scan_starts_over(counter, lab):
    ask(counter, "CP2,1E6;NP 2;DT 2E-3;NE 1;CS")
    lab.clock.sleep(1)
    assert ask(counter, "QA") == "100\r\n"
    assert ask(counter, "SI 2") == "1\r\n"


def test_counter_a_can_count_the_clock_itself(counter, lab):
    ask(counter, "CI 0,0;CP2,1E6;CS")
    lab.clock.sleep(1)
    assert ask(counter, "QA") == "1000000\r\n"


def test_the_rear_ports_put_out_volts_in_steps_of_5_mv(counter, lab):
    ask(counter, "PL 1,-0.342;PL 2,10")
    assert float(ask(counter, "PL 1")) == pytest.approx(-0.34)
    assert lab.ports["x"].get(lab.clock.now()) == pytest.approx(-0.34)
    assert lab.ports["y"].get(lab.clock.now()) == 10


def test_a_port_in_scan_mode_steps_from_period_to_period(counter, lab):
    ask(counter, "CP2,1E6;NP 3;DT 2E-3;PL 1,1;PY 1,0.5;PM 1,1")
    start = lab.clock.now()
    ask(counter, "CS")
    assert [lab.ports["x"].get(start + t) for t in (0.05, 0.15, 0.25)] == [1, 1.5, 2]
    ask(counter, "CR")
    assert lab.ports["x"].get(start + 0.25) == 1


@pytest.mark.parametrize(
    "command",
    ["*IDN?", "PL 1,11", "PL 3,1", "CI 0,2", "CP 2,0", "NP 2001", "DT 1E-3", "DL 0,0.4", "ZZ", "CM 9", "CP", "GW 0"],
)
def test_what_it_cannot_take_sets_the_command_error_and_answers_nothing(counter, command):
    if command == "GW 0":
        assert float(ask(counter, command)) == 5e-9
        return
    assert ask(counter, command) == ""
    assert ask(counter, "SS 7") == "1\r\n"
    assert ask(counter, "SS 7") == "0\r\n"


def test_a_serial_poll_reads_the_status_without_clearing_it(counter, lab):
    ask(counter, "CP2,1E6;CS")
    lab.clock.sleep(1)
    assert counter.device.status_byte(lab.clock.now()) == 6
    assert ask(counter, "SS") == "6\r\n"


def test_clear_brings_the_default_settings_back(counter, lab):
    ask(counter, "NP 9;PL 1,3;DL 0,0.1")
    ask(counter, "CL")
    assert ask(counter, "NP") == "1\r\n"
    assert lab.ports["x"].get(lab.clock.now()) == 0


def test_nothing_plugged_in_counts_nothing(counter, lab):
    ask(counter, "CP2,1E6;CS")
    lab.clock.sleep(1)
    assert ask(counter, "QB") == "0\r\n"
