"""The piezo driver on the simulated controller, over PyVISA and the APT protocol."""

import struct
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import pyvisa
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.errors import VisaIOError
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import (
    CommunicationError,
    HardwareFault,
    IdentityError,
    InstrumentError,
    ReplyError,
    UsageError,
)
from perovskite_meas.core.ramp import Ramp
from perovskite_meas.drivers._lut import Table
from perovskite_meas.drivers.kpz101 import KPZ101
from perovskite_meas.sim.clock import SimClock

ADDRESS = "ASRL7::INSTR"
SHUTTER = "ASRL5::INSTR"
RAMP = Ramp(30.0, 45.0, 0.128, 0.032)


class Fine:
    """A mirror that remembers what it was told."""

    def __init__(self):
        self.orders = []

    def move(self, um, t, servo):
        assert servo is False
        self.orders.append(("move", um, t))

    def wave(self, t0, samples, dt, servo):
        assert servo is False
        self.orders.append(("wave", np.array(samples), dt, t0))

    def hold(self, t):
        self.orders.append(("hold", t))


class Trigger:
    def __init__(self):
        self.trains = []

    def pulses(self, t0, period):
        self.trains.append((t0, period))

    def stop(self, t):
        self.trains.append(t)


class Shutter:
    def switch(self, opened, t):
        pass

    def is_open(self, t):
        return False


def laboratory(entry):
    """A table with one piezo controller and one instrument of another kind."""
    ports = {"fine": Fine(), "trigger": Trigger(), "shutter": Shutter()}
    return SimpleNamespace(
        clock=SimClock(speed=0),
        lock=threading.RLock(),
        ports=ports,
        port=ports.__getitem__,
        rng=lambda name: np.random.default_rng(len(name)),
        config=SimpleNamespace(instruments={ADDRESS: entry, SHUTTER: {"device": "SC10", "port": "shutter"}}),
    )


@pytest.fixture
def wire(tmp_path):
    """Return a function that wires up a table; the drivers find it through `visalib`."""
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")

    def build(**entry):
        lab = laboratory({"device": "KPZ101", "port": "fine", "trigger": "trigger", "um_per_volt": "0.2", **entry})
        lab.twin = f"{tmp_path}@twin"
        lab.library = pyvisa.ResourceManager(lab.twin).visalib
        lab.library.adopt(lab)
        lab.device = lab.library.device(ADDRESS)
        return lab

    yield build
    Instrument.close_all()


@pytest.fixture
def lab(wire):
    return wire()


@pytest.fixture
def piezo(lab):
    return KPZ101("piezo", ADDRESS, visalib=lab.twin)


@pytest.fixture
def ready(piezo):
    piezo.enabled(True)
    return piezo


def test_it_knows_whom_it_talks_to(piezo):
    assert piezo.get_idn() == {"vendor": "Thorlabs", "model": "KPZ101", "serial": "29500001", "firmware": "1.0.3"}
    assert piezo.snapshot()["address"] == ADDRESS


def test_opening_and_a_snapshot_of_everything_move_nothing(lab, piezo):
    piezo.snapshot(update=True)
    assert lab.ports["fine"].orders == []
    assert not piezo.enabled()


def test_a_voltage_moves_the_mirror_and_is_read_back(lab, ready):
    ready.voltage(37.5)
    assert ready.voltage() == pytest.approx(37.5, abs=75 / 32767)
    assert lab.ports["fine"].orders[-1][:2] == ("move", pytest.approx(7.5, abs=0.001))
    with pytest.raises(ValueError, match="must be between 0 and 75"):
        ready.voltage(75.1)


def test_the_output_comes_on_at_zero_volts_with_the_knob_cut_off(lab, piezo):
    lab.device.feed(struct.pack("<HHBBHh", 0x0643, 4, 0xD0, 1, 1, 32767), lab.clock.now())
    lab.device.feed(struct.pack("<HHBBHH", 0x0652, 4, 0xD0, 1, 1, 2), lab.clock.now())
    piezo.enabled(True)
    assert piezo.enabled()
    assert piezo.voltage() == 0
    assert max(order[1] for order in lab.ports["fine"].orders if order[0] == "move") == 0
    piezo.voltage(1)
    lab.device.feed(struct.pack("<HHBBHH", 0x0652, 4, 0xD0, 1, 1, 2), lab.clock.now())
    with pytest.raises(HardwareFault, match="voltage 2 V refused, because the knob or the analog input adds"):
        piezo.voltage(2)


