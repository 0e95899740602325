"""The stand-in for Andor's library, called as ctypes calls C functions."""

from __future__ import annotations

import ctypes
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.sdk import atmcd, faults_of
from perovskite_meas.sim.sdk._atmcd_calls import FUNCTIONS

OK, ACK, NO_NEW_DATA, ACQUIRING, IDLE, NOT_INITIALIZED = 20002, 20013, 20024, 20072, 20073, 20075
P1INVALID, P2INVALID, NO_CAMERA, NOT_SUPPORTED, NOT_AVAILABLE = 20066, 20067, 20990, 20991, 20992


def _lab() -> Any:
    spec = importlib.util.spec_from_file_location("spectrum_lab", Path(__file__).with_name("spectrum_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(tmp_path):
    return _lab().Table(tmp_path)


@pytest.fixture
def lib(table):
    library = atmcd.load(table.serial)
    assert library.Initialize(ctypes.c_char_p(b"")) == OK
    return library


def told(function, *arguments, kind=ctypes.c_int):
    """Return code and value of a function that writes behind its last pointer."""
    value = kind()
    return function(*arguments, ctypes.byref(value)), value.value


def status(lib):
    return told(lib.GetStatus)[1]


def data(lib, size=8):
    counts = (ctypes.c_int32 * size)()
    return lib.GetAcquiredData(ctypes.byref(counts), ctypes.c_uint(size)), list(counts)


EXPECTED = [100 + 20 * n for n in range(8)]


def test_nothing_but_finding_cameras_works_before_the_initialisation(table):
    library = atmcd.load(table.serial)
    assert told(library.GetAvailableCameras) == (OK, 1)
    assert told(library.GetCameraHandle, 0) == (OK, 100)
    assert told(library.GetCameraHandle, 1)[0] == P1INVALID
    assert library.SetCurrentCamera(100) == OK
    assert library.SetCurrentCamera(7) == P1INVALID
    assert told(library.GetCurrentCamera) == (OK, 100)
    assert told(library.GetStatus)[0] == NOT_INITIALIZED
    assert library.StartAcquisition() == NOT_INITIALIZED


def test_a_serial_number_that_is_no_table_has_no_camera():
    library = atmcd.load("virtual_nothing")
    assert told(library.GetAvailableCameras) == (OK, 0)
    assert library.Initialize(ctypes.c_char_p(b"")) == NO_CAMERA
    assert library.ShutDown() == OK
    assert library.CoolerON() == NOT_INITIALIZED
    with pytest.raises(AttributeError):
        library.clock  # noqa: B018
    with pytest.raises(UsageError):
        faults_of("virtual_nothing", "camera")


def test_a_single_scan_is_the_light_from_start_to_end_of_the_exposure(lib, table):
    lib.SetExposureTime(ctypes.c_float(2.0))
    assert lib.StartAcquisition() == OK
    table.clock.sleep(1.9)
    assert status(lib) == ACQUIRING
    assert data(lib)[0] == ACQUIRING
    assert lib.SetExposureTime(ctypes.c_float(1.0)) == ACQUIRING
    assert told(lib.GetTemperature)[0] == ACQUIRING
    table.clock.sleep(0.2)
    assert status(lib) == IDLE
    assert data(lib) == (OK, EXPECTED)
    assert data(lib, 9)[0] == P2INVALID
    assert table.camera.exposures == [(0, 2)]


def test_data_go_into_arrays_of_c_and_of_numpy_and_behind_pointers(lib, table):
    lib.SetExposureTime(ctypes.c_float(2.0))
    lib.StartAcquisition()
    assert lib.WaitForAcquisition() == OK
    counts = np.zeros(8, np.int32)
    lib.GetAcquiredData.argtypes = [np.ctypeslib.ndpointer(np.int32, 1, flags="C_CONTIGUOUS"), ctypes.c_ulong]
    assert lib.GetAcquiredData(counts, 8) == OK
    assert counts.tolist() == EXPECTED
    with pytest.raises(ctypes.ArgumentError, match="argument 1"):
        lib.GetAcquiredData(np.zeros(8), 8)
    lib.GetAcquiredData.argtypes = None
    counts[:] = 0
    assert lib.GetAcquiredData(counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)), 8) == OK
    assert counts.tolist() == EXPECTED


