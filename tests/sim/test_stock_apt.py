"""Thorlabs' protocol as others wrote it down, against the simulated controller and against the driver's frames."""

from __future__ import annotations

import struct

import pytest

from perovskite_meas.drivers import _apt
from perovskite_meas.sim.serve import serve_tcp
from perovskite_meas.sim.wire import wire_up

ADDRESS = "ASRL7::INSTR"
UNIT, HOST, CHANNEL = 0x50, 0x01, 1


class Mirror:
    def __init__(self):
        self.um = None
        self.table = None

    def move(self, um, t, servo):
        self.um = um

    def wave(self, t0, samples, dt, servo):
        self.table = (list(samples), dt)

    def hold(self, t):
        self.table = None


class Trigger:
    def __init__(self):
        self.period = None

    def pulses(self, t0, period):
        self.period = period

    def stop(self, t):
        self.period = None


@pytest.fixture
def wiring(wiring):
    return {**wiring, ADDRESS: {"device": "KPZ101", "port": "fine", "trigger": "trigger"}}


@pytest.fixture
def lab(lab):
    lab.ports.update(fine=Mirror(), trigger=Trigger())
    return lab


@pytest.fixture
def apt():
    return pytest.importorskip("thorlabs_apt_protocol")


@pytest.fixture
def ask(apt, lab, host):
    """Return a function that says a message and returns what the answer means, both by the stock package."""
    import io

    piezo = host(ADDRESS)

    def talk(message):
        reply = piezo.ask(message)
        found = list(apt.Unpacker(io.BytesIO(reply))) if reply else []
        assert len(found) <= 1
        return found[0] if found else None

    return talk


def test_the_stock_decoder_understands_what_the_controller_says(apt, ask):
    info = ask(apt.hw_req_info(UNIT, HOST))
    assert (info.msg, info.serial_number, info.model_number) == ("hw_get_info", 29500001, b"KPZ101\0\0")
    assert info.nchs == 1
    settings = ask(apt.pz_req_tpz_iosettings(UNIT, HOST, CHANNEL))
    assert (settings.voltage_limit, settings.hub_analog_input) == (1, 3)
    assert ask(apt.pz_req_positioncontrolmode(UNIT, HOST, CHANNEL)).mode == 1
    state = ask(apt.pz_req_pzstatusupdate(UNIT, HOST, CHANNEL))
    assert state.connected
    assert state.max_75V
    assert not any((state.enabled, state.control_mode, state.strain_gauge_connected, state.max_100V))
    assert ask(apt.pz_req_pzstatusbits(UNIT, HOST, CHANNEL)).connected


def test_the_controller_understands_what_the_stock_encoder_says(apt, ask, lab):
    mirror = lab.ports["fine"]
    ask(apt.mod_set_chanenablestate(UNIT, HOST, CHANNEL, 1))
    ask(apt.pz_set_outputvolts(UNIT, HOST, CHANNEL, 16384))
    assert mirror.um == pytest.approx(7.5, abs=0.001)
    assert ask(apt.pz_req_outputvolts(UNIT, HOST, CHANNEL)).voltage == 16384
    ask(apt.pz_set_inputvoltssrc(UNIT, HOST, CHANNEL, 2))
    assert ask(apt.pz_req_inputvoltssrc(UNIT, HOST, CHANNEL)).volt_src == 2
    for index in range(4):
        ask(apt.pz_set_outputlut(UNIT, HOST, CHANNEL, index, 8191 * index))
    assert ask(apt.pz_req_outputlut(UNIT, HOST, CHANNEL)).index == 0
    ask(apt.pz_set_outputlutparams(UNIT, HOST, CHANNEL, 0x85, 4, 1, 4, 0, 0, 0, 1, 1))
    ask(apt.pz_start_lutoutput(UNIT, HOST, CHANNEL))
    assert mirror.table == (pytest.approx([0, 3.75, 7.5, 11.25], abs=0.002), 1e-3)
    assert lab.ports["trigger"].period == pytest.approx(4e-3)
    ask(apt.pz_stop_lutoutput(UNIT, HOST, CHANNEL))
    assert mirror.table is None
    ask(apt.pz_set_tpz_iosettings(UNIT, HOST, CHANNEL, 3, 2))
    assert ask(apt.pz_req_pzstatusupdate(UNIT, HOST, CHANNEL)).max_150V