def test_nothing_is_set_while_the_controller_has_another_limit_than_the_actuator_stands(wire, caplog):
    lab = wire(limit="150")
    piezo = KPZ101("piezo", ADDRESS, visalib=lab.twin, maximum=75)
    assert "limited to 150 V, not to 75 V" in caplog.text
    assert piezo.voltage_limit() == 150
    for set_it in (lambda: piezo.enabled(True), lambda: piezo.voltage(1), lambda: piezo.ramp(RAMP)):
        with pytest.raises(HardwareFault, match=r"limit is 150 V, but the actuator .* 75 V \(`maximum` in the station"):
            set_it()
    with pytest.raises(UsageError, match="150 V refused, because the actuator is stated to stand 75 V"):
        piezo.voltage_limit(150)
    piezo.voltage_limit(75)
    assert piezo.voltage_limit() == 75
    piezo.enabled(True)
    piezo.voltage(75)
    assert lab.ports["fine"].orders[-1][1] == pytest.approx(15.0)
    with pytest.raises(HardwareFault, match="refused while the output is enabled"):
        piezo.voltage_limit(75)


def test_a_maximum_that_no_controller_has_is_refused_before_anything_is_opened(lab):
    with pytest.raises(ValueError, match="maximum 120 V is not one of the controller's limits"):
        KPZ101("piezo", ADDRESS, visalib=lab.twin, maximum=120)


def test_an_actuator_of_100_volts_is_driven_to_100_volts(wire):
    lab = wire(limit="100", um_per_volt="0.1", maximum="100")
    piezo = KPZ101("piezo", ADDRESS, visalib=lab.twin, maximum=100)
    piezo.enabled(True)
    piezo.voltage(90)
    assert piezo.voltage() == pytest.approx(90, abs=0.01)
    assert lab.ports["fine"].orders[-1][1] == pytest.approx(9, abs=0.001)


def test_closed_loop_without_a_strain_gauge_is_a_fault(ready):
    assert ready.closed_loop() is False
    with pytest.raises(HardwareFault, match="control mode is 1 after setting 2; closed loop needs a strain gauge"):
        ready.closed_loop(True)
    ready.closed_loop(False)


def test_a_ramp_goes_to_the_mirror_as_it_was_asked_for_and_triggers_each_cycle(lab, ready):
    ready.ramp(RAMP)
    assert ready.ramp() == RAMP
    assert not ready.ramping()
    ready.ramping(True)
    assert ready.ramping()
    kind, samples, dt, start = lab.ports["fine"].orders[-1]
    assert kind == "wave"
    assert dt == pytest.approx(0.5e-3)
    wanted = 0.2 * RAMP.at(np.arange(320) * 0.5e-3)
    assert samples == pytest.approx(wanted, abs=0.2 * 75 / 32767)
    assert lab.ports["trigger"].trains == [(start, pytest.approx(0.16))]
    lab.clock.sleep(1)
    ready.ramping(False)
    assert not ready.ramping()
    assert lab.ports["fine"].orders[-1][0] == "hold"
    assert isinstance(lab.ports["trigger"].trains[-1], float)
    ready.voltage(37.5)
    assert lab.ports["fine"].orders[-1][:2] == ("move", pytest.approx(7.5, abs=0.001))


def test_times_that_are_no_whole_samples_are_rounded_and_the_ramp_read_back_says_so(ready):
    ready.ramp(Ramp(10, 20, 0.1001, 0.0301))
    found = ready.ramp()
    assert found.forward == pytest.approx(0.1001, abs=0.25e-3)
    assert found.forward / 0.5e-3 == pytest.approx(round(found.forward / 0.5e-3))
    ready.ramp(found)
    assert ready.ramp() == found


@pytest.mark.parametrize("period", [0.0125, 0.1, 0.128, 0.16, 1.0, 7.77, 100.0])
def test_every_ramp_fits_into_the_table(period):
    table = Table.of(Ramp(0, 75, 0.8 * period, 0.2 * period), 75, 0.25e-3)
    assert 50 <= len(table.samples) <= 512
    assert len(table.samples) * table.delay * 0.25e-3 == pytest.approx(table.ramp.period)
    assert table.ramp.period == pytest.approx(period, rel=0.03)
    assert table.samples.min() == 0
    assert table.samples.max() == 32767


