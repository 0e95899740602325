"""The SMC100 and CONEX drivers against transcripts, and on the simulated controllers."""

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
from perovskite_meas.drivers import smc100
from perovskite_meas.drivers.smc100 import CONEX, SMC100

LINE = "ASRL8::INSTR"
GREETING = [(b"1VE\r\n", b"1VE SMC_CC version 3.1.2\r\n"), (b"1TE\r\n", b"1TE@\r\n")]
FINE = (b"1TE\r\n", b"1TE@\r\n")
LIMITS = [(b"1SL?\r\n", b"1SL0\r\n"), (b"1SR?\r\n", b"1SR25\r\n")]


def ts(word):
    return (b"1TS\r\n", b"1TS" + word + b"\r\n")


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
    return SMC100("stage", LINE)


BEFORE = [ts(b"000032"), *LIMITS, (b"1TP\r\n", b"1TP1\r\n"), (b"1PT4.000000\r\n", b"1PT1.85\r\n")]
GO = [*BEFORE, (b"1PA5.000000\r\n", b""), FINE]


def test_the_line_is_set_as_the_manual_says_and_the_conex_is_faster(stage, visa):
    assert (visa.resource.baud_rate, visa.resource.flow_control) == (57600, 1)
    assert stage.get_idn()["model"] == "SMC100"
    visa.scripts["ASRL9::INSTR"] = [(b"1VE\r\n", b"1VE CONEX-CC 2.0.1\r\n"), FINE]
    assert CONEX("conex", "ASRL9::INSTR").get_idn()["model"] == "CONEX"
    assert visa.resource.baud_rate == 921600


def test_another_instrument_is_refused_by_name(visa):
    visa.scripts[LINE] = [(b"1VE\r\n", b"1VE AGILIS\r\n")]
    with pytest.raises(IdentityError, match=r"ASRL8::INSTR, bus address 1.*AGILIS.*SMC100 or CONEX"):
        SMC100("stage", LINE)


@pytest.mark.parametrize("address", [0, 32, "A"])
def test_a_bus_address_that_does_not_exist_is_refused(visa, address):
    with pytest.raises(ValueError, match="not one of 1 to 31"):
        SMC100("stage", LINE, bus_address=address)


def test_a_move_is_sent_checked_awaited_and_verified(stage, transcript):
    with transcript(LINE, [*GO, ts(b"000028"), ts(b"000033"), (b"1TP\r\n", b"1TP5.0001\r\n")]):
        stage.position(5)


@pytest.mark.parametrize(
    ("state", "match"),
    [
        (b"00000A", r"position 5 mm refused, because the controller is not referenced \(after a restart\).*home\(\)"),
        (b"00020F", r"not referenced \(error while moving\) and reports positive end of run"),
        (b"008010", r"stage is not the one.*wrong stage.*plug in the stage that belongs to it"),
        (b"000014", "configuration; leave the configuration with the vendor's program"),
        (b"00203D", r"disabled \(while moving\) and reports following error.*free the stage.*set `enabled`"),
        (b"000028", "moving; wait"),
        (b"00001F", r"homing \(started at the keypad\)"),
        (b"000046", "jogging or tracking; put the keypad down"),
        (b"0000FF", "unknown state FF"),
    ],
)
def test_a_position_is_refused_by_the_state_before_anything_else_is_sent(stage, transcript, state, match):
    with transcript(LINE, [ts(state)]), pytest.raises(HardwareFault, match=match):
        stage.position(5)


@pytest.mark.parametrize("mm", [-0.1, 25.1])
def test_a_position_beyond_the_soft_limits_is_refused_before_it_is_sent(stage, transcript, mm):
    with (
        transcript(LINE, [ts(b"000032"), *LIMITS]),
        pytest.raises(UsageError, match=rf"{mm} mm refused.*\(SL, SR\) allow 0 to 25 mm"),
    ):
        stage.position(mm)