def test_a_bare_float_and_a_value_in_place_of_a_pointer_are_refused_as_by_ctypes(lib):
    with pytest.raises(ctypes.ArgumentError, match="Don't know how to convert parameter 1"):
        lib.SetExposureTime(2.0)
    with pytest.raises(ctypes.ArgumentError, match="a pointer to c_int is needed, not int"):
        lib.GetStatus(0)
    with pytest.raises(AttributeError, match="function 'SetExposure' not found"):
        lib.SetExposure(1)


def test_a_wait_ends_with_the_exposure_or_with_its_own_time(lib, table):
    lib.SetExposureTime(ctypes.c_float(2.0))
    lib.StartAcquisition()
    assert lib.WaitForAcquisitionTimeOut(500) == NO_NEW_DATA
    assert table.clock.now() == pytest.approx(0.5)
    assert lib.WaitForAcquisitionTimeOut(5000) == OK
    assert table.clock.now() == pytest.approx(2.026)
    assert lib.WaitForAcquisitionTimeOut(100) == NO_NEW_DATA
    assert lib.CancelWait() == OK


def test_an_aborted_exposure_leaves_no_data(lib, table):
    assert lib.AbortAcquisition() == IDLE
    lib.StartAcquisition()
    assert lib.AbortAcquisition() == OK
    assert status(lib) == IDLE
    assert data(lib)[0] == NO_NEW_DATA
    table.clock.sleep(10)
    assert table.camera.exposures == []


def test_accumulations_are_summed_and_kinetic_series_are_joined(lib, table):
    lib.SetExposureTime(ctypes.c_float(2.0))
    lib.SetNumberAccumulations(2)
    lib.SetNumberKinetics(3)
    assert lib.SetAcquisitionMode(2) == OK
    lib.StartAcquisition()
    table.clock.sleep(5)
    assert data(lib) == (OK, [2 * count for count in EXPECTED])
    lib.SetAcquisitionMode(3)
    lib.SetKineticCycleTime(ctypes.c_float(10.0))
    lib.StartAcquisition()
    table.clock.sleep(13)
    assert told(lib.GetTotalNumberImagesAcquired) == (OK, 1)
    scans, frames = ctypes.c_int(), ctypes.c_int()
    assert lib.GetAcquisitionProgress(ctypes.byref(scans), ctypes.byref(frames)) == OK
    assert (scans.value, frames.value) == (1, 1)
    table.clock.sleep(20)
    assert data(lib, 24) == (OK, [2 * count for count in EXPECTED] * 3)
    assert [t1 - t0 for t0, t1 in table.camera.exposures] == pytest.approx([2.0] * 8)


def test_run_till_abort_hands_out_frames_old_and_new(lib, table):
    lib.SetExposureTime(ctypes.c_float(0.974))
    lib.SetAcquisitionMode(5)
    lib.StartAcquisition()
    image = (ctypes.c_int32 * 8)()
    assert lib.GetOldestImage(ctypes.byref(image), 8) == NO_NEW_DATA
    table.clock.sleep(3.5)
    first, last = ctypes.c_int(), ctypes.c_int()
    assert lib.GetNumberNewImages(ctypes.byref(first), ctypes.byref(last)) == OK
    assert (first.value, last.value) == (1, 3)
    assert lib.GetOldestImage(ctypes.byref(image), 8) == OK
    lib.GetNumberNewImages(ctypes.byref(first), ctypes.byref(last))
    assert first.value == 2
    assert lib.GetMostRecentImage(ctypes.byref(image), 8) == OK
    assert lib.GetNumberNewImages(ctypes.byref(first), ctypes.byref(last)) == NO_NEW_DATA
    assert status(lib) == ACQUIRING
    assert lib.AbortAcquisition() == OK
    assert lib.FreeInternalMemory() == OK


def test_the_cooler_reaches_its_setpoint_and_its_code_says_so(lib, table):
    assert told(lib.GetTemperature) == (20034, 20)
    assert lib.SetTemperature(ctypes.c_int(-60)) == OK
    assert lib.SetTemperature(ctypes.c_int(-150)) == P1INVALID
    assert lib.CoolerON() == OK
    assert told(lib.IsCoolerOn) == (OK, 1)
    assert told(lib.GetTemperature)[0] == 20037
    codes = []
    for _ in range(40):
        table.clock.sleep(10)
        codes.append(told(lib.GetTemperature)[0])
    assert list(dict.fromkeys(codes)) == [20037, 20035, 20036]
    code, celsius = told(lib.GetTemperatureF, kind=ctypes.c_float)
    assert (code, celsius) == (20036, pytest.approx(-60, abs=0.5))
    lib.CoolerOFF()
    assert told(lib.GetTemperature)[0] == 20034