def test_a_ramp_that_is_too_fast_or_too_far_or_none_is_refused(ready):
    with pytest.raises(UsageError, match="is 4 and 1 samples of 250 us; the controller's table needs 8 up and 2 back"):
        ready.ramp(Ramp(0, 1, 1e-3, 0.25e-3))
    with pytest.raises(UsageError, match=r"from 0 V to 80 V refused; 0 to 75 V are allowed by `maximum`"):
        ready.ramp(Ramp(0, 80, 1, 1))
    with pytest.raises(UsageError, match=r"is no core\.ramp\.Ramp"):
        ready.ramp(12)
    with pytest.raises(UsageError, match="there is no ramp to run; set `ramp` first"):
        ready.ramping(True)


def test_while_the_ramp_runs_voltage_and_ramp_are_refused(ready):
    ready.ramp(RAMP)
    ready.ramping(True)
    with pytest.raises(UsageError, match="voltage 3 V refused while the ramp runs; set `ramping` to False first"):
        ready.voltage(3)
    with pytest.raises(UsageError, match="another ramp refused while the ramp runs"):
        ready.ramp(RAMP)


def test_a_snapshot_with_a_ramp_in_it_can_be_stored(ready):
    from qcodes.utils import NumpyJSONEncoder

    ready.ramp(RAMP)
    assert "0.128" in NumpyJSONEncoder().encode(ready.snapshot(update=True))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda faults: faults.unplug_actuator(), "because the actuator is no longer connected; plug it in again"),
        (lambda faults: faults.disable(), "because the output is disabled; set `enabled` to True first"),
        (lambda faults: faults.reset(), "because the output is disabled"),
        (lambda faults: faults.saturate(20.0), r"voltage reads 20\.\d+ V after setting 30\.000 V, further away"),
    ],
    ids=["actuator unplugged", "disabled", "reset", "at its limit"],
)
def test_a_fault_of_the_controller_stops_a_voltage_from_being_believed(lab, ready, fault, message):
    ready.voltage(10)
    fault(lab.device.faults)
    with pytest.raises(HardwareFault, match=message):
        ready.voltage(30)


def test_a_reset_under_the_ramp_is_noticed_when_asked_and_when_stopped(lab, ready):
    for ask in (lambda: ready.ramping(), lambda: ready.ramping(False)):
        ready.ramp(RAMP)
        ready.ramping(True)
        lab.device.faults.reset()
        with pytest.raises(HardwareFault, match="output went off while the ramp ran: somebody pressed the button, or"):
            ask()
        assert not ready.ramping()
        assert ready.voltage() == 0
        ready.enabled(True)


def test_a_reset_whose_output_came_on_again_is_noticed_by_the_lost_waveform(lab, ready):
    ready.ramp(RAMP)
    lab.device.faults.reset()
    ready.enabled(True)
    with pytest.raises(HardwareFault, match="has lost the ramp, so it was reset"):
        ready.ramping(True)


@pytest.mark.parametrize("exchanges", range(7))
def test_a_reset_in_the_middle_of_the_exchanges_of_a_set_is_noticed(lab, ready, exchanges):
    lab.device.faults.after(exchanges=exchanges).reset()
    with pytest.raises(HardwareFault, match=r"voltage reads 0\.000 V after|output went off while|output is disabled"):
        ready.voltage(30)


def test_a_ramp_that_a_program_which_died_has_left_running_is_stopped_on_opening(lab, ready):
    ready.ramp(RAMP)
    ready.ramping(True)
    ready.close()
    assert lab.ports["fine"].orders[-1][0] == "wave"
    KPZ101("again", ADDRESS, visalib=lab.twin)
    assert lab.ports["fine"].orders[-1][0] == "hold"


def test_an_output_that_goes_on_moving_after_the_ramp_is_a_fault(lab, ready, monkeypatch):
    ready.ramp(RAMP)
    ready.ramping(True)
    monkeypatch.setattr(lab.device, "_stop", lambda now: None)
    with pytest.raises(HardwareFault, match="still moves after the ramp was stopped; set `enabled` to False"):
        ready.ramping(False)


def test_a_controller_that_never_sees_its_actuator_is_used_with_a_warning_until_it_does(lab, caplog):
    lab.device.faults.unplug_actuator()
    piezo = KPZ101("piezo", ADDRESS, visalib=lab.twin)
    assert "does not see an actuator" in caplog.text
    piezo.enabled(True)
    piezo.voltage(10)
    lab.device.faults.replug_actuator()
    piezo.voltage(20)
    lab.device.faults.unplug_actuator()
    with pytest.raises(HardwareFault, match="actuator is no longer connected"):
        piezo.voltage(30)


