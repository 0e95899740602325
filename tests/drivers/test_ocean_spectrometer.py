"""The driver of small spectrometers on the stand-in for seabreeze."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.clock import WallClock
from perovskite_meas.core.errors import CommunicationError, IdentityError
from perovskite_meas.drivers import OceanSpectrometer
from perovskite_meas.sim.sdk import faults_of, seabreeze
from perovskite_meas.testing import check_driver

MODULE = "perovskite_meas.sim.sdk.seabreeze"


@pytest.fixture
def table(tmp_path: Path) -> Any:
    path = Path(__file__).parents[1] / "sim" / "spectrum_lab.py"
    spec = importlib.util.spec_from_file_location("spectrum_lab", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Table(tmp_path)


@pytest.fixture
def ocean(table):
    yield OceanSpectrometer("ocean", serial=table.serial, module=MODULE)
    Instrument.close_all()


def test_it_keeps_the_contract_of_a_driver(table):
    check_driver(OceanSpectrometer, address=table.serial, module=MODULE)


def test_what_it_is(ocean, table):
    assert ocean.get_idn()["model"] == "HR2000PLUS"
    assert (ocean.pixels(), ocean.full_scale(), ocean.exposure_time()) == (16, 16383, 0.1)
    assert ocean.wavelengths()[[0, -1]].tolist() == [500, 560]
    assert ocean.clock is table.clock
    assert ocean.snapshot()["address"] == table.serial


def test_an_exposure_begins_after_it_was_asked_for(ocean, table):
    ocean.exposure_time(2.0)
    for wait in (0.3, 0.0, 1.9):
        table.clock.sleep(wait)
        asked = table.clock.now()
        assert ocean.spectrum().tolist() == [100 + 20 * n for n in range(16)]
        begin, end = table.ocean.exposures[-1]
        assert begin >= asked - 1e-9
        assert end - begin == pytest.approx(2)
        assert table.clock.now() - asked <= 4 + 1e-9


def test_an_exposure_out_of_range_is_refused(ocean):
    with pytest.raises(ValueError, match="exposure_time"):
        ocean.exposure_time(1e-4)


def test_light_at_full_scale_is_told_as_it_is(ocean, table):
    faults_of(table.serial, "ocean").flooded = True
    assert np.all(ocean.spectrum() == ocean.full_scale())


def test_a_lost_cable_is_a_communication_error(ocean, table):
    faults_of(table.serial, "ocean").unplug(after=0.15)
    with pytest.raises(
        CommunicationError, match=r"ocean \(OceanSpectrometer.*no spectrum came.*transfer.*check the cable"
    ):
        ocean.spectrum()
    with pytest.raises(CommunicationError, match=r"exposure of 1 s was refused"):
        ocean.exposure_time(1.0)


def test_one_in_use_missing_or_without_its_module_is_told_apart(ocean, table, monkeypatch):
    monkeypatch.setattr(seabreeze, "serials", lambda port: [table.serial])
    with pytest.raises(CommunicationError, match=r"no spectrometer can be had \(Device already opened\.\)"):
        OceanSpectrometer("other", serial=table.serial, module=MODULE)
    with pytest.raises(IdentityError, match=r"no spectrometer of this serial number; connected: .*; correct"):
        OceanSpectrometer("other", serial="HR2P0001", module=MODULE)
    with pytest.raises(CommunicationError, match=r"'no_such' cannot be imported.*pip install seabreeze"):
        OceanSpectrometer("other", module="no_such")
    assert not Instrument.exist("other")


def test_closing_frees_it_and_twice_is_harmless(ocean, table):
    ocean.close()
    ocean.close()
    with pytest.raises(CommunicationError, match="not open"):
        ocean.get_idn()
    OceanSpectrometer("again", serial=table.serial, module=MODULE)


def test_without_a_serial_number_it_is_the_first_one_found(table, monkeypatch):
    monkeypatch.setattr(seabreeze, "serials", lambda port: [table.serial])
    ocean = OceanSpectrometer("ocean", module=MODULE)
    assert ocean.serial == table.serial
    ocean.close()


def test_a_vendor_object_without_a_clock_means_the_wall(ocean, monkeypatch):
    monkeypatch.setattr(type(ocean._device), "clock", None)
    assert isinstance(ocean.clock, WallClock)


def test_on_the_virtual_table_it_has_an_axis_of_its_own():
    pyvisa.ResourceManager("virtual_magneto@twin").visalib.reset(None, 1, 0.0)
    ocean = OceanSpectrometer("ocean", serial="virtual_magneto", module=MODULE)
    assert ocean.spectrum().shape == ocean.wavelengths().shape == (2048,)
    assert ocean.wavelengths()[0] < 535 < 545 < ocean.wavelengths()[-1]
    ocean.close()
