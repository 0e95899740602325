"""The SC10 driver against transcripts of the controller's command line."""

import pytest

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError
from perovskite_meas.drivers import SC10

LINE = "ASRL5::INSTR"


def said(command: str, reply: str | None = None, echo: bool = True):
    """One exchange as the controller prints it: echo, reply, prompt."""
    text = (f"{command}\r" if echo else "") + (f"{reply}\r" if reply is not None else "") + "> "
    return f"{command}\r".encode(), text.encode()


GREETING = [said("id?", "THORLABS SC10 VERSION 1.07"), said("mode?", "1")]


@pytest.fixture
def shutter(visa):
    visa.scripts[LINE] = list(GREETING)
    return SC10("shutter", LINE)


@pytest.fixture
def slow_time(visa, monkeypatch):
    """Let every sleep take 10 s, so that two polls outlast any patience."""
    monkeypatch.setattr(visa.clock, "sleep", lambda seconds: setattr(visa.clock, "time", visa.clock.time + 10))


def test_opening_the_instrument_moves_nothing(shutter):
    assert shutter.get_idn() == {"vendor": "Thorlabs", "model": "SC10", "serial": None, "firmware": "1.07"}


def test_manual_mode_is_set_at_opening_where_nothing_can_move(visa):
    visa.scripts[LINE] = [GREETING[0], said("mode?", "3"), said("ens?", "0"), said("ens?", "0")]
    visa.scripts[LINE] += [said("mode=1"), said("mode?", "1")]
    SC10("shutter", LINE)


def test_a_running_program_is_left_alone_at_opening_and_ended_by_the_first_order(visa, transcript):
    visa.scripts[LINE] = [GREETING[0], said("mode?", "4"), said("ens?", "1")]
    shutter = SC10("shutter", LINE)
    pairs = [said("mode?", "4"), said("ens?", "1"), said("ens"), said("ens?", "0"), said("mode=1")]
    pairs += [said("mode?", "1"), said("ens?", "0"), said("closed?", "1")]
    with transcript(LINE, pairs):
        shutter.state("closed")


def test_another_instrument_is_refused_by_name(visa):
    visa.scripts[LINE] = [said("id?", "THORLABS FW102C/FW212C Filter Wheel version 1.06")]
    with pytest.raises(IdentityError, match=r"shutter \(SC10 at ASRL5::INSTR\).*FW102C.*expected a Thorlabs SC10"):
        SC10("shutter", LINE)


@pytest.mark.parametrize(("reply", "state"), [("1", "closed"), ("0", "open")])
@pytest.mark.parametrize("echo", [True, False])
def test_the_state_is_asked_of_the_blade_with_and_without_echo(shutter, transcript, reply, state, echo):
    with transcript(LINE, [said("closed?", reply, echo)]):
        assert shutter.state() == state


def test_it_opens_by_one_toggle_and_waits_for_the_blade(shutter, transcript):
    pairs = [said("mode?", "1"), said("interlock?", "0"), said("ens?", "0"), said("ens")]
    with transcript(LINE, [*pairs, said("closed?", "1"), said("closed?", "0")]):
        shutter.state("open")


def test_it_toggles_only_if_needed(shutter, transcript):
    with transcript(LINE, [said("mode?", "1"), said("ens?", "0"), said("closed?", "1")]):
        shutter.state("closed")


def test_it_closes_by_one_toggle(shutter, transcript):
    with transcript(LINE, [said("mode?", "1"), said("ens?", "1"), said("ens"), said("closed?", "1")]):
        shutter.state("closed")


def test_a_tripped_interlock_refuses_to_open_and_withdraws_the_order(shutter, transcript):
    pairs = [said("mode?", "1"), said("interlock?", "1"), said("ens?", "1"), said("ens")]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match="interlock is tripped"):
        shutter.state("open")