def test_switching_off_stops_the_ramp_too(lab, ready):
    ready.ramp(RAMP)
    ready.ramping(True)
    ready.enabled(False)
    assert not ready.ramping()
    assert lab.ports["fine"].orders[-1][:2] == ("move", 0)


@pytest.mark.parametrize("name", ["voltage", "voltage_limit", "enabled", "closed_loop"])
def test_what_it_reads_may_be_lost_garbled_or_unplugged_and_it_recovers(lab, ready, name):
    ready.voltage(12)
    read, faults = ready.parameters[name], lab.device.faults
    before = read()
    faults.drop(1)
    with pytest.raises(CommunicationError, match=r"no reply in time to 'MGMSG_PZ_REQ_"):
        read()
    faults.garble(1)
    with pytest.raises(ReplyError, match="instead of the header of a message"):
        read()
    faults.delay(10.0, 1)
    with pytest.raises(CommunicationError, match="no reply in time"):
        read()
    lab.clock.sleep(12)
    assert read() == before
    faults.unplug()
    with pytest.raises(CommunicationError):
        read()
    faults.replug()
    assert read() == before


def test_messages_that_nobody_asked_for_pass_by(lab, ready):
    lab.device._pending.append((lab.clock.now(), struct.pack("<HHBBHH", 0x0654, 4, 0x81, 0x50, 1, 0)))
    ready._link.dirty = False
    assert ready.voltage() == 0


def test_an_error_that_the_controller_reports_is_a_fault(lab, ready):
    data = struct.pack("<HH64s", 0x0644, 12, b"channel overheated")
    lab.device._pending.append((lab.clock.now(), struct.pack("<HHBB", 0x0081, len(data), 0x81, 0x50) + data))
    with pytest.raises(HardwareFault, match=r"\(code 12: channel overheated\) when asked MGMSG_PZ_REQ_OUTPUTVOLTS"):
        ready.voltage()
    ready.voltage()


def test_a_reply_of_the_wrong_length_is_refused(lab, ready):
    lab.device._pending.append((lab.clock.now(), struct.pack("<HHBBH", 0x0645, 2, 0x81, 0x50, 1)))
    with pytest.raises(ReplyError, match="instead of 4 bytes of data"):
        ready.voltage()
    ready.voltage()


def test_another_instrument_at_its_address_is_refused(lab):
    with pytest.raises((IdentityError, InstrumentError), match="stranger"):
        KPZ101("stranger", SHUTTER, visalib=lab.twin)
    assert not Instrument.exist("stranger")


def test_another_controller_of_the_same_family_is_refused(lab):
    lab.device._answer = lambda packet, now: (
        struct.pack("<HHBBi8s72s", 0x0006, 84, 0x81, 0x50, 27000001, b"KDC101", b"") if packet.number == 5 else None
    )
    with pytest.raises(IdentityError, match="found 'KDC101' with serial number 27000001, expected a Thorlabs KPZ101"):
        KPZ101("stranger", ADDRESS, visalib=lab.twin)


def test_the_rts_line_is_pulsed_before_the_first_message(lab):
    start = lab.clock.now()
    KPZ101("piezo", ADDRESS, visalib=lab.twin)
    assert lab.clock.now() - start > 0.1


def refuse_rts(monkeypatch, code):
    """Let VISA answer `code` where somebody moves the RTS line."""
    real = pyvisa.resources.SerialInstrument.set_visa_attribute

    def refuse(resource, attribute, state):
        if attribute == ResourceAttribute.asrl_rts_state:
            raise VisaIOError(code)
        return real(resource, attribute, state)

    monkeypatch.setattr(pyvisa.resources.SerialInstrument, "set_visa_attribute", refuse)


def test_a_session_without_an_rts_line_is_used_all_the_same(lab, monkeypatch):
    refuse_rts(monkeypatch, StatusCode.error_nonsupported_attribute)
    assert KPZ101("piezo", ADDRESS, visalib=lab.twin).voltage_limit() == 75


def test_a_line_that_fails_while_rts_is_pulsed_is_no_connection(lab, monkeypatch):
    refuse_rts(monkeypatch, StatusCode.error_io)
    with pytest.raises(CommunicationError, match=r"piezo .* cannot be opened"):
        KPZ101("piezo", ADDRESS, visalib=lab.twin)
    assert not Instrument.exist("piezo")