@pytest.mark.parametrize(
    ("letter", "text"),
    [
        (b"G", r"error G \(target outside the controller's limits\) after '1PA5.000000'; stay within"),
        (b"H", r"error H \(not allowed while not referenced\).*home\(\)"),
        (b"Q", r"error Q \(not in the manual\)"),
    ],
)
def test_an_error_of_the_command_is_decoded_and_nothing_is_awaited(stage, transcript, letter, text):
    pairs = [*BEFORE, (b"1PA5.000000\r\n", b""), (b"1TE\r\n", b"1TE" + letter + b"\r\n")]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match=text):
        stage.position(5)


def test_an_error_that_the_status_tells_only_once_is_not_lost(stage, transcript):
    end = [ts(b"002028"), ts(b"00003D")]
    with (
        transcript(LINE, [*GO, *end]),
        pytest.raises(HardwareFault, match=r"disabled \(while moving\) and reports following error after 'PA5.000000'"),
    ):
        stage.position(5)


def test_a_reset_in_the_move_is_seen_in_the_state(stage, transcript):
    with (
        transcript(LINE, [*GO, ts(b"000028"), (b"1TS\r\n", b"\0\0001TS00000A\r\n")]),
        pytest.raises(HardwareFault, match=r"not referenced \(after a restart\) after 'PA5"),
    ):
        stage.position(5)


def test_a_move_that_does_not_end_is_stopped_and_so_is_one_that_is_interrupted(stage, transcript, visa):
    pairs = [*GO, *[ts(b"000028")] * 175, (b"1ST\r\n", b""), FINE]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match=r"still moving 8.7 s after 'PA5.000000'; stopped"):
        stage.position(5)
    pairs = [*GO, (b"1TS\r\n", KeyboardInterrupt()), (b"1ST\r\n", b""), FINE]
    with transcript(LINE, pairs), pytest.raises(KeyboardInterrupt):
        stage.position(5)


def test_commands_are_at_least_twenty_milliseconds_apart(stage, transcript, visa):
    with transcript(LINE, [(b"1TP\r\n", b"1TP1\r\n")] * 3):
        start = visa.clock.now()
        for _ in range(3):
            stage.position()
        assert visa.clock.now() - start >= 0.02 * 2 * 0.999


def test_a_reply_of_a_neighbour_or_garbage_is_a_reply_error(stage, transcript):
    for raw in (b"2TP5\r\n", b"?#?#\r\n", b"1THx\r\n", b"\xff\xfe\r\n"):
        with transcript(LINE, [(b"1TP\r\n", raw)]), pytest.raises(ReplyError, match=r"1TP.*answered by"):
            stage.position()
    with transcript(LINE, [(b"1TP\r\n", None)]), pytest.raises(CommunicationError, match="no reply in time"):
        stage.position()
    with transcript(LINE, [ts(b"28")]), pytest.raises(ReplyError, match="six hexadecimal digits"):
        stage.state()


def test_a_referenced_controller_is_not_homed_again(stage, transcript):
    with transcript(LINE, [ts(b"000033")]):
        stage.home()
    with transcript(LINE, [ts(b"000014")]), pytest.raises(HardwareFault, match=r"search for home is refused.*configur"):
        stage.home()


def test_the_source_never_enters_the_configuration():
    folder = Path(smc100.__file__).parent
    for file in ("smc100.py", "_smc100_talk.py"):
        code = (folder / file).read_text(encoding="utf-8")
        assert 'command("PW' not in code
        assert "PW" not in code.replace("(PW1)", "")


# On the simulated controllers --------------------------------------------------------------------------------


@pytest.fixture
def lab():
    return tools.StageLab()


@pytest.fixture
def twin(tmp_path, lab):
    with tools.twin(tmp_path, lab) as opened:
        yield opened
        Instrument.close_all()


@pytest.fixture
def device(twin):
    return twin[1].device(tools.SMC)


@pytest.fixture
def axis(twin):
    axis = SMC100("stage", tools.SMC, visalib=twin[0])
    axis.home()
    return axis


def test_two_controllers_share_the_line(twin, lab, axis):
    other = SMC100("other", tools.SMC, bus_address=2, visalib=twin[0])
    assert other.state() == "not referenced (after a restart)"
    other.home()
    axis.position(5)
    other.position(2.5)
    assert (lab.where(), lab.where("other")) == (pytest.approx(5, abs=1e-3), pytest.approx(2.5, abs=1e-3))
    assert axis.position() == pytest.approx(5, abs=5e-4)
    assert axis.state() == "ready (moved)"
    assert axis.referenced() is True