@pytest.mark.parametrize("stays", [0, 1])
def test_the_cooler_goes_off_with_the_camera_unless_told_otherwise(lib, table, stays):
    lib.CoolerON()
    assert lib.SetCoolerMode(stays) == OK
    assert lib.ShutDown() == OK
    assert (table.camera.cooler is not None) == bool(stays)
    again = atmcd.load(table.serial)
    again.Initialize(ctypes.c_char_p(b""))
    assert told(again.IsCoolerOn) == (OK, stays)


def test_what_the_camera_is(lib):
    width, height = ctypes.c_int(), ctypes.c_int()
    assert lib.GetDetector(ctypes.byref(width), ctypes.byref(height)) == OK
    assert (width.value, height.value) == (8, 256)
    name = ctypes.create_string_buffer(260)
    assert lib.GetHeadModel(name) == OK
    assert name.value.startswith(b"DU")
    assert told(lib.GetBitDepth, ctypes.c_int(0)) == (OK, 16)
    assert told(lib.GetBitDepth, ctypes.c_int(1))[0] == P1INVALID
    assert told(lib.GetHSSpeed, 0, 0, 0, kind=ctypes.c_float) == (OK, pytest.approx(0.1))


def test_other_read_modes_and_post_processing_are_refused(lib):
    assert lib.SetReadMode(0) == OK
    assert lib.SetReadMode(4) == P1INVALID
    assert lib.SetImage(1, 1, 1, 8, 1, 256) == NOT_SUPPORTED
    assert lib.SetShutter(1, 2, 0, 0) == P2INVALID
    assert lib.SetAcquisitionMode(0) == P1INVALID
    assert lib.SetNumberKinetics(0) == P1INVALID
    assert lib.SetExposureTime(ctypes.c_float(-1)) == P1INVALID


def test_a_camera_in_use_cannot_be_had_until_it_is_given_back(lib, table):
    other = atmcd.load(table.serial)
    assert other.Initialize(ctypes.c_char_p(b"")) == NOT_AVAILABLE
    lib.ShutDown()
    assert other.Initialize(ctypes.c_char_p(b"")) == OK


def test_without_its_cable_nothing_answers_and_an_exposure_gives_nothing(lib, table):
    faults = faults_of(table.serial, "camera")
    lib.StartAcquisition()
    faults.unplug(after=0.05)
    assert status(lib) == ACQUIRING
    assert lib.WaitForAcquisitionTimeOut(5000) == ACK
    assert told(lib.GetStatus) == (OK, ACK)
    assert lib.CoolerON() == ACK
    assert table.camera.exposures == []
    faults.clear()
    assert lib.AbortAcquisition() == IDLE


def test_an_exposure_may_hang_and_light_may_saturate_and_a_cooler_may_be_broken(lib, table):
    faults = faults_of(table.serial, "camera")
    faults.hang()
    lib.StartAcquisition()
    table.clock.sleep(1000)
    assert status(lib) == ACQUIRING
    lib.AbortAcquisition()
    faults.clear()
    faults.flooded = faults.cooler_broken = True
    lib.StartAcquisition()
    lib.WaitForAcquisition()
    assert data(lib) == (OK, [65535] * 8)
    lib.CoolerON()
    table.clock.sleep(300)
    assert told(lib.GetTemperature) == (20037, 20)


def test_after_a_reset_of_the_laboratory_the_camera_must_be_initialised_again(lib, table):
    table.replace()
    assert told(lib.GetStatus)[0] == NOT_INITIALIZED
    assert lib.Initialize(ctypes.c_char_p(b"")) == OK


def test_without_a_serial_number_every_table_has_its_camera_on_the_cable(table, monkeypatch):
    monkeypatch.setattr(atmcd, "serials", lambda port: [table.serial, table.serial])
    library = atmcd.load()
    assert told(library.GetAvailableCameras) == (OK, 2)
    assert library.SetCurrentCamera(101) == OK
    assert library.Initialize(ctypes.c_char_p(b"")) == OK
    library.SetCurrentCamera(100)
    assert told(library.GetStatus)[0] == NOT_INITIALIZED


