"""The SR400 driver against transcripts of the counter's commands."""

import pytest

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError, UsageError
from perovskite_meas.drivers import SR400

GPIB = "GPIB0::23::INSTR"
GREETING = [(b"CM\n", b"0\r\n"), (b"NP\n", b"1\r\n"), (b"CP 2\n", b"1E7\r\n")]
READY = (b"SS 1\n", b"1\r\n")
IDLE = (b"SS\n", b"0\r\n")
STOP = [(b"CH\n", None), (b"CR\n", None)]


def made(setting: str, question: str, reply: str):
    return [(f"{setting}\n".encode(), None), (f"{question}\n".encode(), f"{reply}\r\n".encode())]


MODE = [*made("CM 0", "CM", "0"), *made("CI 2,0", "CI 2", "0"), *made("NE 0", "NE", "0")]
ONE_PERIOD = made("NP 1", "NP", "1")
DWELL = made("DT 2E-3", "DT", ".002")


def gate(ticks: int, found: int | None = None):
    return made(f"CP 2,{ticks}", "CP 2", f"{ticks if found is None else found}")


START = [IDLE, (b"CR\n", None), (b"CS\n", None)]
COUNT = [*START, READY, (b"QA\n", b"1234\r\n"), IDLE]
FINISHED = (b"SS 2\n", b"1\r\n")


def points(*counts: int):
    return [(b"QA %d\n" % number, b"%d\r\n" % found) for number, found in enumerate(counts, 1)]


@pytest.fixture
def counter(visa):
    visa.scripts[GPIB] = list(GREETING)
    return SR400("counter", GPIB)


@pytest.fixture
def set_up(counter, transcript):
    with transcript(GPIB, [*MODE, *ONE_PERIOD, *gate(1_000_000)]):
        counter.gate_time(0.1)
    return counter


def test_opening_changes_no_setting(counter):
    assert counter.get_idn()["model"] == "SR400"


@pytest.mark.parametrize("reply", [b"what?\n", b"7\n"])
def test_another_instrument_is_refused_by_name(visa, reply):
    visa.scripts[GPIB] = [(b"CM\n", reply)]
    with pytest.raises(IdentityError, match=r"counter \(SR400 at GPIB0::23::INSTR\).*CM.*expected an SRS SR400"):
        SR400("counter", GPIB)


def test_a_silent_address_is_a_communication_error(visa):
    visa.scripts[GPIB] = [(b"CM\n", None)]
    with pytest.raises(CommunicationError, match="no reply in time to 'CM'"):
        SR400("counter", GPIB)


def test_a_count_waits_out_its_gate_on_the_clock(set_up, transcript, visa):
    start = visa.clock.now()
    with transcript(GPIB, [(b"CP 2\n", b"1000000\r\n"), *COUNT]):
        assert set_up.counts_a() == 1234
    assert visa.clock.now() - start == pytest.approx(0.1)


def test_channel_b_is_read_from_its_own_register(set_up, transcript):
    pairs = [(b"CP 2\n", b"1000000\r\n"), *START, (b"SS 1\n", b"0\r\n"), READY, (b"QB\n", b"7\r\n"), IDLE]
    with transcript(GPIB, pairs):
        assert set_up.counts_b() == 7


def test_a_gate_of_several_periods_sums_them_and_waits_out_the_dwells_between(counter, transcript, visa):
    pairs = [*MODE, *made("NP 3", "NP", "3"), *gate(5_000_000), *DWELL, *START, FINISHED, *points(5, 7, 11), IDLE]
    start = visa.clock.now()
    with transcript(GPIB, pairs):
        assert counter.count(1.5) == (23, 1.5)
    assert visa.clock.now() - start == pytest.approx(1.504)


def test_the_counts_follow_a_composed_gate_time_and_a_simple_one_after_it(set_up, transcript):
    with transcript(GPIB, [*made("NP 5", "NP", "5"), *gate(500_000)]):
        set_up.gate_time(0.25)
    read = (b"CP 2\n", b"5E5\r\n")
    with transcript(GPIB, [(b"NP\n", b"5\r\n"), read]):
        assert set_up.gate_time() == 0.25
    with transcript(GPIB, [read, *DWELL, *START, (b"SS 2\n", b"0\r\n"), FINISHED, *points(1, 2, 3, 4, 5), IDLE]):
        assert set_up.counts_a() == 15
    with transcript(GPIB, [*ONE_PERIOD, *gate(1_000_000), *COUNT]):
        assert set_up.count(0.1) == (1234, 0.1)


