"""Drivers that this project did not write, unmodified, on the simulated instruments."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager

import pytest
import pyvisa

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.serve import serve, serve_pty, serve_tcp
from perovskite_meas.sim.visa import TwinVisaLibrary

METER = "USB0::0x1313::0x8078::P0000001::INSTR"
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals exist on POSIX only")


@pytest.fixture
def laboratory():
    library = TwinVisaLibrary("virtual_confocal")
    library.reset(seed=11, speed=1.0)
    return library


@contextmanager
def terminal(laboratory, address):
    with serve_pty(laboratory.device(address), laboratory.clock, laboratory.world.lock) as path:
        yield path


def eventually(condition, seconds=5.0):
    """Whether `condition` comes true within some wall time: this machine may be busy."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def angle(laboratory):
    return laboratory.world.port("attenuator").angle(laboratory.clock.now())


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
def test_pymeasure_reads_and_sets_the_power_meter():
    thorlabs = pytest.importorskip("pymeasure.instruments.thorlabs")
    adapters = pytest.importorskip("pymeasure.adapters")
    manager = pyvisa.ResourceManager("virtual_confocal@twin")
    manager.visalib.reset(seed=11)
    adapter = adapters.VISAAdapter(METER, visa_library="virtual_confocal@twin")
    meter = thorlabs.ThorlabsPM100USB(adapter)
    assert meter.is_power_sensor
    assert not meter.is_energy_sensor
    meter.wavelength = 633
    assert meter.wavelength == 633
    meter.wavelength = 5000
    assert meter.wavelength == 1100
    meter.wavelength = 800
    assert 0 < meter.power < 2e-3
    assert "PM100D" in meter.id
    adapter.close()
    manager.close()


def test_qcodes_opens_every_kind_of_address_with_a_device_clear():
    qcodes = pytest.importorskip("qcodes.instrument")
    for number, address in enumerate(("ASRL3::INSTR", METER, "GPIB0::23::INSTR")):
        instrument = qcodes.VisaInstrument(
            f"stock_{number}", address, visalib="virtual_confocal@twin", device_clear=True, terminator="\n"
        )
        instrument.close()


@on_posix
def test_the_package_elliptec_turns_the_mount(laboratory):
    elliptec = pytest.importorskip("elliptec")
    with terminal(laboratory, "ASRL3::INSTR") as path:
        controller = elliptec.Controller(path, debug=False)
        mount = elliptec.Rotator(controller, debug=False)
        assert mount.pulse_per_rev == 143360
        mount.home()
        assert mount.set_angle(45) == pytest.approx(45, abs=0.1)
        assert mount.shift_angle(-10) == pytest.approx(35, abs=0.1)
        assert mount.get_angle() == pytest.approx(35, abs=0.1)
        assert angle(laboratory) == pytest.approx(35, abs=0.2)
        controller.close_connection()


@on_posix
def test_the_package_thorlabs_elliptec_turns_the_mount_and_sees_a_stall(laboratory, caplog):
    package = pytest.importorskip("thorlabs_elliptec")
    with terminal(laboratory, "ASRL3::INSTR") as path, caplog.at_level(logging.CRITICAL):
        mount = package.ELLx(path, x=14)
        try:
            assert mount.units == "°"
            mount.home(blocking=True)
            mount.move_absolute(90, blocking=True)
            assert mount.get_position() == pytest.approx(90, abs=0.1)
            assert angle(laboratory) == pytest.approx(90, abs=0.2)
            laboratory.device("ASRL3::INSTR").faults.stall()
            with pytest.raises(package.ELLError, match="mechanical timeout"):
                mount.move_absolute(0, blocking=True)
        finally:
            mount.close()
            mount._thread.join(2)


@on_posix
def test_instrumentkit_works_the_shutter(laboratory):
    instruments = pytest.importorskip("instruments", exc_type=ImportError)
    with terminal(laboratory, "ASRL5::INSTR") as path:
        shutter = instruments.thorlabs.SC10.open_serial(path, baud=9600, timeout=2)
        shutter.prompt = "> "  # release 0.6.0 says ">"; corrected to this in InstrumentKit's repository
        assert shutter.name == "THORLABS SC10 VERSION 1.07"
        shutter.mode = shutter.Mode.single
        assert shutter.mode is shutter.Mode.single
        shutter.mode = shutter.Mode.manual
        shutter.open_time = 250
        assert float(shutter.open_time) == 250
        assert shutter.closed
        shutter.sendcmd("ens")  # 0.6.0 assigns to `ens`, which the controller does not know; later ones toggle
        assert eventually(lambda: shutter.enable)
        assert eventually(lambda: not shutter.closed)
        assert not shutter.interlock


def test_any_device_answers_over_tcp(laboratory):
    import socket

    device = laboratory.device("GPIB0::23::INSTR")
    with (
        serve_tcp(device, laboratory.clock, laboratory.world.lock) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        connection.sendall(b"NP 12\r\nNP\r\n")
        assert connection.recv(100) == b"12\r\n"


def test_a_whole_table_is_served_in_wall_time():
    with serve("virtual_confocal", seed=3) as served:
        assert [one.device for one in served] == ["EllBus", "PM100D", "PM100D", "SC10", "SR400", "SC10"]
        assert all(one.place.startswith(("/dev/", "127.0.0.1:")) for one in served)


def test_without_pseudo_terminals_the_error_says_what_to_do(laboratory, monkeypatch):
    monkeypatch.setitem(sys.modules, "pty", None)
    with pytest.raises(UsageError, match="serve over TCP"), terminal(laboratory, "ASRL3::INSTR"):
        pass