def test_a_conex_does_the_same(twin, lab):
    conex = CONEX("conex", tools.CONEX, visalib=twin[0])
    conex.home()
    conex.position(1.5)
    assert lab.where() == pytest.approx(1.5, abs=1e-3)


def test_limits_velocity_and_power_are_set_and_nothing_is_written_to_the_memory(axis, device):
    axis.velocity(2)
    axis.low_limit(-1)
    axis.high_limit(20)
    assert (axis.velocity(), axis.low_limit(), axis.high_limit()) == (2, -1, 20)
    axis.enabled(False)
    assert (axis.enabled(), axis.state()) == (False, "disabled")
    with pytest.raises(HardwareFault, match="disabled; free the stage"):
        axis.position(3)
    axis.enabled(True)
    axis.enabled(True)
    axis.position(3)
    with pytest.raises(HardwareFault, match=r"error C .* after '1VA9.*configuration allows"):
        axis.velocity(9)
    with pytest.raises(UsageError, match="allow -1 to 20 mm"):
        axis.position(21)
    assert device.controller().flash_writes == 0


def test_after_a_restart_it_homes_again(axis, lab):
    axis.position(4)
    axis.restart()
    assert axis.state() == "not referenced (after a restart)"
    assert axis.referenced() is False
    axis.home()
    axis.position(4)
    assert lab.where() == pytest.approx(4, abs=2e-3)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("stall", r"disabled \(while moving\) and reports following error"),
        ("hit_limit", r"not referenced \(error while moving\) and reports positive end of run"),
    ],
)
def test_what_blocks_a_move_is_named(axis, device, fault, match):
    getattr(device.faults, fault)()
    with pytest.raises(HardwareFault, match=match):
        axis.position(8)


def test_a_stall_that_the_controller_overlooks_is_found_by_the_read_back(axis, device):
    device.faults.stall()
    with pytest.raises(HardwareFault, match=r"ended at 0\.04.*further than the tolerance.*controller is ready"):
        axis.position(0.09)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("restart", r"not referenced \(after a restart\)"),
        ("emergency_stop", r"not referenced \(error while moving\) and reports DC voltage too low"),
    ],
)
def test_what_happens_in_a_move_is_named_and_refused_until_homed(axis, device, lab, fault, match):
    getattr(device.faults.after(exchanges=20), fault)()
    with pytest.raises(HardwareFault, match=match):
        axis.position(20)
    where = lab.where()
    assert 0 < where < 20
    with pytest.raises(HardwareFault, match=r"position 1 mm refused.*not referenced.*home\(\)"):
        axis.position(1)
    assert lab.where() == where
    axis.home()
    axis.position(1)
    assert lab.where() == pytest.approx(1, abs=1e-3)


def test_a_broken_home_switch_is_a_time_out_and_the_stage_unreferenced(twin, device):
    device.faults.lose_home()
    stage = SMC100("stage", tools.SMC, visalib=twin[0])
    with pytest.raises(HardwareFault, match=r"not referenced \(homing did not end\) and reports homing time-out"):
        stage.home()


def test_a_wrong_stage_cannot_be_homed(twin, device):
    device.faults.swap_stage()
    stage = SMC100("stage", tools.SMC, visalib=twin[0])
    with pytest.raises(HardwareFault, match="wrong stage; plug in the stage"):
        stage.home()


@pytest.mark.parametrize("fault", ["drop", "garble", "delay"])
def test_a_spoilt_reply_in_a_move_is_an_error_and_the_stage_is_stopped(axis, device, lab, fault):
    strike = getattr(device.faults.after(exchanges=20), fault)
    strike(5.0) if fault == "delay" else strike()
    with pytest.raises(InstrumentError, match=r"no reply in time|answered by"):
        axis.position(20)
    where = lab.where()
    lab.clock.sleep(10)
    assert lab.where() - where < 0.6
    axis.position(1)
    assert axis.position() == pytest.approx(1, abs=5e-4)


def test_an_unplugged_cable_is_a_communication_error(axis, device):
    device.faults.unplug()
    with pytest.raises(CommunicationError):
        axis.position()
