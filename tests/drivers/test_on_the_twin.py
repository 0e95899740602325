"""The drivers on the virtual laboratory, over PyVISA and the instruments' own protocols."""

import statistics
import time

import pytest
import pyvisa
from qcodes.instrument import Instrument
from qcodes.station import Station

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, InstrumentError, ReplyError
from perovskite_meas.drivers import ELL14, PM100, SC10, SR400

TWIN = "virtual_confocal@twin"
MOUNT, SHUTTER, COUNTER = "ASRL3::INSTR", "ASRL5::INSTR", "GPIB0::23::INSTR"
PICKOFF = "USB0::0x1313::0x8078::P0000001::INSTR"
SAMPLE_HEAD = "USB0::0x1313::0x8078::P0000002::INSTR"


@pytest.fixture
def lab():
    """A fresh virtual laboratory in which time passes only in sleeps and exchanges."""
    library = pyvisa.ResourceManager(TWIN).visalib
    library.reset(None, 1, 0.0)
    yield library
    Instrument.close_all()


@pytest.fixture
def mount(lab):
    return ELL14("attenuator", MOUNT, visalib=TWIN)


@pytest.fixture
def shutter(lab):
    return SC10("shutter", SHUTTER, visalib=TWIN)


@pytest.fixture
def meter(lab):
    return PM100("pickoff", PICKOFF, visalib=TWIN)


@pytest.fixture
def counter(lab):
    return SR400("counter", COUNTER, visalib=TWIN)


ALL = [
    (ELL14, MOUNT, "angle"),
    (SC10, SHUTTER, "state"),
    (PM100, PICKOFF, "power"),
    (SR400, COUNTER, "gate_time"),
]
every_driver = pytest.mark.parametrize(("driver", "address", "parameter"), ALL, ids=[row[0].__name__ for row in ALL])


@every_driver
def test_what_it_reads_may_be_lost_garbled_or_unplugged_and_it_recovers(lab, driver, address, parameter):
    instrument = driver("it", address, visalib=TWIN)
    read, faults = instrument.parameters[parameter], lab.device(address).faults
    pieces = 2 if driver is SC10 else 1  # its echo and its reply are two
    before = read()
    faults.drop(pieces)
    with pytest.raises(CommunicationError, match="no reply in time"):
        read()
    faults.garble(pieces)
    with pytest.raises(InstrumentError):
        read()
    faults.delay(10.0, pieces)
    with pytest.raises(CommunicationError, match="no reply in time"):
        read()
    lab.clock.sleep(12)  # now the late reply lies in the buffer
    assert read() == pytest.approx(before, rel=0.1) if driver is not SC10 else read() == before
    faults.unplug()
    with pytest.raises(CommunicationError):
        read()


@every_driver
def test_another_instrument_at_its_address_is_refused(lab, driver, address, parameter):
    elsewhere = SAMPLE_HEAD if driver is SR400 else COUNTER
    with pytest.raises((IdentityError, CommunicationError, ReplyError), match="stranger"):
        driver("stranger", elsewhere, visalib=TWIN)
    assert not Instrument.exist("stranger")


@every_driver
def test_after_a_reset_of_the_laboratory_the_old_session_is_told_and_a_new_one_is_made(lab, driver, address, parameter):
    old = driver("old", address, visalib=TWIN)
    lab.reset(None, 2, 0.0)
    with pytest.raises(CommunicationError, match="open the instrument again"):
        old.parameters[parameter]()
    driver("new", address, visalib=TWIN).parameters[parameter]()


@every_driver
@pytest.mark.slow
def test_a_reading_costs_less_than_150_us(lab, driver, address, parameter):
    if driver is PM100:
        parameter = "wavelength"  # a power reading costs the physics, too
    read = driver("it", address, visalib=TWIN).parameters[parameter]
    costs = []
    for _ in range(500):
        start = time.perf_counter()
        read()
        costs.append(time.perf_counter() - start)
    assert statistics.median(costs) < 150e-6


@every_driver
def test_a_snapshot_of_all_settings_moves_nothing(lab, driver, address, parameter):
    start = lab.clock.now()
    instrument = driver("it", address, visalib=TWIN)
    assert instrument.snapshot(update=True)["address"] == address
    assert lab.clock.now() - start < 0.5
    assert lab.world.light_log() == [] or driver is not SC10


