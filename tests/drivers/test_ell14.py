"""The ELL14 driver against transcripts of the Elliptec protocol."""

import pytest

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError
from perovskite_meas.drivers import ELL14

LINE = "ASRL3::INSTR"
IN = b"IN0E1140005120210102016800023000\r\n"
GREETING = [(b"0in", b"0" + IN), (b"0gs", b"0GS00\r\n")]
HOME = [(b"0ho0", b"0PO00000000\r\n")]


@pytest.fixture
def mount(visa):
    visa.scripts[LINE] = list(GREETING)
    return ELL14("attenuator", LINE)


@pytest.fixture
def homed(mount, transcript):
    with transcript(LINE, HOME):
        mount.home()
    return mount


def test_the_line_is_set_as_the_manual_says(mount, visa):
    assert (visa.resource.baud_rate, visa.resource.data_bits, visa.resource.stop_bits) == (9600, 8, 10)


def test_the_identity_is_read_from_the_frame(mount):
    assert mount.get_idn()["serial"] == "11400051"
    assert mount.get_idn()["model"] == "ELL14"


def test_another_elliptec_device_is_refused_by_name(visa):
    visa.scripts[LINE] = [(b"0in", b"0IN0910900106202008010 05D00000000\r\n".replace(b" ", b""))]
    with pytest.raises(IdentityError, match=r"ASRL3::INSTR, bus address 0.*type 9.*ELL14"):
        ELL14("attenuator", LINE)


def test_a_fault_from_before_is_cleared_at_opening(visa):
    visa.scripts[LINE] = [GREETING[0], (b"0gs", b"0GS02\r\n")]
    assert ELL14("attenuator", LINE).homed() is False


def test_an_angle_before_homing_is_refused_and_nothing_is_sent(mount, transcript):
    with transcript(LINE, []), pytest.raises(HardwareFault, match=r"not homed.*call home\(\)"):
        mount.angle(10)


def test_after_homing_the_angle_can_be_set_and_read(homed, transcript):
    assert homed.homed() is True
    with transcript(LINE, [(b"0ma00011800", b"0PO00011801\r\n"), (b"0gp", b"0PO00011801\r\n")]):
        homed.angle(180)
        assert homed.angle() == pytest.approx(180, abs=0.01)


@pytest.mark.parametrize("angle", [-90, 270, 630])
def test_angles_are_taken_modulo_a_turn(homed, transcript, angle):
    with transcript(LINE, [(b"0ma0001A400", b"0PO0001A400\r\n")]):
        homed.angle(angle)


def test_a_hair_below_a_turn_is_zero(homed, transcript):
    with transcript(LINE, [(b"0ma00000000", b"0POFFFFFFFF\r\n"), (b"0gp", b"0POFFFFFFFF\r\n")]):
        homed.angle(359.9999)
        assert 359.99 < homed.angle() < 360


def test_a_mount_that_stops_elsewhere_is_a_fault(homed, transcript):
    with transcript(LINE, [(b"0ma00011800", b"0PO00011000\r\n")]), pytest.raises(HardwareFault, match="tolerance"):
        homed.angle(180)


def test_a_homing_that_fails_leaves_the_mount_unhomed(homed, transcript):
    pairs = [(b"0ho0", b"0GS02\r\n"), (b"0gs", b"0GS02\r\n")]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match="mechanical timeout"):
        homed.home()
    assert homed.homed() is False


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "communication timeout"),
        (2, "mechanical"),
        (4, "out of range"),
        (8, "thermal"),
        (11, "motor"),
        (13, "over-"),
    ],
)
def test_every_reported_fault_is_named_and_then_cleared(homed, transcript, code, text):
    pairs = [(b"0ma00011800", b"0GS%02X\r\n" % code), (b"0gs", b"0GS%02X\r\n" % code)]
    with transcript(LINE, pairs), pytest.raises(HardwareFault, match=f"{text}.*0ma00011800"):
        homed.angle(180)


