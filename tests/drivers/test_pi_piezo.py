"""The driver of PI piezo controllers: on the simulated ones, and against transcripts where bytes matter."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from pyvisa.constants import StatusCode
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import (
    CommunicationError,
    HardwareFault,
    IdentityError,
    ReplyError,
    UsageError,
)
from perovskite_meas.core.ramp import Ramp, RampRecord
from perovskite_meas.drivers._gcs import parse_array
from perovskite_meas.drivers._gcs_ramps import Grid
from perovskite_meas.drivers.pi_piezo import PIPiezo
from perovskite_meas.testing import check_driver


def _world():
    path = Path(__file__).parents[1] / "sim" / "gcs_world.py"
    spec = importlib.util.spec_from_file_location("gcs_world", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORLD = _world()
E709 = WORLD.E709
RAMP = Ramp(5.0, 9.0, 0.128, 0.032)


@pytest.fixture
def table(tmp_path):
    """The name of a virtual laboratory with PI controllers, and what stands in it."""
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    name, lab = f"{tmp_path}@twin", WORLD.Lab(WORLD.WIRING)
    manager = pyvisa.ResourceManager(name)
    manager.visalib.adopt(lab)
    lab.device = manager.visalib.device
    yield name, lab
    Instrument.close_all()
    manager.close()


@pytest.fixture
def lab(table):
    return table[1]


@pytest.fixture
def piezo(table):
    return PIPiezo("piezo", E709, visalib=table[0])


@pytest.fixture
def closed(piezo):
    piezo.servo(True)
    return piezo


@pytest.fixture
def faults(lab):
    return lab.device(E709).faults


@pytest.fixture
def ramping(closed, lab):
    """A piezo that has run its ramp for a second."""
    closed.ramp(RAMP)
    closed.ramping(True)
    lab.clock.sleep(1.0)
    return closed


def test_it_explains_itself(table):
    check_driver(PIPiezo, address=E709, visalib=table[0])


def test_opening_it_moves_nothing_and_tells_who_it_is(piezo, lab):
    assert lab.ports["fine"].log == []
    assert piezo.get_idn() == {
        "vendor": "Physik Instrumente", "model": "E-709.CHG", "serial": "0115061234", "firmware": "1.034"
    }  # fmt: skip
    assert (piezo.position(), piezo.servo(), piezo.low_limit(), piezo.high_limit()) == (3.0, False, 0.0, 15.0)


def test_a_set_returns_when_the_axis_is_on_target(closed, lab):
    start = lab.clock.now()
    closed.position(7.5)
    assert lab.clock.now() > start + 0.01
    assert closed.on_target()
    assert closed.position() == pytest.approx(7.5)
    assert lab.ports["fine"].log[-1] == ("move", 7.5, True)


def test_another_axis_and_a_serial_line_work_too(table):
    piezo = PIPiezo("second", WORLD.SERIAL, axis=2, visalib=table[0])
    piezo.servo(True)
    piezo.position(88.0)
    assert piezo.position() == pytest.approx(88.0)
    piezo.ramp(Ramp(10.0, 20.0, 0.1, 0.02))
    piezo.ramping(True)
    assert piezo.ramping()


def test_moving_with_the_servo_off_is_refused_before_anything_is_sent(piezo, lab):
    with pytest.raises(HardwareFault, match=r"piezo \(PIPiezo at TCPIP0.*position 7 um is impossible.*set `servo`"):
        piezo.position(7.0)
    assert lab.ports["fine"].log == []


@pytest.mark.parametrize("target", [-0.001, 15.001, 1e6])
def test_a_position_beyond_the_travel_names_the_limits_and_who_set_them(closed, lab, target):
    before = len(lab.ports["fine"].log)
    with pytest.raises(UsageError, match=r"outside 0 to 15 um, the travel that the controller itself reports \(TMN\?"):
        closed.position(target)
    assert len(lab.ports["fine"].log) == before


def test_overflow_is_a_fault_that_says_where_it_got_stuck(closed, faults):
    faults.overflow(reach=6.0)
    with pytest.raises(HardwareFault, match=r"overflow\) on the way to 9 um, at 6\.0000 um"):
        closed.position(9.0)
    assert closed.overflow()
    faults.relieve()
    closed.position(9.0)
    assert not closed.overflow()


def test_an_axis_that_never_arrives_is_a_fault(closed, faults):
    faults.stall()
    with pytest.raises(HardwareFault, match=r"not on target 9 um within 2 s, but at 6\.0000 um"):
        closed.position(9.0)


def test_a_position_that_differs_from_the_one_asked_for_is_a_fault(table, lab, monkeypatch):
    piezo = PIPiezo("piezo", E709, visalib=table[0], tolerance=0.005)
    piezo.servo(True)
    move = lab.ports["fine"].move
    monkeypatch.setattr(lab.ports["fine"], "move", lambda um, t, servo: move(um + 0.01, t, servo))
    with pytest.raises(HardwareFault, match=r"on target, but at 7\.01 um instead of 7 um.*tolerance of 0\.005 um"):
        piezo.position(7.0)


def test_a_reset_during_a_move_is_recognised_by_the_servo(closed, faults):
    faults.after(exchanges=3).reset()
    with pytest.raises(HardwareFault, match=r"waiting for 9 um is impossible while the servo is off.*was reset"):
        closed.position(9.0)


def test_the_servo_that_falls_off_between_moves_is_noticed(closed, faults):
    faults.servo_off()
    with pytest.raises(HardwareFault, match="servo is off"):
        closed.position(4.0)


def test_a_ramp_runs_as_it_was_asked_with_a_pulse_at_each_start(ramping, lab):
    kind, count, dt, servo = lab.ports["fine"].log[-1]
    assert (kind, servo) == ("wave", True)
    begin, period, end = lab.ports["trigger"].train
    assert period == pytest.approx(count * dt) == pytest.approx(0.16)
    assert end == float("inf")
    times = np.linspace(0.16, 0.8, 1001)
    assert np.abs(lab.ports["fine"].sensors(begin + times) - RAMP.at(times)).max() < 1e-6
    assert ramping.ramping()
    assert ramping.ramp() == RAMP


def test_it_goes_to_the_begin_of_the_ramp_before_it_starts(ramping, lab):
    assert lab.ports["fine"].log[-2] == ("move", 5.0, True)


@pytest.mark.parametrize("stopped", [False, True])
def test_the_record_is_the_ramp_since_its_start(ramping, lab, stopped):
    lab.clock.sleep(0.2)
    if stopped:
        ramping.ramping(False)
        ramping.position(1.0)
        lab.clock.sleep(5)
    record = ramping.recorded()
    assert isinstance(record, RampRecord)
    assert record.times[0] == 0
    assert record.times[-1] == pytest.approx(3 * 0.16, abs=1e-3)
    assert np.abs(record.positions - RAMP.at(record.times)).max() < 1e-5


def test_a_short_ramp_gives_a_record_without_the_rest_after_it(closed, lab):
    closed.ramp(RAMP)
    closed.ramping(True)
    lab.clock.sleep(0.3)
    closed.ramping(False)
    closed.position(1.0)
    lab.clock.sleep(5)
    record = closed.recorded()
    assert 0.29 < record.times[-1] < 0.32
    assert record.positions.min() >= 5.0


def test_reading_the_record_is_one_exchange(ramping, lab, monkeypatch):
    sent = []
    device = lab.device(E709)
    feed = device.feed
    monkeypatch.setattr(device, "feed", lambda data, now: (sent.append(data), feed(data, now)))
    ramping.recorded()
    assert [data for data in sent if data.startswith(b"DRR?")] == [b"DRR? 1 601 1\n"]


def test_stopping_leaves_the_axis_where_it_is_and_can_be_done_twice(ramping, lab):
    ramping.ramping(False)
    ramping.ramping(False)
    assert not ramping.ramping()
    assert lab.ports["trigger"].train[2] < lab.clock.now()
    ramping.position(7.0)


def test_stopping_after_an_interrupted_reading_hears_none_of_its_lines(ramping, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ramping, "_more", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ramping.recorded()
    assert 5.0 <= ramping.position() <= 9.0
    ramping.ramping(False)
    assert not ramping.ramping()


def test_a_reply_still_on_its_way_after_an_interrupt_is_waited_for(closed, faults, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    faults.delay(0.03)
    with monkeypatch.context() as patch:
        patch.setattr(closed._link, "_receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            closed.overflow()
    assert [closed.position() for _ in range(3)] == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("fault", ["garble", "drop"])
@pytest.mark.parametrize("exchanges", range(4))
def test_stopping_is_tried_again_when_a_reply_is_spoiled(ramping, faults, fault, exchanges):
    getattr(faults.after(exchanges=exchanges), fault)()
    ramping.ramping(False)
    assert not ramping.ramping()


@pytest.mark.parametrize("late", [3.0, 4.5, 9.0])
@pytest.mark.parametrize("idle", [0.0, 5.0, 60.0])
def test_a_reply_that_comes_when_it_was_given_up_is_not_taken_for_that_to_a_later_question(
    closed, faults, lab, late, idle
):
    faults.delay(late)
    with pytest.raises(CommunicationError):
        closed.high_limit()
    lab.clock.sleep(idle)
    found = []
    while len(found) < 3:
        try:
            found.append(closed.position())
        except CommunicationError:
            assert lab.clock.now() < late + 2
    assert found == [3.0, 3.0, 3.0]
    assert (closed.low_limit(), closed.high_limit()) == (0.0, 15.0)


def test_a_late_reply_is_not_taken_for_the_next_one(closed, faults, lab):
    faults.delay(2.01)
    with pytest.raises(CommunicationError, match=r"no reply in time to 'SVO\? 1'"):
        closed.servo()
    assert closed.position() == pytest.approx(3.0)


def test_a_wave_that_somebody_else_started_is_found_on_connect(table, lab, caplog):
    device = lab.device(E709)
    for line in (b"SVO 1 1", b"WAV 1 X RAMP 400 4 5 400 0 0 320", b"WSL 1 1", b"WGO 1 1"):
        device.feed(line + b"\n", lab.clock.now())
    piezo = PIPiezo("piezo", E709, visalib=table[0])
    assert "wave generator is running" in caplog.text
    assert piezo.ramping()
    with pytest.raises(HardwareFault, match=r"'MOV 1 7.000000' was refused with error 73: the wave generator"):
        piezo.position(7.0)
    with pytest.raises(UsageError, match=r"refused while the wave generator runs; end it: ramping\(False\)"):
        piezo.ramp(RAMP)
    with pytest.raises(UsageError, match="nothing was recorded"):
        piezo.recorded()
    piezo.ramping(False)
    piezo.position(7.0)


def test_starting_needs_a_ramp_and_no_other_one_running(closed):
    with pytest.raises(UsageError, match="no ramp to start; set `ramp` first"):
        closed.ramping(True)
    with pytest.raises(UsageError, match="no ramp was set"):
        closed.ramp()
    closed.ramp(RAMP)
    closed.ramping(True)
    with pytest.raises(UsageError, match="starting a ramp is refused while"):
        closed.ramping(True)


def test_a_ramp_beyond_the_travel_or_too_fast_is_refused(closed):
    with pytest.raises(UsageError, match=r"end of the ramp 15\.5 um is outside 0 to 15 um"):
        closed.ramp(Ramp(5, 15.5, 0.1, 0.1))
    with pytest.raises(UsageError, match=r"fewer than 10 points of 50 us in one of its parts"):
        closed.ramp(Ramp(5, 6, 0.1, 1e-4))
    with pytest.raises(UsageError, match=r"takes a perovskite_meas\.core\.ramp\.Ramp, got 3"):
        closed.ramp(3)
    with pytest.raises(UsageError, match="no ramp to start"):
        closed.ramping(True)


def test_a_reset_while_ramping_is_a_fault_and_the_ramp_has_to_be_set_again(ramping, faults):
    faults.reset()
    assert not ramping.ramping()
    with pytest.raises(HardwareFault, match=r"the ramp ended by itself.*was reset"):
        ramping.recorded()
    ramping.servo(True)
    with pytest.raises(HardwareFault, match=r"error 75: the wave generator has no wave; set `ramp` again"):
        ramping.ramping(True)
    ramping.ramp(RAMP)
    ramping.ramping(True)


def test_a_slow_ramp_is_put_on_a_coarser_grid(closed, lab):
    closed.ramp(Ramp(5.0, 9.0, 30.0003, 2.0))
    kept = closed.ramp()
    assert kept.forward == pytest.approx(30.0003, rel=1e-3)
    closed.ramping(True)
    assert lab.ports["trigger"].train[1] == pytest.approx(kept.period)
    lab.clock.sleep(31)
    record = closed.recorded()
    assert 100 < len(record.times) < 300
    assert np.abs(record.positions - kept.at(record.times)).max() < 1e-4


def test_the_corners_can_be_rounded(table, lab):
    piezo = PIPiezo("piezo", E709, visalib=table[0], rounding=0.004)
    piezo.servo(True)
    piezo.ramp(RAMP)
    piezo.ramping(True)
    begin = lab.ports["trigger"].train[0]
    lab.clock.sleep(1)
    where = lab.ports["fine"].sensors(begin + np.array([0.0, 0.002, 0.06, 0.064, 0.128]))
    assert where[0] == pytest.approx(5.0)
    assert where[1] - 5.0 < 0.6 * 4 * 0.002 / 0.128
    assert where[2:] == pytest.approx([7 - 4 * 0.004 / 0.124, 7.0, 9.0], abs=1e-3)


@pytest.mark.parametrize("forward", [0.128, 0.0031, 0.37, 12.0])
def test_the_grid_keeps_times_in_whole_servo_cycles(forward):
    grid = Grid.of(Ramp(0.0, 1.0, forward, forward / 4), 50e-6)
    assert grid.points <= 4001
    assert grid.ramp.period == pytest.approx(grid.points * grid.rate * 50e-6)
    assert grid.ramp.forward == pytest.approx(forward, rel=2e-2)
    assert grid.recorded(5) * grid.record_rate >= 5 * grid.points * grid.rate


HEADER = ["# REM E-727", "#", "# TYPE = 1", "# SEPARATOR = 32", "# DIM = 2", "# SAMPLE_TIME = 0.000050", "# NDATA = 2"]


def test_an_array_is_read_with_its_header():
    found = parse_array([*HEADER, "# NAME0 = Actual Position", "# END_HEADER", "5.0 1", "5.5 2"])
    assert found.dt == 50e-6
    assert found.columns.tolist() == [[5.0, 5.5], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([*HEADER, "1 2", "3 4"], "no end"),
        ([*HEADER, "# END_HEADER", "1 2"], "1 rows instead of 2"),
        ([*HEADER, "# END_HEADER", "1 2", "3"], "without 2 columns"),
        ([*HEADER[:-2], *HEADER[-1:], "# END_HEADER", "1 2", "3 4"], "SAMPLE_TIME"),
        ([*HEADER, "# END_HEADER", "1 2", "3 ?"], "could not convert"),
    ],
)
def test_an_array_that_is_not_whole_is_refused(lines, why):
    with pytest.raises(ValueError, match=why):
        parse_array(lines)


def test_a_garbled_record_is_a_reply_error(ramping, faults):
    faults.after(exchanges=2).garble()
    with pytest.raises(ReplyError, match=r"'DRR\? 1 601 1' was answered by"):
        ramping.recorded()
    ramping.recorded()


GREETING = [
    (b"*IDN?\n", b"(c)2015 Physik Instrumente (PI) GmbH & Co. KG, E-727.3CDA, 0117045408, 13.21.00.09\n"),
    (b"ERR?\n", b"0\n"),
    (b"SAI?\n", b"1 \n2 \n3\n"),
    (b"TMN? 2\n", b"2=0.000000000e+00\n"),
    (b"TMX? 2\n", b"2=+15.0000\n"),
    (b"SPA? 2 0x0E000200\n", b"2 0x0E000200=5.00000e-05\n"),
    (b"\t", b"0\n"),
]


def test_the_greeting_is_these_bytes_and_axes_may_come_in_several_lines(visa):
    visa.scripts[E709] = list(GREETING)
    piezo = PIPiezo("piezo", E709, axis="2")
    assert piezo.get_idn()["model"] == "E-727.3CDA"


def test_waves_of_the_second_axis_come_from_the_second_generator(visa, transcript):
    visa.scripts[E709] = list(GREETING)
    piezo = PIPiezo("piezo", E709, axis="2")
    with transcript(E709, [(b"\t", b"1\n"), (b"\t", b"2\n")]):
        assert not piezo.ramping()
        assert piezo.ramping()


def test_a_ramp_is_written_in_these_words(visa, transcript):
    visa.scripts[E709] = list(GREETING)
    piezo = PIPiezo("piezo", E709, axis="2")
    orders = [
        b"WAV 2 X RAMP 3200 4.000000 5.000000 3200 0 0 2560", b"WSL 2 2", b"WTR 2 1 1", b"WGC 2 0", b"TWC",
        b"TWS 1 1 1", b"CTO 1 3 4", b"DRC 1 2 2", b"RTR 16",
    ]  # fmt: skip
    pairs = [pair for order in orders for pair in ((order + b"\n", None), (b"ERR?\n", b"0\n"))]
    pairs.insert(8, (b"WAV? 2 1\n", b"2 1=3200.0\n"))
    with transcript(E709, [(b"\t", b"0\n"), *pairs]):
        piezo.ramp(RAMP)


def test_an_axis_that_is_not_there_names_those_that_are(visa):
    visa.scripts[E709] = GREETING[:3]
    with pytest.raises(IdentityError, match="the axes 1, 2, 3, but no axis '4'"):
        PIPiezo("piezo", E709, axis="4")


@pytest.mark.parametrize(
    "identity", ["(c)2013 Physik Instrumente (PI) Karlsruhe, C-863.12, 0, 1.2.1.0", "KEITHLEY,2400"]
)
def test_another_controller_is_refused_by_name(visa, identity):
    visa.scripts[E709] = [(b"*IDN?\n", identity.encode() + b"\n")]
    with pytest.raises(IdentityError, match=r"found .*, expected a PI controller that PIPiezo drives"):
        PIPiezo("piezo", E709)


def test_an_old_error_is_read_away_and_told(visa, caplog):
    visa.scripts[E709] = [GREETING[0], (b"ERR?\n", b"10\n"), *GREETING[2:]]
    PIPiezo("piezo", E709, axis="2")
    assert "had an error from before, now cleared: 10 (it was stopped by a command)" in caplog.text


def test_a_question_without_reply_is_explained_by_its_error(visa, transcript):
    visa.scripts[E709] = list(GREETING)
    piezo = PIPiezo("piezo", E709, axis="2")
    silence = (b"OVF? 2\n", pyvisa.VisaIOError(StatusCode.error_timeout))
    pairs = [silence, GREETING[0], (b"ERR?\n", b"2\n")]
    with transcript(E709, pairs), pytest.raises(HardwareFault, match=r"'OVF\? 2' was refused with error 2: unknown"):
        piezo.overflow()


@pytest.mark.parametrize("reply", [b"1=1\n", b"2=7\n", b"2 1\n", b"2=1 \n3=1\n", b"\xff=1\n"])
def test_a_reply_for_another_question_is_a_reply_error(visa, transcript, reply):
    visa.scripts[E709] = list(GREETING)
    piezo = PIPiezo("piezo", E709, axis="2")
    with transcript(E709, [(b"ONT? 2\n", reply)]), pytest.raises(ReplyError, match=r"ONT\? 2"):
        piezo.on_target()
