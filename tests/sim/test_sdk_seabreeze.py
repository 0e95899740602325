"""The stand-in for seabreeze, judged by the names of the module itself where it is installed."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas.sim.sdk import faults_of, seabreeze
from perovskite_meas.sim.sdk.seabreeze import SeaBreezeError, Spectrometer

OWN, MISSING = {"clock"}, {"f", "features", "trigger_mode"}
"""Public names of Spectrometer that only the stand-in, or only the module itself, has."""


def _lab() -> Any:
    spec = importlib.util.spec_from_file_location("spectrum_lab", Path(__file__).with_name("spectrum_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(tmp_path):
    return _lab().Table(tmp_path)


@pytest.fixture
def device(table):
    made = Spectrometer.from_serial_number(table.serial)
    yield made
    made.close()


def test_it_says_what_it_is(device, table):
    assert (device.model, device.serial_number, device.pixels) == ("HR2000PLUS", table.serial, 16)
    assert device.wavelengths()[[0, -1]].tolist() == [500, 560]
    assert device.max_intensity == 16383
    assert device.integration_time_micros_limits[0] == 1000
    assert repr(device) == f"<Spectrometer HR2000PLUS:{table.serial}>"


def test_a_reading_is_the_exposure_that_ends_next(device, table):
    device.integration_time_micros(2_000_000)
    table.clock.sleep(3)
    counts = device.intensities()
    assert counts.tolist() == [100 + 20 * n for n in range(16)]
    assert table.ocean.exposures == [(2, 4)]
    device.intensities()
    assert table.ocean.exposures[-1] == (4, 6)
    assert table.clock.now() == pytest.approx(6)
    assert device.spectrum().shape == (2, 16)


def test_corrections_that_this_model_has_not_are_refused(device):
    with pytest.raises(SeaBreezeError, match="dark count"):
        device.intensities(correct_dark_counts=True)
    with pytest.raises(SeaBreezeError, match="nonlinearity"):
        device.intensities(correct_nonlinearity=True)


@pytest.mark.parametrize("micros", [999, 655350001])
def test_an_integration_time_out_of_range_is_refused(device, micros):
    with pytest.raises(SeaBreezeError, match="out of range"):
        device.integration_time_micros(micros)


def test_one_that_is_open_or_missing_is_refused(device, table):
    with pytest.raises(SeaBreezeError, match="already opened"):
        Spectrometer.from_serial_number(table.serial)
    with pytest.raises(SeaBreezeError, match="No device attached with serial number 'USB2'"):
        Spectrometer.from_serial_number("USB2")
    device.close()
    with pytest.raises(SeaBreezeError, match="not opened"):
        device.intensities()
    Spectrometer.from_serial_number(table.serial).close()


def test_faults_strike(device, table):
    faults = faults_of(table.serial, "ocean")
    faults.flooded = True
    assert device.intensities().tolist() == [16383] * 16
    faults.hang()
    with pytest.raises(SeaBreezeError, match="transfer"):
        device.intensities()
    faults.clear()
    faults.unplug(after=0.05)
    with pytest.raises(SeaBreezeError, match="transfer"):
        device.intensities()
    with pytest.raises(SeaBreezeError, match="No device"):
        Spectrometer.from_serial_number(table.serial)


def test_what_is_connected_is_listed_and_the_first_one_opened(table, monkeypatch):
    monkeypatch.setattr(seabreeze, "serials", lambda port: [table.serial, "virtual_nothing"])
    assert [device.serial_number for device in seabreeze.list_devices()] == [table.serial]
    first = Spectrometer.from_serial_number()
    wavelengths, counts = first.spectrum()
    assert np.all(np.diff(wavelengths) > 0)
    assert len(counts) == first.pixels
    assert repr(first._device).startswith("<SeaBreezeDevice")
    with pytest.raises(SeaBreezeError, match="No unopened device"):
        Spectrometer.from_first_available()
    first.close()


def test_names_and_arguments_are_those_of_the_module_itself():
    real = pytest.importorskip("seabreeze.spectrometers")
    assert set(seabreeze.__all__) == set(real.__all__)

    def public(cls):
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(Spectrometer) - OWN == public(real.Spectrometer) - MISSING
    for name in ("intensities", "spectrum", "integration_time_micros", "from_serial_number"):
        mine, theirs = (inspect.signature(getattr(cls, name)) for cls in (Spectrometer, real.Spectrometer))
        assert list(mine.parameters) == list(theirs.parameters)