def test_a_blade_that_does_not_open_is_a_fault_and_the_order_is_withdrawn(shutter, transcript, slow_time):
    pairs = [said("mode?", "1"), said("interlock?", "0"), said("ens?", "0"), said("ens")]
    pairs += [said("closed?", "1")] * 2 + [said("interlock?", "0"), said("ens?", "1"), said("ens")]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match=r"not open.*blade did not move.*withdrawn"):
        shutter.state("open")


def test_a_blade_that_does_not_close_warns_of_light(shutter, transcript, slow_time):
    pairs = [said("mode?", "1"), said("ens?", "1"), said("ens")]
    pairs += [said("closed?", "0")] * 2 + [said("interlock?", "0")]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match=r"not closed.*LIGHT MAY PASS"):
        shutter.state("closed")


def test_a_mode_is_not_changed_while_the_blade_could_move(shutter, transcript):
    with transcript(LINE, [said("ens?", "1")]), pytest.raises(HardwareFault, match="close it first"):
        shutter.mode("auto")
    with transcript(LINE, [said("ens?", "0"), said("mode=2"), said("mode?", "2")]):
        shutter.mode("auto")


def test_times_are_in_seconds_and_read_back(shutter, transcript):
    with transcript(LINE, [said("open=250"), said("open?", "250"), said("shut?", "1500")]):
        shutter.open_time(0.25)
        assert shutter.shut_time() == 1.5
    with transcript(LINE, [said("open=250"), said("open?", "100")]), pytest.raises(HardwareFault, match="100 ms"):
        shutter.open_time(0.25)


def test_flags_are_read_in_words(shutter, transcript):
    with transcript(LINE, [said("ens?", "1"), said("interlock?", "1"), said("interlock?", "0")]):
        assert shutter.enabled() is True
        assert (shutter.interlock(), shutter.interlock()) == ("tripped", "ok")


def test_a_refused_command_is_a_hardware_fault(shutter, transcript):
    pairs = [said("closed?", "Command error CMD_NOT_DEFINED")]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match="CMD_NOT_DEFINED"):
        shutter.state()


@pytest.mark.parametrize("raw", [b"clo\xffd?\r1\r> ", b"closed?\rmaybe\r> ", b"closed?\r7\r> ", b"cls?\r1\r> "])
def test_garbage_is_a_reply_error_and_the_next_exchange_is_in_step(shutter, transcript, raw):
    with transcript(LINE, [(b"closed?\r", raw)]), pytest.raises(ReplyError, match=r"closed\?"):
        shutter.state()
    with transcript(LINE, [said("closed?", "1")]):
        assert shutter.state() == "closed"


def test_a_prompt_left_over_from_before_does_not_shift_the_replies(shutter, transcript, visa):
    visa.resource.input += b"> "
    with transcript(LINE, [said("closed?", "1"), said("ens?", "0")]):
        assert shutter.state() == "closed"
        assert shutter.enabled() is False


def test_silence_and_an_unplugged_line_are_communication_errors(shutter, transcript, faults):
    with transcript(LINE, [(b"closed?\r", None)]), pytest.raises(CommunicationError, match="no reply in time"):
        shutter.state()
    with transcript(LINE, [(b"closed?\r", faults.unplugged)]), pytest.raises(CommunicationError, match="line failed"):
        shutter.state()


def test_closing_is_tried_again_after_a_lost_reply_and_never_toggles_blindly(shutter, transcript):
    pairs = [said("mode?", "1"), said("ens?", "1"), (b"ens\r", None)]
    pairs += [said("mode?", "1"), said("ens?", "0"), said("closed?", "1")]
    with transcript(LINE, pairs):
        shutter.state("closed")


def test_opening_is_not_tried_again_after_a_lost_reply(shutter, transcript):
    with transcript(LINE, [(b"mode?\r", None)]), pytest.raises(CommunicationError, match=r"mode\?"):
        shutter.state("open")


def test_a_line_that_stays_silent_is_told_after_the_second_try_to_close(shutter, transcript):
    with transcript(LINE, [(b"mode?\r", None)] * 2), pytest.raises(CommunicationError, match=r"mode\?"):
        shutter.state("closed")