def test_a_gate_set_by_hand_is_read_before_the_first_count(counter, transcript):
    settings = [(b"NP\n", b"2\r\n"), (b"CP 2\n", b"1E6\r\n"), *DWELL]
    results = [(b"QB 1\n", b"3\r\n"), (b"QB 2\n", b"4\r\n"), IDLE]
    with transcript(GPIB, [*MODE, *settings, *START, FINISHED, *results]):
        assert counter.counts_b() == 7


def test_an_impossible_gate_is_refused_with_its_neighbours_before_anything_is_sent(counter, transcript):
    for ask in (counter.gate_time, counter.count):
        with (
            transcript(GPIB, []),
            pytest.raises(UsageError, match=r"^counter \(SR400.*no gate of 0\.3333333333 s.*0\.3333 s.*and 0\.3334 s"),
        ):
            ask(1 / 3)


def test_a_preset_that_does_not_take_is_a_fault(set_up, transcript):
    pairs = [*made("NP 5", "NP", "5"), *gate(500_000, 400_000)]
    with (
        transcript(GPIB, pairs),
        pytest.raises(HardwareFault, match=r"5 x 0\.04 s after setting 0\.25 s \(5 x 0\.05 s"),
    ):
        set_up.gate_time(0.25)


def test_an_interrupted_setting_is_read_anew_before_the_next_count(set_up, transcript):
    with transcript(GPIB, [(b"NP 5\n", None), (b"NP\n", KeyboardInterrupt())]), pytest.raises(KeyboardInterrupt):
        set_up.gate_time(0.25)
    settings = [(b"NP\n", b"5\r\n"), (b"CP 2\n", b"1E6\r\n"), *DWELL]
    with transcript(GPIB, [*settings, *START, FINISHED, *points(1, 1, 1, 1, 1), IDLE]):
        assert set_up.counts_a() == 5


def test_the_gate_time_is_read_in_seconds(counter, transcript):
    with transcript(GPIB, [(b"NP\n", b"3\r\n"), (b"CP 2\n", b"5E6\r\n")]):
        assert counter.gate_time() == 1.5


@pytest.mark.parametrize(("status", "text"), [(8, "overflowed"), (16, "rate error"), (128, "command error")])
def test_faults_of_a_count_are_hardware_faults(set_up, transcript, status, text):
    pairs = [*gate(1_000_000), *COUNT[:-1], (b"SS\n", b"%d\r\n" % status)]
    with transcript(GPIB, pairs), pytest.raises(HardwareFault, match=text):
        set_up.count(0.1)


def test_faults_of_any_period_of_a_composed_gate_are_hardware_faults(counter, transcript):
    setting = [*MODE, *made("NP 3", "NP", "3"), *gate(5_000_000), *DWELL]
    with (
        transcript(GPIB, [*setting, *START, FINISHED, *points(1, 2, 3), (b"SS\n", b"8\r\n")]),
        pytest.raises(HardwareFault, match=r"overflowed in a gate of 1\.5 s \(3 x 0\.5 s\)"),
    ):
        counter.count(1.5)
    again = [*gate(5_000_000), *START, FINISHED, *points(1, 2, -1), IDLE]
    with transcript(GPIB, again), pytest.raises(HardwareFault, match="'QA 3' is -1, not ready"):
        counter.count(1.5)


def test_a_count_that_is_interrupted_between_its_points_leaves_the_counter_idle(counter, transcript):
    setting = [*MODE, *made("NP 3", "NP", "3"), *gate(5_000_000), *DWELL]
    pairs = [*setting, *START, FINISHED, *points(1), (b"QA 2\n", KeyboardInterrupt()), *STOP]
    with transcript(GPIB, pairs), pytest.raises(KeyboardInterrupt):
        counter.count(1.5)
    with transcript(GPIB, [*setting, *START, FINISHED, *points(1, 2, 3), IDLE]):
        assert counter.count(1.5) == (6, 1.5)


def test_a_count_that_never_ends_is_stopped(set_up, transcript, visa, monkeypatch):
    monkeypatch.setattr(visa.clock, "sleep", lambda seconds: setattr(visa.clock, "time", visa.clock.time + 10))
    late = (b"SS 1\n", b"0\r\n")
    pairs = [*gate(1_000_000), *START, late, late, *STOP]
    with transcript(GPIB, pairs), pytest.raises(HardwareFault, match="did not end"):
        set_up.count(0.1)


