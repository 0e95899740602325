"""The Andor driver of qcodes_contrib_drivers, unmodified, on the stand-in for Andor's library."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from qcodes.parameters import DelegateParameter, Parameter

from perovskite_meas.sim.sdk import atmcd, faults_of

pytestmark = pytest.mark.filterwarnings("ignore::qcodes.utils.QCoDeSDeprecationWarning")
EXPECTED = [100 + 20 * n for n in range(8)]


def _lab() -> Any:
    spec = importlib.util.spec_from_file_location("spectrum_lab", Path(__file__).with_name("spectrum_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _positional(patch: pytest.MonkeyPatch, kind: type, word: str) -> None:
    """Let QCoDeS take its second argument by position, as it did when the driver was written."""
    own = kind.__init__

    def init(self, name, *args, **kwargs):
        own(self, name, **(kwargs | ({word: args[0]} if args else {})))

    patch.setattr(kind, "__init__", init)


@pytest.fixture
def table(tmp_path):
    return _lab().Table(tmp_path)


@pytest.fixture
def ccd(table, monkeypatch):
    """Open it as on Windows, where ctypes alone has a loader of this name, which finds the stand-in."""
    pytest.importorskip("tqdm")
    stock = pytest.importorskip("qcodes_contrib_drivers.drivers.Andor.Andor_iDus4xx")
    if tuple(map(int, version("qcodes-contrib-drivers").split(".")[:2])) < (0, 25):
        _positional(monkeypatch, Parameter, "instrument")
        _positional(monkeypatch, DelegateParameter, "source")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        loader = SimpleNamespace(LoadLibrary=lambda path: atmcd.load(table.serial))
        patch.setattr(ctypes, "windll", loader, raising=False)
        made = stock.AndorIDus4xx("ccd")
    yield made
    made.close()


def test_it_opens_and_says_what_is_there(ccd, capsys):
    assert ccd.get_idn() == {"vendor": "Andor", "model": "DU420A_BV", "serial": "14001", "firmware": "3.17"}
    assert ccd.detector_pixels() == (8, 256)
    assert ccd.status().startswith("DRV_IDLE")
    assert ccd.acquisition_mode_capabilities.single
    assert ccd.read_mode_capabilities.fvb
    assert not ccd.read_mode_capabilities.fullimage


def test_single_scans_accumulations_and_series_are_the_light(ccd, table):
    ccd.exposure_time(2.0)
    assert ccd.exposure_time() == 2.0
    assert ccd.ccd_data().tolist() == EXPECTED
    assert table.camera.exposures == [(0, 2)]
    ccd.acquisition_mode("kinetics")
    ccd.number_kinetics(3)
    assert ccd.ccd_data().tolist() == [EXPECTED] * 3
    ccd.acquisition_mode("accumulate")
    ccd.number_accumulations(3)
    assert ccd.ccd_data().tolist() == [3 * count for count in EXPECTED]
    assert ccd.ccd_data_rate().tolist() == pytest.approx([count / 2 for count in EXPECTED])


def test_a_series_with_external_trigger_has_a_frame_for_each_pulse(ccd, table):
    pulses = [0.3, 0.9, 1.0, 1.6, 2.0]
    table.camera.triggers = lambda t0, t1: [t for t in pulses if t0 < t <= t1]
    ccd.exposure_time(0.2)
    ccd.acquisition_mode("kinetics")
    ccd.number_kinetics(3)
    ccd.trigger_mode("external")
    assert ccd.ccd_data().shape == (3, 8)
    assert [begin for begin, _ in table.camera.exposures] == [0.3, 0.9, 1.6]
    counts, first, last = ccd.atmcd64d.get_images_by_value(2, 3, 16)
    assert (len(counts), first, last) == (16, 2, 3)


def test_its_endless_series_ends_with_the_loop(ccd):
    ccd.exposure_time(2.0)
    frames = ccd.yield_till_abort()
    assert [next(frames).tolist() for _ in range(3)] == [[EXPECTED]] * 3
    frames.close()
    assert ccd.status().startswith("DRV_IDLE")


def test_it_cools(ccd, table):
    ccd.set_temperature(-60)
    ccd.cooler("on")
    table.clock.sleep(400)
    assert ccd.temperature() == pytest.approx(-60, abs=1)
    assert ccd.atmcd64d.get_cooling_status()[0] == "DRV_TEMP_STABILIZED"
    ccd.cooler("off")
    assert ccd.cooler() is False


def test_it_raises_the_codes_of_the_library(ccd, table):
    with pytest.raises(Exception, match="DRV_P1INVALID"):
        ccd.read_mode("image")
    faults_of(table.serial, "camera").unplug()
    with pytest.raises(Exception, match="DRV_ERROR_ACK"):
        ccd.temperature()
