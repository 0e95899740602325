"""The ESP301 driver against transcripts, and on the simulated controller."""

import importlib.util
from pathlib import Path

import pytest
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import (
    CommunicationError,
    HardwareFault,
    IdentityError,
    InstrumentError,
    ReplyError,
    UsageError,
)
from perovskite_meas.drivers.esp301 import ESP301

LINE = "ASRL7::INSTR"
OK = (b"TB?\r", b"0, 1000, NO ERROR DETECTED\r\n")
GREETING = [
    (b"VE?\r", b"ESP301 Version 3.0.1 6/1/99\r\n"),
    OK,
    (b"1ID?\r", b"MFA-CC, SN B1\r\n"),
    (b"1SN?\r", b"2\r\n"),
]
ON = (b"1MO?\r", b"1\r\n")
LIMITS = [(b"1SL?\r", b"0\r\n"), (b"1SR?\r", b"25\r\n")]


def _stage_lab():
    path = Path(__file__).parents[1] / "sim" / "stage_lab.py"
    spec = importlib.util.spec_from_file_location("stage_lab", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _stage_lab()


@pytest.fixture
def stage(visa):
    visa.scripts[LINE] = list(GREETING)
    controller = ESP301("stage", LINE)
    visa.resource.read_termination = "\n"
    return controller


@pytest.fixture
def homed(stage, transcript):
    pairs = [OK, (b"1MO\r", b""), OK, (b"1OR1\r", b""), OK, (b"1MD?\r", b"0\r\n"), (b"1MD?\r", b"1\r\n"), OK, ON]
    with transcript(LINE, pairs):
        stage.axis1.home()
    return stage.axis1


def test_the_line_is_set_as_the_manual_says(stage, visa):
    assert (visa.resource.baud_rate, visa.resource.flow_control) == (19200, 2)
    assert stage.get_idn()["firmware"] == "Version 3.0.1 6/1/99"


def test_another_instrument_is_refused_by_name(visa):
    visa.scripts[LINE] = [(b"VE?\r", b"XPS-C8 Firmware V2\r\n")]
    with pytest.raises(IdentityError, match=r"ASRL7::INSTR.*XPS-C8.*expected a Newport ESP300 or ESP301"):
        ESP301("stage", LINE)


@pytest.mark.parametrize(("unit", "word"), [(b"3", "um"), (b"7", "deg"), (b"9", "unit 9")])
def test_an_axis_that_does_not_count_in_mm_is_refused(visa, unit, word):
    visa.scripts[LINE] = [*GREETING[:3], (b"1SN?\r", unit + b"\r\n")]
    with pytest.raises(HardwareFault, match=rf"axis 1: the controller counts in {word}, .*mm; set 1SN2"):
        ESP301("stage", LINE)


def test_an_axis_without_a_stage_is_refused(visa):
    visa.scripts[LINE] = [*GREETING[:2], (b"2ID?\r", b"Unknown\r\n")]
    with pytest.raises(HardwareFault, match=r"axis 2: no stage is connected; correct `axes`"):
        ESP301("stage", LINE, axes=(2,))


@pytest.mark.parametrize("wrong", [{"axes": (0,)}, {"axes": (1, 4)}, {"axes": ()}, {"home_mode": 7}])
def test_axes_and_home_modes_that_do_not_exist_are_refused(visa, wrong):
    with pytest.raises(ValueError, match=r"axes|home_mode"):
        ESP301("stage", LINE, **wrong)


def test_a_position_before_homing_is_refused_and_nothing_but_a_question_is_sent(stage, transcript):
    with transcript(LINE, [ON]), pytest.raises(HardwareFault, match=r"position 5 mm refused.*not homed.*call home\(\)"):
        stage.axis1.position(5)


def test_a_position_with_the_motor_off_is_refused(homed, transcript):
    with transcript(LINE, [(b"1MO?\r", b"0\r\n"), OK]), pytest.raises(HardwareFault, match="the motor is off: it was"):
        homed.position(5)
    with transcript(LINE, [ON]), pytest.raises(HardwareFault, match="not homed"):
        homed.position(5)


def test_a_move_is_sent_checked_awaited_and_verified(homed, transcript, visa):
    pairs = [
        *[ON, *LIMITS, (b"1TP\r", b"1.00000\r\n"), (b"1VA?\r", b"2.5\r\n"), (b"1PA5.000000\r", b""), OK],
        *[(b"1MD?\r", b"0\r\n"), (b"1MD?\r", b"1\r\n"), OK, (b"1TP\r", b"5.00010\r\n")],
    ]
    with transcript(LINE, pairs):
        homed.position(5)


def test_replies_with_a_line_feed_and_blanks_before_them_are_understood(homed, transcript):
    with transcript(LINE, [(b"1TP\r", b" 5.25000\r\n")]):
        assert homed.position() == 5.25


@pytest.mark.parametrize("mm", [-0.1, 25.1])
def test_a_position_beyond_the_soft_limits_is_refused_before_it_is_sent(homed, transcript, mm):
    with (
        transcript(LINE, [ON, *LIMITS]),
        pytest.raises(UsageError, match=rf"stage_axis1.*{mm} mm refused.*\(SL, SR\) allow 0 to 25 mm"),
    ):
        homed.position(mm)


def test_all_errors_after_a_command_are_told_oldest_first_and_decoded(homed, transcript):
    reports = [(b"TB?\r", b"113, 2001, MOTOR NOT ENABLED\r\n"), (b"TB?\r", b"103, 2000, FOLLOWING ERROR\r\n"), OK]
    with (
        transcript(LINE, [(b"1ST\r", b""), *reports]),
        pytest.raises(
            HardwareFault, match=r"error 103 \(axis 1: following error\); error 113 \(axis 1: motor not enabled\).*1ST"
        ),
    ):
        homed.stop()


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (b"4, 9, X", r"error 4 \(emergency stop\).*release it"),
        (b"106, 9, X", r"error 106 \(axis 1: positive software limit\).*stay within"),
        (b"206, 9, X", r"error 206 \(axis 2"),
        (b"155, 9, STRANGE THING", r"error 155 \(axis 1: strange thing\)"),
    ],
)
def test_errors_are_decoded_into_words_with_advice(stage, transcript, report, text):
    pairs = [(b"AB\r", b""), (b"TB?\r", report + b"\r\n"), OK]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match=text):
        stage.abort()