def test_an_interrupted_count_leaves_the_counter_idle(set_up, transcript, visa, monkeypatch):
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(visa.clock, "sleep", interrupted)
    with transcript(GPIB, [*gate(1_000_000), *START, *STOP]), pytest.raises(KeyboardInterrupt):
        set_up.count(0.1)
    monkeypatch.undo()


def test_the_settings_are_made_anew_after_an_interrupted_count(set_up, transcript):
    pairs = [*gate(1_000_000), *START, (b"SS 1\n", KeyboardInterrupt()), *STOP]
    with transcript(GPIB, pairs), pytest.raises(KeyboardInterrupt):
        set_up.count(0.1)
    with transcript(GPIB, [*MODE, *ONE_PERIOD, *gate(1_000_000), *COUNT]):
        assert set_up.count(0.1) == (1234, 0.1)


def test_a_setting_that_does_not_take_is_a_fault(counter, transcript):
    with transcript(GPIB, [(b"CM 0\n", None), (b"CM\n", b"1\r\n")]), pytest.raises(HardwareFault, match="'CM' is 1"):
        counter.gate_time(0.1)


def test_a_count_that_is_not_ready_is_a_fault(set_up, transcript):
    pairs = [*gate(1_000_000), *START, READY, (b"QA\n", b"-1\r\n"), IDLE]
    with transcript(GPIB, pairs), pytest.raises(HardwareFault, match="not ready"):
        set_up.count(0.1)


@pytest.mark.parametrize(("name", "index"), [("port_1", 1), ("port_2", 2)])
def test_the_ports_are_fixed_levels_that_are_read_back(counter, transcript, name, index):
    port = counter.parameters[name]
    fixed = [(b"PM %d,0\n" % index, None), (b"PM %d\n" % index, b"0\r\n")]
    level = [(b"PL %d,2.5000\n" % index, None), (b"PL %d\n" % index, b"2.500\r\n")]
    with transcript(GPIB, [*fixed, *level, *level]):
        port(2.5)
        port(2.5)
    with transcript(GPIB, []), pytest.raises(ValueError, match=r"10\.1 is invalid"):
        port(10.1)
    with transcript(GPIB, [level[0], (b"PL %d\n" % index, b"0\r\n")]), pytest.raises(HardwareFault, match="0 V after"):
        port(2.5)


def test_the_discriminators_are_fixed_levels_that_are_read_back(counter, transcript):
    pairs = [(b"DM 0,0\n", None), (b"DM 0\n", b"0\r\n"), (b"DL 0,-0.0500\n", None), (b"DL 0\n", b"-.0500\r\n")]
    with transcript(GPIB, [*pairs, (b"DL 1\n", b"-.0100\r\n")]):
        counter.discriminator_a(-0.05)
        assert counter.discriminator_b() == -0.01


@pytest.mark.parametrize("raw", [b"12.5\r\n", b"abc\r\n", b"\xff\xff\n"])
def test_garbage_is_a_reply_error_and_stops_the_count(set_up, transcript, raw):
    pairs = [*gate(1_000_000), *START, READY, (b"QA\n", raw), *STOP]
    with transcript(GPIB, pairs), pytest.raises(ReplyError, match="'QA'"):
        set_up.count(0.1)


def test_an_unplugged_counter_is_a_communication_error_even_if_it_cannot_be_stopped(set_up, transcript, faults, visa):
    pairs = [*gate(1_000_000), *START, (b"SS 1\n", faults.unplugged), *STOP]
    with transcript(GPIB, pairs), pytest.raises(CommunicationError, match="'SS 1'"):
        set_up.count(0.1)


def test_a_snapshot_never_starts_a_count(counter, transcript):
    levels = [(f"{word} {index}\n".encode(), b"0\r\n") for word, index in [("DL", 0), ("DL", 1), ("PL", 1), ("PL", 2)]]
    with transcript(GPIB, [(b"NP\n", b"1\r\n"), (b"CP 2\n", b"1E7\r\n"), *levels]):
        snapshot = counter.snapshot(update=True)
    assert snapshot["parameters"]["counts_a"]["value"] is None