def test_the_mount_is_homed_and_turns_where_it_is_told(mount, lab):
    with pytest.raises(HardwareFault, match="home"):
        mount.angle(45)
    mount.home()
    start = lab.clock.now()
    for angle in (45, 200, -30):
        mount.angle(angle)
        assert mount.angle() == pytest.approx(angle % 360, abs=0.1)
    assert lab.clock.now() - start < 5


def test_a_stalled_mount_is_a_fault_once_and_then_goes_on(mount, lab):
    mount.home()
    lab.device(MOUNT).faults.stall()
    with pytest.raises(HardwareFault, match="mechanical timeout"):
        mount.angle(90)
    assert mount.status() == "ok"
    mount.angle(90)


def test_a_pressed_button_does_not_confuse_the_mount(mount, lab):
    mount.home()
    lab.device(MOUNT).faults.press_button()
    assert 0 <= mount.angle() < 360


@pytest.mark.parametrize("idle", [0.0, 5.0, 60.0])
def test_a_reply_that_comes_when_it_was_given_up_is_not_taken_for_that_to_a_later_question(mount, lab, idle):
    mount.home()
    mount.angle(10)
    lab.device(MOUNT).faults.delay(3.0)
    with pytest.raises(CommunicationError):
        mount.angle()
    mount.angle(20)
    lab.clock.sleep(idle)
    assert mount.angle() == pytest.approx(20, abs=0.1)
    mount.angle(30)
    lab.clock.sleep(5)
    for wanted in (40, 50):
        mount.angle(wanted)
        assert mount.angle() == pytest.approx(wanted, abs=0.1)