def test_a_move_that_ends_elsewhere_is_a_fault_that_says_by_how_much(homed, transcript):
    pairs = [ON, *LIMITS, (b"1TP\r", b"1\r\n"), (b"1VA?\r", b"2.5\r\n"), (b"1PA5.000000\r", b""), OK]
    end = [(b"1MD?\r", b"1\r\n"), OK, *[(b"1TP\r", b"4.98000\r\n")] * 27, ON]
    with (
        transcript(LINE, [*pairs, *end]),
        pytest.raises(HardwareFault, match=r"ended at 4.98000 mm, -0.02000 mm from 5 mm.*tolerance of 0.0005 mm"),
    ):
        homed.position(5)


def test_a_move_that_does_not_end_is_stopped(homed, transcript, visa):
    pairs = [ON, *LIMITS, (b"1TP\r", b"1\r\n"), (b"1VA?\r", b"1\r\n"), (b"1PA2.000000\r", b""), OK]
    never = [(b"1MD?\r", b"0\r\n")] * 352
    with (
        transcript(LINE, [*pairs, *never, (b"1ST\r", b""), OK]),
        pytest.raises(HardwareFault, match=r"still moving 7 s after 'PA2.000000'; stopped"),
    ):
        homed.position(2)


def test_an_interrupted_move_is_stopped(homed, transcript):
    pairs = [ON, *LIMITS, (b"1TP\r", b"1\r\n"), (b"1VA?\r", b"1\r\n"), (b"1PA2.000000\r", b""), OK]
    end = [(b"1MD?\r", KeyboardInterrupt()), (b"1ST\r", b""), OK]
    with transcript(LINE, [*pairs, *end]), pytest.raises(KeyboardInterrupt):
        homed.position(2)


def test_a_controller_whose_clock_ran_back_was_restarted_and_its_axes_are_unreferenced(homed, transcript):
    restarted = (b"TB?\r", b"0, 20, NO ERROR DETECTED\r\n")
    with transcript(LINE, [ON, (b"1ST\r", b""), restarted, ON]):
        assert homed.referenced() is True
        homed.stop()
        assert homed.referenced() is False


def test_garbage_and_silence_are_told_apart(homed, transcript):
    with transcript(LINE, [(b"1TP\r", b"?#?#\r\n")]), pytest.raises(ReplyError, match=r"1TP.*answered by.*a number"):
        homed.position()
    with transcript(LINE, [(b"1TP\r", None)]), pytest.raises(CommunicationError, match="no reply in time"):
        homed.position()
    with transcript(LINE, [(b"1ST\r", b""), (b"TB?\r", b"what\r\n")]), pytest.raises(ReplyError, match="time and mess"):
        homed.stop()
    with transcript(LINE, [(b"1TP\r", b"5\r\n")]):
        assert homed.position() == 5


def test_a_velocity_beyond_the_controllers_is_refused(homed, transcript):
    with transcript(LINE, [(b"1VU?\r", b"5\r\n")]), pytest.raises(UsageError, match=r"velocity 9 mm/s.*\(VU\).*5 mm/s"):
        homed.velocity(9)
    pairs = [(b"1VU?\r", b"5\r\n"), (b"1VA2.000000\r", b""), OK, (b"1VA?\r", b"1\r\n")]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match="VA is 1 mm/s after setting 2 mm/s"):
        homed.velocity(2)


# On the simulated controller ---------------------------------------------------------------------------------


@pytest.fixture
def lab():
    return tools.StageLab()


@pytest.fixture
def real(tmp_path, lab):
    with tools.twin(tmp_path, lab) as (name, library):
        yield ESP301("stage", tools.ESP, axes=(1, 2), visalib=name), library.device(tools.ESP).faults
        Instrument.close_all()


@pytest.fixture
def faults(real):
    return real[1]


@pytest.fixture
def axis(real):
    real[0].axis1.home()
    return real[0].axis1