@pytest.mark.parametrize(
    ("name", "fields", "ours"),
    [
        ("hw_stop_updatemsgs", (), _apt.frame(_apt.Message.HW_STOP_UPDATEMSGS)),
        ("hw_req_info", (), _apt.frame(_apt.Message.HW_REQ_INFO, 0)),
        ("mod_set_chanenablestate", (1, 2), _apt.frame(_apt.Message.MOD_SET_CHANENABLESTATE, 1, 2)),
        ("pz_set_positioncontrolmode", (1, 2), _apt.frame(_apt.Message.PZ_SET_POSCONTROLMODE, 1, 2)),
        ("pz_req_positioncontrolmode", (1,), _apt.frame(_apt.Message.PZ_REQ_POSCONTROLMODE, 1)),
        ("pz_req_outputvolts", (1,), _apt.frame(_apt.Message.PZ_REQ_OUTPUTVOLTS, 1)),
        ("pz_req_inputvoltssrc", (1,), _apt.frame(_apt.Message.PZ_REQ_INPUTVOLTSSRC, 1)),
        ("pz_req_pzstatusupdate", (1,), _apt.frame(_apt.Message.PZ_REQ_PZSTATUSUPDATE, 1)),
        ("pz_req_outputlutparams", (1,), _apt.frame(_apt.Message.PZ_REQ_OUTPUTLUTPARAMS, 1)),
        ("pz_start_lutoutput", (1,), _apt.frame(_apt.Message.PZ_START_LUTOUTPUT, 1)),
        ("pz_stop_lutoutput", (1,), _apt.frame(_apt.Message.PZ_STOP_LUTOUTPUT, 1)),
        ("pz_req_tpz_iosettings", (1,), _apt.frame(_apt.Message.PZ_REQ_TPZ_IOSETTINGS, 1)),
        (
            "pz_set_outputvolts",
            (1, 12345),
            _apt.frame(_apt.Message.PZ_SET_OUTPUTVOLTS, data=struct.pack("<Hh", 1, 12345)),
        ),
        (
            "pz_set_tpz_iosettings",
            (1, 2, 3),
            _apt.frame(_apt.Message.PZ_SET_TPZ_IOSETTINGS, data=struct.pack("<5H", 1, 2, 3, 0, 0)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_driver_says_what_the_stock_encoder_says(apt, name, fields, ours):
    assert ours == getattr(apt, name)(UNIT, HOST, *fields)


def test_the_drivers_waveform_is_what_the_stock_encoder_makes_of_it(apt):
    from perovskite_meas.core.ramp import Ramp
    from perovskite_meas.drivers._lut import Table

    table = Table.of(Ramp(10, 20, 0.128, 0.032), 75, 0.25e-3)
    ours = _apt.frame(_apt.Message.PZ_SET_OUTPUTLUTPARAMS, data=table.parameters())
    assert ours == apt.pz_set_outputlutparams(UNIT, HOST, CHANNEL, 0x95, 320, 1, 2, 0, 0, 0, 1, 1)
    ours = _apt.frame(_apt.Message.PZ_SET_OUTPUTLUT, data=table.sample(7))
    assert ours == apt.pz_set_outputlut(UNIT, HOST, CHANNEL, 7, int(table.samples[7]))


def test_pylablib_drives_the_controller(lab):
    thorlabs = pytest.importorskip("pylablib.devices.Thorlabs", exc_type=ImportError)
    device = wire_up(lab, ADDRESS, lab.config.instruments[ADDRESS])
    lab.clock.speed = 1.0
    with serve_tcp(device, lab.clock, lab.lock) as port:  # a pseudo-terminal has no RTS line, which it insists on
        piezo = thorlabs.KinesisPiezoController(("serial", {"port": f"socket://127.0.0.1:{port}"}))
        try:
            assert piezo.get_device_info().model_no == "KPZ101"
            assert piezo.get_device_info().serial_no == 29500001
            assert piezo.get_voltage_range() == 75
            piezo.enable_channel(True)
            assert piezo.is_channel_enabled()
            assert piezo.set_output_voltage(40.0) == pytest.approx(40, abs=0.01)
            assert lab.ports["fine"].um == pytest.approx(8, abs=0.001)
            assert {"stage_connected", "active", "enabled"} == set(piezo.get_status())
            assert piezo.set_voltage_range(100) == 100
            assert piezo.get_output_voltage() == pytest.approx(40 * 100 / 75, abs=0.01)
        finally:
            piezo.close()
