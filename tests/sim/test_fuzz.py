"""Nonsense on every line: no exception, no endless loop, only well-formed replies, and the instrument lives on."""

from __future__ import annotations

import re
import threading

import pytest
import pyvisa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyvisa.errors import InvalidSession, VisaIOError

from perovskite_meas.sim.wire import wire_up

METER, COUNTER, MOUNT, SHUTTER = "USB0::0x1313::0x8078::P0000001::INSTR", "GPIB0::23::INSTR", "ASRL3", "ASRL5"
PLACES = {METER: METER, COUNTER: COUNTER, MOUNT: "ASRL3::INSTR", SHUTTER: "ASRL5::INSTR"}
bounded = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

numbers = st.one_of(
    st.integers(-3, 12).map(str),
    st.sampled_from(
        ["1E7", "9E11", "1e-9", "0.25", "-0.3", "2000", "nan", "inf", "1_0", "٣", "9" * 5000, "MIN", "", "ON"]
    ),
)


def pieces(words: list[str]) -> st.SearchStrategy[str]:
    """Return commands of a word and some parameters."""
    parameters = st.lists(numbers, max_size=3).map(",".join)
    return st.builds("{}{}{}".format, st.sampled_from(words), st.sampled_from(["", " ", "="]), parameters)


HEADERS = [
    "*IDN?", "*RST", "*CLS", "SYST:ERR?", "SENS:CORR:WAV", "CORR:WAV?", "SENS:AVER:COUN", "AVER?", "POW:RANG", "UPP?",
    "SENS:POW:RANG:AUTO", "POW:UNIT", "POW:REF", "POW:REF:STAT", "CORR:COLL:ZERO", "CORR:COLL:ZERO:STAT?", "ABOR",
    "CORR:COLL:ZERO:MAGN?", "CONF:POW", "INIT", "FETC?", "READ?", "MEAS:POW?", "MEAS:ENER?", "CORR:LOSS", ":", "?",
]  # fmt: skip
WORDS = [
    "CM", "CI", "CP", "NP", "NN", "NE", "DT", "CS", "CH", "CR", "CL", "RC", "QA", "QB", "XA", "XB", "EA", "EB", "SS",
    "SI", "PM", "PY", "PL", "DL", "DM", "GM", "GD", "GW", "ZZ", "C",
]  # fmt: skip
NAMES = ["id?", "ens", "ens?", "mode", "mode?", "rep", "trig", "open", "shut", "closed?", "interlock?", "baud", "?", ""]
MOVES = "in gs ho ma mr gp fw bw gv sv gj sj go so i1 i2 s1 us ca ga is ms st xx".split()

LINES = {
    METER: st.lists(pieces(HEADERS), min_size=1, max_size=4).map(lambda parts: ";".join(parts) + "\n"),
    COUNTER: st.lists(pieces(WORDS), min_size=1, max_size=4).map(lambda parts: ";".join(parts) + "\n"),
    SHUTTER: pieces(NAMES).map(lambda text: text + "\r"),
    MOUNT: st.builds(
        "{}{}{}".format,
        st.sampled_from("0A7Gz"),
        st.sampled_from(MOVES),
        st.text("0123456789ABCDEFG -_", max_size=8),
    ),
}
REPLIES = {
    METER: rb"[^\n]*\n",
    COUNTER: rb"-?\d+(\.\d+)?(E-?\d+)?\r\n",
    SHUTTER: rb"[^\r\n]*\r|([^\r\n]*\r)?> ",
    MOUNT: rb"[0-9A-F](GS[0-9A-F]{2}|(PO|GJ|HO)[0-9A-F]{8}|IN[0-9A-F]{30}|GV[0-9A-F]{2}|I[12][0-9A-F]{22}|BS02)\r\n",
}
ALIVE = {METER: (b"*IDN?\n", b"THORLABS"), COUNTER: (b"NP\n", b""), SHUTTER: (b"id?\r", b"id?\r")}


def dialogues(address: str) -> st.SearchStrategy[list[bytes | float]]:
    """Return what happens on a line: commands, noise, and pauses in s."""
    noise = st.one_of(st.binary(max_size=40), st.binary(max_size=20).map(lambda data: data + b"\r\n"))
    command = LINES[address].map(lambda text: text.encode("utf-8"))
    return st.lists(st.one_of(command, command, noise, st.floats(0, 200)), max_size=14)


