"""The Mai Tai and Chameleon drivers on the simulated lasers, and against transcripts where habits differ."""

import importlib.util
from pathlib import Path

import pytest
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError, UsageError
from perovskite_meas.drivers import Chameleon, MaiTai


def _lab():
    path = Path(__file__).parents[1] / "sim" / "laser_lab.py"
    spec = importlib.util.spec_from_file_location("laser_lab", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _lab()


class Stand:
    """A driver, its laser in the World, and that one's faults."""

    def __init__(self, folder, driver, wiring=None, **options):
        kind, self.address = ("titanium", tools.TITANIUM) if driver is MaiTai else ("chameleon", tools.CHAMELEON)
        self.table = tools.Table(folder, **{kind: wiring or {}})
        self.light = self.table.world.port(kind)
        self.faults = self.table.faults(self.address)
        self.clock = self.table.world.clock
        self.driver = driver("laser", self.address, visalib=self.table.visalib, **options)


@pytest.fixture
def stand(tmp_path):
    """Return a function that makes the stand of a driver."""
    yield lambda driver, wiring=None, **options: Stand(tmp_path, driver, wiring, **options)
    Instrument.close_all()


both = pytest.mark.parametrize("driver", [MaiTai, Chameleon])


@both
def test_opening_the_instrument_changes_nothing(stand, driver):
    at = stand(driver, {"shutter": "open"})
    laser = at.driver
    assert (laser.shutter(), laser.emission(), laser.errors(), laser.mode_locked()) == ("open", "on", "", True)
    assert laser.wavelength() == 800
    assert laser.power() == pytest.approx(1)
    assert laser.get_idn()["model"] == driver.__name__
    assert at.light.shines()


@both
def test_the_shutter_is_confirmed_after_its_lag(stand, driver):
    at = stand(driver)
    at.driver.shutter("open")
    assert (at.driver.shutter(), at.light.shines()) == ("open", True)
    at.driver.shutter("closed")
    assert (at.driver.shutter(), at.light.shines()) == ("closed", False)


@both
def test_a_stuck_shutter_is_a_fault_that_warns_of_light(stand, driver):
    at = stand(driver)
    at.faults.stick_shutter()
    with pytest.raises(HardwareFault, match=r"shutter is not open within 4 s; look at its interlock"):
        at.driver.shutter("open")
    at.faults.free_shutter()
    at.driver.shutter("open")
    at.faults.stick_shutter()
    with pytest.raises(HardwareFault, match=r"laser \(.* at ASRL1.::INSTR\): its shutter is not closed.*LIGHT MAY"):
        at.driver.shutter("closed")


@both
def test_one_lost_reply_does_not_leave_the_shutter_open(stand, driver):
    at = stand(driver)
    at.driver.shutter("open")
    at.faults.drop()
    at.driver.shutter("closed")
    assert not at.light.shines()
    at.faults.unplug()
    with pytest.raises(CommunicationError):
        at.driver.shutter("closed")


@both
def test_a_wavelength_is_set_on_arrival_and_mode_locked(stand, driver):
    at = stand(driver)
    at.driver.wavelength(920)
    assert at.light.wavelength(at.clock.now()) == 920
    assert at.driver.wavelength() == 920
    assert at.driver.mode_locked() is True


@both
@pytest.mark.parametrize("nm", [500, 1041, 800.5])
def test_a_wavelength_that_the_laser_does_not_have_is_refused(stand, driver, nm):
    at = stand(driver)
    with pytest.raises(UsageError, match=rf"{nm:g} nm refused; it tunes from 690 nm to 1040 nm in whole nm"):
        at.driver.wavelength(nm)
    assert at.light.wavelength(at.clock.now()) == 800


@both
def test_a_silently_clamped_wavelength_is_a_fault_with_value_and_range(stand, driver):
    at = stand(driver)
    at.faults.narrow(700, 950)
    with pytest.raises(HardwareFault, match=r"950 nm.*1000 nm.*from 690 nm to 1040 nm.*ask for a wavelength that it"):
        at.driver.wavelength(1000)


@both
def test_tuning_that_ends_half_way_is_a_fault(stand, driver):
    at = stand(driver)
    at.faults.stall_tuning()
    with pytest.raises(HardwareFault, match=r"stands at 850 nm.*instead of 900 nm"):
        at.driver.wavelength(900)


@both
def test_the_wavelength_is_set_with_the_lasers_own_shutter_closed_unless_the_station_allows_it(stand, driver):
    at = stand(driver, {"shutter": "open"})
    with pytest.raises(HardwareFault, match=r"900 nm refused while its own shutter is open.*`tune_open`"):
        at.driver.wavelength(900)
    at.driver.close()
    other = driver("other", at.address, visalib=at.table.visalib, tune_open=True)
    other.wavelength(900)
    assert at.light.wavelength(at.clock.now()) == 900


@both
def test_a_lost_mode_lock_is_told_and_ends_a_change_of_the_wavelength(stand, driver):
    at = stand(driver)
    at.faults.lose_mode_lock()
    assert at.driver.mode_locked() is False
    with pytest.raises(HardwareFault, match=r"stands at 900 nm, but is not mode-locked after 60 s"):
        at.driver.wavelength(900)
    at.faults.find_mode_lock()
    assert at.driver.mode_locked() is True


@both
def test_switching_off_closes_the_shutter_first(stand, driver):
    at = stand(driver, {"shutter": "open"})
    at.driver.emission("off")
    assert (at.driver.shutter(), at.driver.emission()) == ("closed", "off")
    assert at.driver.errors() == ""
    at.driver.wavelength(900)  # no mode lock to wait for
    assert at.driver.mode_locked() is False
    at.driver.emission("on")
    assert at.light.at("emit")


@both
def test_the_watchdog_switches_off_what_nobody_talks_to(stand, driver):
    at = stand(driver, {"shutter": "open"}, watchdog="1 min")
    for _ in range(3):
        at.clock.advance(50)
        assert at.driver.mode_locked() is True
    at.clock.advance(61)
    assert not at.light.shines()
    assert "the emission went off by itself: the watchdog of 60 s" in at.driver.errors()
    assert at.driver.mode_locked() is False


@both
def test_an_orderly_end_disarms_the_watchdog_and_leaves_the_laser_on(stand, driver):
    at = stand(driver, {"shutter": "open"}, watchdog=60)
    at.driver.close()
    at.clock.advance(1000)
    assert at.light.shines()


@both
def test_a_laser_that_was_unplugged_can_be_closed(stand, driver, caplog):
    at = stand(driver, watchdog=60)
    at.faults.unplug()
    at.driver.close()
    assert "the watchdog stays armed" in caplog.text


@both
def test_a_watchdog_that_the_laser_does_not_have_is_refused(stand, driver):
    with pytest.raises(UsageError, match=r"watchdog of 4000 s refused; 1 s to"):
        stand(driver, watchdog=4000)


@both
def test_an_interlock_is_an_error(stand, driver):
    at = stand(driver, watchdog=60)
    at.faults.trip_interlock()
    assert at.driver.emission() == "off"
    told = at.driver.errors()
    assert "external interlock" in told if driver is Chameleon else "error 90 of the pump" in told
    assert "went off by itself" in told


@both
def test_it_recovers_from_late_garbled_and_lost_replies(stand, driver):
    at = stand(driver)
    at.faults.garble()
    with pytest.raises(ReplyError, match="a number"):
        at.driver.wavelength()
    assert at.driver.wavelength() == 800
    at.faults.delay(2.5)
    with pytest.raises(CommunicationError, match="no reply in time"):
        at.driver.wavelength()
    assert at.driver.shutter() == "closed"
    assert at.driver.wavelength() == 800
    at.faults.unplug()
    with pytest.raises(CommunicationError):
        at.driver.wavelength()
    at.faults.replug()
    assert at.driver.wavelength() == 800


def test_a_cold_mai_tai_is_warmed_up_before_it_emits(stand):
    at = stand(MaiTai, {"warm": 0})
    assert at.driver.warm() == 0
    with pytest.raises(HardwareFault, match=r"warm to 0 % only; call its warm_up\(\)"):
        at.driver.emission("on")
    with pytest.raises(HardwareFault, match=r"warm to 3\d % after 40 s"):
        at.driver.warm_up(40)
    at.driver.warm_up()
    assert (at.driver.warm(), at.driver.emission()) == (100, "off")
    at.driver.emission("on")
    assert at.light.at("emit")
    assert at.driver.pump_power() == 10


def test_an_early_head_has_other_bits_and_does_not_tell_its_mode_lock(stand):
    at = stand(MaiTai, {"status": "early"}, status="early")
    assert at.driver.emission() == "on"
    with pytest.raises(HardwareFault, match=r"early head does not tell whether it is mode-locked"):
        at.driver.mode_locked()
    at.driver.wavelength(900)
    at.driver._tell("FOO\n")
    told = at.driver.errors()
    assert "command error" in told
    assert "Undefined header" in told
    assert at.driver.errors() == ""


def test_an_unknown_head_is_refused(stand):
    with pytest.raises(UsageError, match=r"no status 'new'; known: early, later"):
        stand(MaiTai, status="new")


def test_what_a_mai_tai_refuses_is_a_fault_in_its_words(stand, monkeypatch):
    at = stand(MaiTai)
    with pytest.raises(HardwareFault, match=r"'SHUT 7' was refused: -222,.Data out of range"):
        at.driver._command("SHUT 7")


def test_other_instruments_are_refused(stand, visa):
    visa.scripts["ASRL1::INSTR"] = [(b"*IDN?\n", b"THORLABS SC10\n")]
    with pytest.raises(IdentityError, match="expected a Spectra-Physics Mai Tai"):
        MaiTai("laser", "ASRL1::INSTR")


def chameleon_says(command, reply):
    return f"{command}\r\n".encode(), reply


GREETING = [
    chameleon_says("ECHO=0", b"ECHO=0\r\n\r\nCHAMELEON>"),
    chameleon_says("PROMPT=0", b"\r\nCHAMELEON>"),
    chameleon_says("?TMIN", b"680\r\n"),
    chameleon_says("?TMAX", b"1080\r\n"),
    chameleon_says("?L", b"1\r\n"),
]


def test_echo_prompt_and_labels_are_stripped(visa, transcript):
    visa.scripts["ASRL1::INSTR"] = list(GREETING)
    laser = Chameleon("laser", "ASRL1::INSTR")
    pairs = [
        chameleon_says("?VW", b"CHAMELEON> ?VW 810\r\n"),
        chameleon_says("?UF", b"UF Power: 2950\r\n"),
        chameleon_says("?ST", b"?ST Starting\r\n"),
        chameleon_says("?F", b"System OK\r\n"),
        chameleon_says("?L", b"1\r\n"),
        chameleon_says("?F", b"31&99\r\n"),
        chameleon_says("?L", b"1\r\n"),
    ]
    with transcript("ASRL1::INSTR", pairs):
        assert laser.wavelength() == 810
        assert laser.power() == pytest.approx(2.95)
        assert laser.status() == "Starting"
        assert laser.errors() == ""
        assert laser.errors() == "fault 31: shutter is not where it should be; fault 99: see the manual"


@pytest.mark.parametrize("reply", [b"COMMAND NOT EXECUTED\r\n", b"RANGE ERROR\r\n"])
def test_what_a_chameleon_refuses_is_a_fault(visa, transcript, reply):
    visa.scripts["ASRL1::INSTR"] = list(GREETING)
    laser = Chameleon("laser", "ASRL1::INSTR")
    with (
        transcript("ASRL1::INSTR", [chameleon_says("SHUTTER=1", reply)]),
        pytest.raises(HardwareFault, match=rf"'SHUTTER=1' was refused: {reply.decode().strip()}"),
    ):
        laser.shutter("open")


def test_a_line_that_is_no_acknowledgement_is_an_error(visa, transcript):
    visa.scripts["ASRL1::INSTR"] = list(GREETING)
    laser = Chameleon("laser", "ASRL1::INSTR")
    pairs = [chameleon_says("SHUTTER=1", b"hello\r\n")]
    with transcript("ASRL1::INSTR", pairs), pytest.raises(ReplyError, match="an empty line"):
        laser.shutter("open")


def test_a_key_that_is_off_is_told(visa, transcript):
    visa.scripts["ASRL1::INSTR"] = list(GREETING)
    laser = Chameleon("laser", "ASRL1::INSTR")
    with (
        transcript("ASRL1::INSTR", [chameleon_says("?K", b"0\r\n")]),
        pytest.raises(HardwareFault, match="the key is off; turn the key on"),
    ):
        laser.emission("on")


@both
def test_a_state_of_the_shutter_that_there_is_not_is_never_taken_for_closed(stand, monkeypatch, driver):
    at = stand(driver)
    monkeypatch.setattr(at.driver, "_line", lambda message: "800")
    with pytest.raises(ReplyError, match=r"from 0 to 1|0 or 1"):
        at.driver.shutter()


def test_a_range_that_no_chameleon_has_is_another_instrument(visa):
    visa.scripts["ASRL1::INSTR"] = [*GREETING[:3], chameleon_says("?TMAX", b"20\r\n")]
    with pytest.raises(IdentityError, match="a range of 680 nm to 20 nm, expected a Coherent Chameleon"):
        Chameleon("laser", "ASRL1::INSTR")


def test_a_chameleon_that_repeats_the_query_is_understood(stand):
    at = stand(Chameleon, {"repeats": True})
    at.driver.wavelength(850)
    assert at.driver.wavelength() == 850