def test_two_axes_home_and_move_independently(real, lab):
    stage = real[0]
    stage.home()
    stage.axis1.position(5)
    stage.axis2.position(2.5)
    assert stage.axis1.position() == pytest.approx(5, abs=5e-4)
    assert stage.axis2.position() == pytest.approx(2.5, abs=5e-4)
    assert lab.where() == pytest.approx(5, abs=1e-3)
    assert lab.where("other") == pytest.approx(2.5, abs=1e-3)
    assert stage.parameters.keys() == {"IDN"}
    assert stage.submodules["axis1"] is stage.axis1


def test_positions_come_back_within_the_tolerance_many_times(axis, lab):
    for mm in (0.01, 12.5, 12.48, 12.5, 24.99, 0):
        axis.position(mm)
        assert axis.position() == pytest.approx(mm, abs=5e-5)


def test_limits_and_velocity_are_set_and_kept(axis, lab):
    axis.low_limit(2)
    axis.high_limit(20)
    axis.velocity(4)
    assert (axis.low_limit(), axis.high_limit(), axis.velocity()) == (2, 20, 4)
    with pytest.raises(UsageError, match="allow 2 to 20 mm"):
        axis.position(21)


def test_a_stall_is_named_and_the_axis_unreferenced(axis, faults, lab):
    faults.stall()
    with pytest.raises(HardwareFault, match=r"error 103 \(axis 1: following error\).*free the stage"):
        axis.position(8)
    assert axis.referenced() is False
    assert axis.motor() is False
    axis.home()
    axis.position(8)
    assert lab.where() == pytest.approx(8, abs=1e-3)


def test_a_stall_that_the_controller_overlooks_is_found_by_the_read_back(axis, faults):
    faults.stall()
    with pytest.raises(HardwareFault, match=r"ended at 0\.04.*further than the tolerance"):
        axis.position(0.09)


def test_an_end_switch_is_named(axis, faults):
    faults.hit_limit()
    with pytest.raises(HardwareFault, match=r"error 104 \(axis 1: positive hardware limit\)"):
        axis.position(8)


def test_the_emergency_stop_in_a_move_is_named_and_blocks_homing(axis, faults):
    faults.after(exchanges=20).emergency_stop()
    with pytest.raises(HardwareFault, match=r"error 4 \(emergency stop\)"):
        axis.position(8)
    with pytest.raises(HardwareFault, match=r"error 4 \(emergency stop\).*'1MO'"):
        axis.home()
    faults.release()
    axis.home()


def test_an_emergency_stop_while_it_stands_is_told_at_the_next_move_and_forgotten_once_released(axis, faults):
    faults.emergency_stop()
    with pytest.raises(
        HardwareFault, match=r"8 mm refused, because the motor is off: error 4 \(emergency stop\); see why"
    ):
        axis.position(8)
    faults.release()
    axis.home()
    axis.position(8)
    faults.emergency_stop()
    faults.release()
    axis.home()


def test_a_restart_in_a_move_is_a_fault_and_nothing_moves_until_homed(axis, faults, lab):
    axis.position(2)
    faults.after(exchanges=20).restart()
    with pytest.raises(HardwareFault, match=r"ended at 0\.00000 mm, -8\.00000 mm from 8 mm.*the motor is off.*restart"):
        axis.position(8)
    where = lab.where()
    with pytest.raises(HardwareFault, match="motor is off"):
        axis.position(8)
    axis.motor(True)
    with pytest.raises(HardwareFault, match="not homed"):
        axis.position(8)
    assert lab.where() == where
    axis.home()
    axis.position(8)
    assert lab.where() == pytest.approx(8, abs=1e-3)


def test_a_restart_that_makes_it_deaf_is_a_communication_error_first(axis, faults, lab):
    faults.after(exchanges=20).restart(deaf=3)
    with pytest.raises(CommunicationError, match="no reply in time"):
        axis.position(8)
    lab.clock.sleep(3)
    with pytest.raises(HardwareFault, match="motor is off"):
        axis.position(8)


def test_a_move_that_is_refused_by_the_controller_leaves_no_error_behind(axis, real):
    with pytest.raises(HardwareFault, match="error 106"):
        real[0].command("1PA30")
    axis.position(1)


@pytest.mark.parametrize("fault", ["drop", "garble", "delay"])
def test_a_spoilt_reply_in_a_move_is_an_error_and_the_stage_is_stopped(axis, faults, lab, fault):
    strike = getattr(faults.after(exchanges=20), fault)
    strike(5.0) if fault == "delay" else strike()
    with pytest.raises(InstrumentError, match=r"no reply in time|answered by"):
        axis.position(20)
    where = lab.where()
    lab.clock.sleep(10)
    assert lab.where() - where < 0.6
    axis.position(1)
    assert axis.position() == pytest.approx(1, abs=5e-4)


def test_an_unplugged_cable_is_a_communication_error_and_heals(axis, faults):
    faults.unplug()
    with pytest.raises(CommunicationError):
        axis.position()
    faults.replug()
    assert axis.position() == pytest.approx(0, abs=2e-3)