def test_frames_of_buttons_and_neighbours_pass_by(homed, transcript):
    noise = b"0BS00\r\n0BO00000010\r\n1PO00000000\r\n0GS00\r\n"
    with transcript(LINE, [(b"0gp", noise + b"0PO00011800\r\n")]):
        assert homed.angle() == 180


def test_a_busy_mount_is_asked_again(homed, transcript, visa):
    with transcript(LINE, [(b"0gp", b"0GS09\r\n"), (b"0gp", b"0GS09\r\n"), (b"0gp", b"0PO00000000\r\n")]):
        assert homed.angle() == 0


def test_a_mount_that_stays_busy_is_a_fault(homed, transcript):
    with transcript(LINE, [(b"0gp", b"0GS09\r\n")] * 100), pytest.raises(HardwareFault, match="still busy"):
        homed.angle()


def test_a_second_move_waits_a_tenth_of_a_second_and_a_later_one_does_not(homed, transcript, visa):
    move = [(b"0ma00000000", b"0PO00000000\r\n")]
    visa.clock.slept.clear()
    with transcript(LINE, move):
        homed.angle(0)
    assert visa.clock.slept[0] == pytest.approx(0.1)
    visa.clock.sleep(1)
    visa.clock.slept.clear()
    with transcript(LINE, move):
        homed.angle(360)
    assert visa.clock.slept == []


def test_a_silent_mount_is_a_communication_error_and_late_input_is_dropped(homed, transcript, visa):
    with transcript(LINE, [(b"0gp", None)]), pytest.raises(CommunicationError, match=r"attenuator.*ASRL3.*0gp"):
        homed.angle()
    visa.resource.input += b"0PO00001234\r\n"
    with transcript(LINE, [(b"0gp", b"0PO00011800\r\n")]):
        assert homed.angle() == 180


@pytest.mark.parametrize("reply", [b"garbage\r\n", b"0PO12\r\n", b"\xff\xfe\n"])
def test_garbage_is_a_reply_error_that_shows_it(homed, transcript, reply):
    with transcript(LINE, [(b"0gp", reply)]), pytest.raises(ReplyError, match=r"0gp.*was answered by"):
        homed.angle()
    with transcript(LINE, [(b"0gp", b"0PO00011800\r\n")]):
        assert homed.angle() == 180


def test_the_velocity_is_set_and_read_back(mount, transcript):
    with transcript(LINE, [(b"0sv32", b"0GS00\r\n"), (b"0gv", b"0GV32\r\n")]):
        mount.velocity(50)
    with (
        transcript(LINE, [(b"0sv32", b"0GS00\r\n"), (b"0gv", b"0GV64\r\n")]),
        pytest.raises(HardwareFault, match="velocity is 100 % after setting 50 %"),
    ):
        mount.velocity(50)


def test_the_status_is_read_in_words(mount, transcript):
    with transcript(LINE, [(b"0gs", b"0GS0B\r\n"), (b"0gs", b"0GS00\r\n"), (b"0gs", b"0GS1F\r\n")]):
        assert [mount.status() for _ in range(3)] == ["motor error", "ok", "reserved code 1F"]


def test_two_mounts_share_the_session_which_the_last_one_closes(mount, visa):
    visa.scripts[LINE] += [(b"1in", b"1" + IN), (b"1gs", b"1GS00\r\n")]
    second = ELL14("analyser", "asrl3", bus_address=1)
    assert len(visa.sessions) == 1
    mount.close()
    assert visa.open_addresses == [LINE]
    second.close()
    assert visa.open_addresses == []


def test_a_bus_address_that_is_no_digit_is_refused(visa):
    with pytest.raises(ValueError, match="bus_address 'G'"):
        ELL14("attenuator", LINE, bus_address="G")


def test_after_an_interrupted_move_the_mount_is_asked_until_it_has_arrived(homed, transcript, visa):
    with transcript(LINE, [(b"0ma00011800", KeyboardInterrupt())]), pytest.raises(KeyboardInterrupt):
        homed.angle(180)
    with transcript(LINE, [(b"0gp", b"0GS09\r\n"), (b"0gp", b"0PO00011800\r\n")]):
        assert homed.angle() == 180