def drain(host, most=20_000) -> list[bytes]:
    """Return everything that comes while time passes."""
    heard = []
    for _ in range(most):
        due = host.device.next_due()
        if due is None:
            return heard
        host.clock.jump_to(due)
        heard += host.device.poll(host.clock.now())
    raise AssertionError("replies without end")


@pytest.mark.parametrize("address", LINES)
@bounded
@given(data=st.data())
def test_nothing_that_is_sent_upsets_a_device(address, data, host):
    terminal = host(PLACES[address])
    heard = []
    for part in data.draw(dialogues(address)):
        if isinstance(part, float):
            terminal.clock.sleep(part)
        else:
            terminal.send(part)
        heard += terminal.device.poll(terminal.clock.now())
    heard += drain(terminal)
    for reply in heard:
        assert re.fullmatch(REPLIES[address], reply), reply
    terminal.device.clear()
    if address == MOUNT:
        assert len(terminal.device.mounts) == 2
        assert any(terminal.ask(f"{number}gs".encode()) for number in terminal.device.mounts)
    else:
        question, answer = ALIVE[address]
        reply = terminal.ask(question)
        assert reply
        assert reply.startswith(answer)


@pytest.fixture
def table():
    manager = pyvisa.ResourceManager("virtual_confocal@twin")
    manager.visalib.reset(seed=2, speed=0)
    yield manager
    manager.close()


@settings(bounded, max_examples=25)
@given(data=st.data())
def test_nothing_that_is_sent_upsets_the_whole_table(data, table):
    table.visalib.reset(seed=2, speed=0)
    resources = {address: table.open_resource(address, timeout=300) for address in LINES}
    errors = set()
    for address in data.draw(st.lists(st.sampled_from(list(LINES)), max_size=12)):
        for part in data.draw(dialogues(address).map(lambda parts: parts[:4])):
            try:
                if isinstance(part, float):
                    table.visalib.clock.sleep(part / 10)
                else:
                    resources[address].write_raw(part)
                    resources[address].read_raw(64)
            except VisaIOError as error:
                errors.add(error.abbreviation)
    assert errors <= {"VI_ERROR_TMO"}
    log = table.visalib.world.light_log()
    assert all(light.t1 > light.t0 and light.power >= 0 for light in log)


def test_garbage_without_end_is_not_kept(lab):
    for address, wiring in lab.config.instruments.items():
        device = wire_up(lab, address, wiring)
        for _ in range(200):
            device.feed(b"\x00\xff" * 50, lab.clock.now())
        assert len(device._incoming) <= device.buffer


def test_a_device_clear_in_the_middle_of_a_move_leaves_a_mount_that_can_be_stopped(host, lab):
    mount = host("ASRL3::INSTR")
    mount.ask(b"0ho0")
    mount.send(b"0ma00010000")
    mount.device.clear()
    assert mount.ask(b"0ms").startswith(b"0PO")


@pytest.mark.parametrize("speed", [0, 1])
def test_two_threads_can_use_two_instruments_at_once(table, speed):
    table.visalib.reset(seed=2, speed=speed)
    meter = table.open_resource(METER, read_termination="\n", write_termination="\n")
    counter = table.open_resource(COUNTER, read_termination="\r\n", write_termination="\n")
    failed: list[BaseException] = []

    def ask(work) -> None:
        try:
            for number in range(1, 150):
                work(number)
        except BaseException as error:
            failed.append(error)

    def read_power(number: int) -> None:
        meter.write(f"SENS:AVER:COUN {number}")
        assert int(meter.query("SENS:AVER:COUN?")) == number
        assert 0 < abs(float(meter.query("MEAS:POW?"))) < 1e-2

    def read_setting(number: int) -> None:
        counter.write(f"NP {number}")
        assert counter.query("NP") == str(number)

    threads = [threading.Thread(target=ask, args=(work,)) for work in (read_power, read_setting)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert not any(thread.is_alive() for thread in threads)


def test_a_reset_under_a_thread_that_reads_ends_it_with_a_clear_error(table):
    meter = table.open_resource(METER, read_termination="\n", write_termination="\n")
    ended: list[BaseException] = []
    started = threading.Event()

    def read_on() -> None:
        try:
            while True:
                meter.query("MEAS:POW?")
                started.set()
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=read_on)
    thread.start()
    assert started.wait(10)
    table.visalib.reset(seed=3, speed=0)
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(ended[0], InvalidSession)
    assert "opened before the virtual laboratory was reset" in str(ended[0])