def test_ctrl_c_while_a_reply_is_on_its_way_leaves_nothing_behind(shutter, lab, monkeypatch):
    shutter.state("open")
    device = lab.device(SHUTTER)
    command, heard = device._command, []

    def interrupted(text, now):
        command(text, now)
        heard.append(text)
        if len(heard) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(device, "_command", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shutter.state("closed")
    shutter.state("closed")
    assert (shutter.mode(), shutter.enabled(), shutter.state()) == ("manual", False, "closed")


def test_the_shutter_opens_and_closes_and_light_follows(shutter, lab):
    shutter.state("open")
    assert shutter.enabled() is True
    lab.clock.sleep(1)
    shutter.state("closed")
    assert shutter.state() == "closed"


@pytest.mark.parametrize("lost", range(4))
def test_the_shutter_closes_whichever_exchange_is_lost(shutter, lab, lost):
    shutter.state("open")
    lab.device(SHUTTER).faults.after(lost).drop(2)
    shutter.state("closed")
    assert shutter.state() == "closed"
    assert shutter.enabled() is False


def test_a_stuck_blade_and_a_tripped_interlock_are_faults(shutter, lab):
    faults = lab.device(SHUTTER).faults
    faults.stick()
    with pytest.raises(HardwareFault, match="blade did not move"):
        shutter.state("open")
    assert shutter.enabled() is False
    faults.loosen()
    faults.trip_interlock()
    with pytest.raises(HardwareFault, match="interlock"):
        shutter.state("open")
    assert shutter.enabled() is False
    faults.reset_interlock()
    shutter.state("open")


def test_an_interlock_that_trips_while_open_closes_for_good(shutter, lab):
    shutter.state("open")
    lab.device(SHUTTER).faults.trip_interlock()
    lab.clock.sleep(0.1)
    assert shutter.state() == "closed"
    with pytest.raises(HardwareFault, match=r"closed by itself .*interlock tripped.*worth nothing; .*repeat"):
        shutter.state("closed")
    shutter.state("closed")
    lab.device(SHUTTER).faults.reset_interlock()
    lab.clock.sleep(0.1)
    assert shutter.state() == "closed"


def test_the_meter_reads_watts_averages_and_zeroes(meter, lab):
    meter.averaging(300)
    start = lab.clock.now()
    assert 0 < meter.power() < 2e-3
    assert lab.clock.now() - start > 0.3
    meter.wavelength(800)
    with pytest.raises(ValueError, match="invalid"):
        meter.wavelength(meter.wavelength.vals.max_value + 1)
    meter.range(1e-3)
    assert meter.auto_range() is False
    assert meter.range() >= 1e-3
    meter.auto_range(True)
    assert meter.zero() == pytest.approx(meter.zero(), rel=0.5)


def test_a_meter_without_its_head_says_so(meter, lab):
    lab.device(PICKOFF).faults.no_sensor()
    with pytest.raises(HardwareFault, match="no sensor"):
        meter.power()
    lab.device(PICKOFF).faults.sensor()
    meter.power()


def test_a_meter_in_too_small_a_range_is_overloaded(meter, lab):
    meter.range(1e-6)
    with pytest.raises(HardwareFault, match="out of range"):
        meter.power()


def test_the_counter_counts_one_gate(counter, shutter, lab):
    counter.gate_time(0.1)
    start = lab.clock.now()
    dark = counter.counts_a()
    assert 0.1 <= lab.clock.now() - start < 0.2
    shutter.state("open")
    counts, live = counter.count(0.2)
    assert live == 0.2
    assert counts > 2 * dark
    assert counter.gate_time() == 0.2


@pytest.mark.parametrize(("seconds", "periods"), [(0.25, 5), (1.5, 3), (1.25, 25)])
def test_the_counter_composes_any_gate_of_a_few_digits(counter, shutter, lab, seconds, periods):
    shutter.state("open")
    counts, live = counter.count(seconds)
    assert live == seconds == counter.gate_time()
    start = lab.clock.now()
    again = counter.counts_a()
    assert live + 0.002 * (periods - 1) <= lab.clock.now() - start < live + 0.05 + 0.01 * periods
    rate = [value / live for value in (counts, again)]
    single, gate = counter.count(1)
    assert rate == pytest.approx([single / gate] * 2, rel=0.2)


def test_a_gate_of_one_period_costs_few_exchanges(counter, lab):
    counter.gate_time(0.1)
    start = lab.clock.now()
    counter.counts_a()
    assert lab.clock.now() - start < 0.1 + 0.025


def test_an_overflow_in_any_period_is_a_fault(counter, lab, monkeypatch):
    counter.gate_time(0.25)
    apd, gates = lab.world.port("apd"), []

    def counts(t0: float, t1: float) -> int:
        gates.append((t0, t1))
        return 2_000_000_000 if len(gates) == 2 else 1

    monkeypatch.setattr(apd, "counts", counts)
    with pytest.raises(HardwareFault, match="overflowed"):
        counter.counts_a()
    assert counter.counts_a() == 5


def test_the_ports_hold_their_voltages(counter):
    for volts in (-10, 0.005, 10):
        counter.port_1(volts)
        counter.port_2(-volts)
        assert counter.port_1() == pytest.approx(volts, abs=6e-3)
        assert counter.port_2() == pytest.approx(-volts, abs=6e-3)


@pytest.mark.parametrize("seconds", [0.1, 1.5])
def test_an_interrupted_count_leaves_the_counter_idle(counter, lab, monkeypatch, seconds):
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lab.clock, "sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            counter.count(seconds)
    assert lab.device(COUNTER).status_byte(lab.clock.now() + 10) & 0x06 == 0
    assert counter.count(seconds)[1] == seconds


def test_a_plain_station_file_opens_the_whole_table(lab):
    station = Station(default=False)
    station.load_config(f"""
        instruments:
          attenuator: {{type: perovskite_meas.drivers.ELL14, address: "{MOUNT}", init: {{visalib: {TWIN}}}}}
          shutter: {{type: perovskite_meas.drivers.SC10, address: "{SHUTTER}", init: {{visalib: {TWIN}}}}}
          pickoff: {{type: perovskite_meas.drivers.PM100, address: "{PICKOFF}", init: {{visalib: {TWIN}}}}}
          counter:
            type: perovskite_meas.drivers.SR400
            address: "{COUNTER}"
            enable_forced_reconnect: true
            init: {{visalib: {TWIN}}}
        """)
    for name in station.config["instruments"]:
        station.load_instrument(name)
    station.load_instrument("counter")
    assert station.snapshot(update=True)["instruments"]["shutter"]["parameters"]["state"]["value"] == "closed"