def test_the_packaged_table_has_a_camera():
    pyvisa.ResourceManager("virtual_magneto@twin").visalib.reset(None, 1, 0.0)
    library = atmcd.load("virtual_magneto")
    assert library.Initialize(ctypes.c_char_p(b"")) == OK
    library.StartAcquisition()
    assert library.WaitForAcquisition() == OK
    code, counts = data(library, 2000)
    assert code == OK
    assert 100 < np.median(counts) < 3000
    library.ShutDown()


def test_every_function_that_the_free_wrapper_calls_is_there():
    wrapper = pytest.importorskip("qcodes_contrib_drivers.drivers.Andor.private.andor_sdk")
    called = set(re.findall(r"self\.dll\.(\w+)", inspect.getsource(wrapper)))
    assert len(called) > 60
    assert called - set(FUNCTIONS) == set()


@pytest.fixture
def pulses(table):
    """Times at which the table's laser triggers the camera."""
    times = np.arange(1, 100) / 10
    table.camera.triggers = lambda t0, t1: times[(times > t0) & (times <= t1)]
    return times


def images(lib, first, last, kind=ctypes.c_int32, function="GetImages", size=None):
    """Return code, counts and which frames are valid."""
    size = 8 * (last - first + 1) if size is None else size
    counts, begin, end = (kind * size)(), ctypes.c_long(), ctypes.c_long()
    code = getattr(lib, function)(first, last, ctypes.byref(counts), size, ctypes.byref(begin), ctypes.byref(end))
    return code, list(counts), (begin.value, end.value)


def test_an_external_trigger_begins_each_frame_of_a_series(lib, table, pulses):
    lib.SetExposureTime(ctypes.c_float(0.02))
    lib.SetAcquisitionMode(3)
    lib.SetNumberKinetics(3)
    assert lib.SetTriggerMode(ctypes.c_int(1)) == OK
    assert lib.SetTriggerMode(ctypes.c_int(10)) == P1INVALID
    lib.StartAcquisition()
    table.clock.sleep(0.25)
    assert lib.SetTriggerMode(ctypes.c_int(0)) == ACQUIRING
    assert told(lib.GetTotalNumberImagesAcquired) == (OK, 2)
    assert lib.WaitForAcquisition() == OK
    assert lib.WaitForAcquisition() == OK
    assert table.clock.now() == pytest.approx(0.346, abs=0.02)
    assert status(lib) == IDLE
    assert [begin for begin, _ in table.camera.exposures] == pytest.approx([0.1, 0.2, 0.3])


def test_a_trigger_that_comes_too_early_is_missed(lib, table, pulses):
    lib.SetExposureTime(ctypes.c_float(0.19))
    lib.SetAcquisitionMode(5)
    lib.SetTriggerMode(1)
    lib.StartAcquisition()
    table.clock.sleep(1.35)
    assert status(lib) == ACQUIRING
    assert [begin for begin, _ in table.camera.exposures] == pytest.approx([0.1, 0.4, 0.7, 1.0])


def test_without_a_cable_for_the_trigger_nothing_is_exposed(lib, table):
    lib.SetTriggerMode(1)
    lib.StartAcquisition()
    assert lib.WaitForAcquisitionTimeOut(5000) == NO_NEW_DATA
    assert status(lib) == ACQUIRING
    assert lib.AbortAcquisition() == OK


def test_frames_are_handed_out_together_in_either_width(lib, table):
    first, last = ctypes.c_int(), ctypes.c_int()
    available = (ctypes.byref(first), ctypes.byref(last))
    assert lib.GetNumberAvailableImages(*available) == NO_NEW_DATA
    assert images(lib, 1, 1)[0] == NO_NEW_DATA
    lib.SetExposureTime(ctypes.c_float(2.0))
    lib.SetAcquisitionMode(3)
    lib.SetNumberKinetics(4)
    lib.StartAcquisition()
    table.clock.sleep(7)
    assert lib.GetNumberAvailableImages(*available) == OK
    assert (first.value, last.value) == (1, 3)
    assert images(lib, 1, 2) == (OK, EXPECTED * 2, (1, 2))
    assert images(lib, 2, 3, ctypes.c_uint16, "GetImages16") == (OK, EXPECTED * 2, (2, 3))
    assert images(lib, 0, 2)[0] == P1INVALID
    assert images(lib, 1, 4)[0] == P2INVALID
    assert images(lib, 1, 2, size=8)[0] == 20069
    with pytest.raises(ctypes.ArgumentError, match="a pointer to c_int is needed"):
        lib.GetImages(1, 1, (ctypes.c_int32 * 8)(), 8, 0, 0)
