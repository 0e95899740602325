import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.wire import wire_up

TURN = 143360


def pulses(reply):
    assert reply[1:3] == b"PO"
    assert reply.endswith(b"\r\n")
    assert len(reply) == 13
    value = int(reply[3:11], 16)
    return value - (1 << 32) if value >> 31 else value


@pytest.fixture
def ell(host):
    return host("ASRL3::INSTR")


@pytest.fixture
def homed(ell):
    ell.ask(b"0ho0")
    return ell


def test_the_golden_transcript_of_the_facts_page(ell):
    assert ell.ask(b"0in") == b"0IN0E1140000120211501016800023000\r\n"
    assert ell.ask(b"0gs") == b"0GS00\r\n"
    assert ell.ask(b"0gv") == b"0GV64\r\n"
    assert ell.ask(b"0sv32") == b"0GS00\r\n"
    assert ell.ask(b"0gv") == b"0GV32\r\n"
    assert ell.ask(b"0sj00000400") == b"0GS00\r\n"
    assert ell.ask(b"0gj") == b"0GJ00000400\r\n"
    assert len(ell.ask(b"0i1")) == 27
    assert ell.ask(b"0us") == b"0GS00\r\n"


def test_a_carriage_return_behind_a_command_does_no_harm(ell):
    assert ell.ask(b"0gs\r\n0gv\r") == b"0GS00\r\n0GV64\r\n"


def test_a_command_in_two_pieces_is_one_command(ell, lab):
    ell.send(b"0ma0000")
    assert ell.device.next_due() is None
    assert abs(pulses(ell.ask(b"8C00"))) < TURN


def test_only_the_mount_that_is_spoken_to_answers(ell):
    assert ell.ask(b"Agv") == b"AGV64\r\n"
    assert ell.ask(b"7gv") == b""


def test_before_the_first_home_the_encoder_counts_from_anywhere(ell, lab):
    reading = pulses(ell.ask(b"0gp")) / TURN * 360
    assert abs(reading - lab.ports["mount"].angle(lab.clock.now())) > 1
    ell.ask(b"0ho0")
    assert pulses(ell.ask(b"0gp")) == pytest.approx(0, abs=40)
    assert lab.ports["mount"].angle(lab.clock.now()) % 360 == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("command", "found"), [(b"0ho0", 0.0), (b"0ho1", 360.0)])
def test_homing_searches_the_index_in_the_direction_that_is_asked_for(ell, lab, command, found):
    ell.ask(command)
    assert lab.ports["mount"].angle(lab.clock.now()) == found


def test_a_move_answers_when_it_ends_and_not_before(homed, lab):
    start = lab.clock.now()
    homed.send(b"0ma%08X" % (TURN // 2))
    lab.clock.sleep(0.3)
    assert homed.device.poll(lab.clock.now()) == []
    assert pulses(homed.listen()) == pytest.approx(TURN // 2, abs=20)
    assert lab.clock.now() - start == pytest.approx(180 / 430 + 0.04, abs=0.03)
    assert lab.ports["mount"].angle(lab.clock.now()) == pytest.approx(180, abs=0.2)


def test_half_the_velocity_takes_twice_the_time(homed, lab):
    homed.ask(b"0sv32")
    start = lab.clock.now()
    homed.ask(b"0ma%08X" % (TURN // 2))
    assert lab.clock.now() - start == pytest.approx(2 * 180 / 430 + 0.04, abs=0.03)


def test_a_relative_move_may_be_negative(homed):
    assert pulses(homed.ask(b"0mr%08X" % ((1 << 32) - 1000))) == pytest.approx(-1000, abs=20)


def test_while_it_moves_everything_is_busy_even_the_status(homed):
    homed.send(b"0ma00010000")
    assert homed.ask(b"0gp", 1) == b"0GS09\r\n"
    assert homed.ask(b"0gs", 1) == b"0GS09\r\n"
    assert pulses(homed.listen(1)) == pytest.approx(0x10000, abs=20)
    assert homed.ask(b"0gs") == b"0GS00\r\n"


def test_the_other_mount_is_free_while_one_moves(homed):
    homed.send(b"0ma00010000")
    assert homed.ask(b"Ags", 1) == b"AGS00\r\n"


def test_a_stop_answers_with_the_place_where_it_stopped(homed, lab):
    homed.send(b"0ma%08X" % TURN)
    lab.clock.sleep(0.4)
    stopped = pulses(homed.ask(b"0st"))
    assert 0.3 * TURN < stopped < 0.6 * TURN
    assert lab.ports["mount"].angle(lab.clock.now() + 10) == pytest.approx(stopped / TURN * 360, abs=0.2)


def test_a_stall_is_a_mechanical_timeout_and_stays_in_the_status_once(homed, lab):
    homed.device.faults.stall()
    start = lab.clock.now()
    assert homed.ask(b"0ma00010000") == b"0GS02\r\n"
    assert lab.clock.now() - start > 1
    assert homed.ask(b"0gs") == b"0GS02\r\n"
    assert homed.ask(b"0gs") == b"0GS00\r\n"
    assert pulses(homed.ask(b"0gp")) == pytest.approx(0x8000, abs=50)


@pytest.mark.parametrize(("command", "reply"), [(b"0xx", b"0GS03\r\n"), (b"0sv65", b"0GS04\r\n")])
def test_what_it_cannot_do_it_says(ell, command, reply):
    assert ell.ask(command) == reply


def test_a_number_that_is_none_is_a_command_error(ell):
    assert ell.ask(b"0maZZZZZZZZ") == b"0GS03\r\n"


def test_a_move_by_more_than_a_turn_is_out_of_range(homed):
    assert homed.ask(b"0ma7FFFFFFF") == b"0GS04\r\n"


def test_a_button_sends_a_frame_that_nobody_asked_for(ell):
    ell.device.faults.press_button()
    assert ell.listen() == b"0BS02\r\n"


def test_a_new_address_answers_as_the_new_one(ell):
    assert ell.ask(b"0ca5") == b"5GS00\r\n"
    assert ell.ask(b"5gs") == b"5GS00\r\n"
    assert ell.ask(b"0gs") == b""


def test_a_frame_takes_its_time_on_the_line(ell, lab):
    start = lab.clock.now()
    ell.ask(b"0gp")
    assert lab.clock.now() - start >= 13 * 10 / 9600


def test_landing_and_home_are_the_same_for_the_same_seed(lab):
    def play():
        device = wire_up(lab, "ASRL3::INSTR", lab.config.instruments["ASRL3::INSTR"])
        return device.mounts["0"].pulses(0.0)

    assert play() == play()


def test_two_mounts_cannot_have_one_address(lab):
    entry = {"device": "ELL14", "port": "mount"}
    with pytest.raises(UsageError, match="bus address '0' is taken"):
        wire_up(lab, "ASRL3::INSTR", [entry, entry])
