"""The driver of Andor's cameras on the stand-in for their library, and against a library that behaves badly."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.clock import WallClock
from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError
from perovskite_meas.drivers import AndorCamera, _andor
from perovskite_meas.sim.sdk import atmcd, faults_of
from perovskite_meas.testing import check_driver

MODULE = "perovskite_meas.sim.sdk.atmcd"
EXPECTED = [100 + 20 * n for n in range(8)]


@pytest.fixture
def table(tmp_path: Path) -> Any:
    path = Path(__file__).parents[1] / "sim" / "spectrum_lab.py"
    spec = importlib.util.spec_from_file_location("spectrum_lab", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Table(tmp_path)


@pytest.fixture
def camera(table):
    yield AndorCamera("ccd", library=MODULE, serial=table.serial)
    Instrument.close_all()


@pytest.fixture
def faults(table):
    return faults_of(table.serial, "camera")


def test_it_keeps_the_contract_of_a_driver(table):
    check_driver(AndorCamera, library=MODULE, address=table.serial)


def test_a_spectrum_is_one_exposure_that_begins_when_it_is_asked_for(camera, table):
    camera.exposure_time(2.0)
    table.clock.sleep(7)
    counts = camera.spectrum()
    assert counts.tolist() == EXPECTED
    assert table.camera.exposures == [(7, 9)]
    assert table.clock.now() == pytest.approx(9.026, abs=0.06)


def test_what_it_is(camera, table):
    assert camera.get_idn() == {"vendor": "Andor", "model": "DU420A_BV", "serial": "14001", "firmware": "3.17"}
    assert (camera.pixels(), camera.full_scale()) == (8, 65535)
    assert camera.clock is table.clock
    assert camera.snapshot()["address"] == table.serial


def test_the_sensor_cools_and_says_how_far_it_is(camera, table):
    assert (camera.temperature(), camera.temperature_status(), camera.cooler()) == (20, "off", False)
    camera.set_temperature(-60)
    camera.cooler(True)
    assert camera.temperature_status() == "not reached"
    table.clock.sleep(400)
    assert camera.temperature() == pytest.approx(-60, abs=1)
    assert camera.temperature_status() == "stabilized"
    camera.cooler(False)
    assert camera.temperature_status() == "off"
    with pytest.raises(ValueError, match="set_temperature"):
        camera.set_temperature(-150)


def test_a_cooler_that_does_not_cool_is_seen(camera, table, faults):
    faults.cooler_broken = True
    camera.set_temperature(-60)
    camera.cooler(True)
    table.clock.sleep(400)
    assert (camera.temperature(), camera.temperature_status()) == (20, "not reached")


def test_closing_leaves_the_cooler_on_and_frees_the_camera(camera, table):
    camera.cooler(True)
    camera.close()
    camera.close()
    with pytest.raises(CommunicationError, match="not open"):
        camera.get_idn()
    again = AndorCamera("again", library=MODULE, serial=table.serial)
    assert again.cooler() is True


def test_light_at_full_scale_is_told_as_it_is(camera, faults):
    faults.flooded = True
    assert np.all(camera.spectrum() == camera.full_scale())


def test_an_exposure_that_never_ends_is_aborted(camera, table, faults):
    faults.hang()
    start = table.clock.now()
    with pytest.raises(HardwareFault, match=r"ccd \(AndorCamera.*an exposure of 0\.1 s did not end and was aborted"):
        camera.spectrum()
    assert table.clock.now() - start < 10
    faults.clear()
    assert len(camera.spectrum()) == 8


def test_a_cable_that_is_pulled_during_an_exposure_is_told_at_once(camera, table, faults):
    camera.exposure_time(100.0)
    faults.unplug(after=3)
    with pytest.raises(CommunicationError, match=r"GetStatus said DRV_ERROR_ACK; check power and cable"):
        camera.spectrum()
    assert table.clock.now() < 4
    with pytest.raises(CommunicationError, match="GetTemperature said DRV_ERROR_ACK"):
        camera.temperature()
    with pytest.raises(CommunicationError, match="SetExposureTime said DRV_ERROR_ACK"):
        camera.exposure_time(1.0)


def test_a_camera_that_was_replaced_must_be_opened_again(camera, table):
    table.replace()
    with pytest.raises(CommunicationError, match=r"DRV_NOT_INITIALIZED.*open the instrument again"):
        camera.spectrum()
    camera.close()
    assert len(AndorCamera("again", library=MODULE, serial=table.serial).spectrum()) == 8


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_interrupts_an_exposure_aborts_it(camera, table, monkeypatch, error):
    camera.exposure_time(10.0)
    sleep, calls = table.clock.sleep, []

    def interrupted(seconds):
        calls.append(seconds)
        if len(calls) == 10:
            raise error
        sleep(seconds)

    with monkeypatch.context() as patch:
        patch.setattr(table.clock, "sleep", interrupted)
        with pytest.raises(error):
            camera.spectrum()
    assert camera.temperature() == 20, "it would answer that it is acquiring"
    assert table.camera.exposures == []
    camera.exposure_time(2.0)
    assert camera.spectrum().tolist() == EXPECTED


def test_a_setting_that_is_refused_is_told_with_the_word_of_the_code(camera):
    with pytest.raises(HardwareFault, match="SetExposureTime said DRV_P1INVALID"):
        camera.exposure_time(20_000.0)


def test_an_exposure_that_the_camera_changes_by_much_is_told(camera, monkeypatch):
    monkeypatch.setattr(camera, "_timings", lambda: (3.0, 3.1))
    with pytest.raises(HardwareFault, match=r"exposes 3 s where 2 s were asked for"):
        camera.exposure_time(2.0)


def test_a_camera_in_use_missing_or_without_its_library_is_told_apart(camera, table, faults):
    with pytest.raises(CommunicationError, match=r"no camera can be had \(Initialize said DRV_NOT_AVAILABLE\)"):
        AndorCamera("other", library=MODULE, serial=table.serial)
    with pytest.raises(CommunicationError, match=r"no camera can be had; check its power"):
        AndorCamera("other", library=MODULE, serial="14002")
    with pytest.raises(CommunicationError, match=r"'no_such\.module' cannot be loaded.*install the Andor SDK"):
        AndorCamera("other", library="no_such.module")
    with pytest.raises(CommunicationError, match=r"'/nowhere/libandor\.so\.2' cannot be loaded"):
        AndorCamera("other", library="/nowhere/libandor.so.2")
    camera.close()
    faults.unplug()
    with pytest.raises(CommunicationError, match="Initialize said DRV_USBERROR"):
        AndorCamera("other", library=MODULE, serial=table.serial)
    assert not Instrument.exist("other")


def test_a_shared_library_is_searched_for_the_serial_number(table, monkeypatch):
    loaded = []

    def dll(path):
        loaded.append(path)
        return atmcd.load(table.serial)

    monkeypatch.setattr(_andor.ctypes, "WinDLL" if hasattr(ctypes, "WinDLL") else "CDLL", dll)
    with pytest.raises(IdentityError, match="no camera of this serial number; connected: 14001; correct `serial`"):
        AndorCamera("ccd", library="atmcd64d.dll", serial="99")
    camera = AndorCamera("ccd", library="C:/Andor/atmcd64d.dll")
    assert (camera.serial, loaded[-1]) == ("14001", "C:/Andor/atmcd64d.dll")
    camera.close()
    AndorCamera("ccd", library="atmcd64d.dll", serial="14001").close()


def test_codes_have_their_words():
    assert _andor.word(20013) == "DRV_ERROR_ACK"
    assert _andor.word(4711) == "code 4711"


def test_a_library_without_a_clock_means_the_wall(camera, monkeypatch):
    monkeypatch.setattr(camera._sdk, "functions", SimpleNamespace())
    assert isinstance(camera.clock, WallClock)


def test_on_the_virtual_table_it_sees_the_spectrum():
    pyvisa.ResourceManager("virtual_magneto@twin").visalib.reset(None, 1, 0.0)
    camera = AndorCamera("ccd", library=MODULE, serial="virtual_magneto")
    camera.exposure_time(1.0)
    warm = camera.spectrum()
    camera.set_temperature(-70)
    camera.cooler(True)
    camera.clock.sleep(600)
    assert camera.temperature_status() == "stabilized"
    cold = camera.spectrum()
    assert warm.shape == cold.shape == (2000,)
    assert np.median(cold) < np.median(warm)
    camera.close()
