"""Drivers of energy meters that this project did not write, unmodified, on the simulated instruments."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pytest
import pyvisa

from perovskite_meas.sim.serve import serve_pty

_SPEC = importlib.util.spec_from_file_location("pulse_lab", Path(__file__).with_name("pulse_lab.py"))
LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(LAB)
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals exist on POSIX only")


@pytest.fixture
def library(tmp_path):
    """The back end of a table of its own; `name` is how PyVISA calls it."""
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    library = pyvisa.ResourceManager(f"{tmp_path}@twin").visalib
    library.adopt(LAB.World())
    library.name = f"{tmp_path}@twin"
    return library


def test_contrib_reads_the_maestro(library):
    stock = pytest.importorskip("qcodes_contrib_drivers.drivers.Gentec.Gentec_Maestro")
    meter = stock.Gentec_Maestro("stock", LAB.METER, visalib=library.name, terminator="\r\n")
    try:
        assert meter.get_idn() == {"vendor": "Gentec", "model": "MAESTRO", "firmware": "1.00.18"}
        library.world.clock.sleep(1.0)
        assert 1e-6 < meter.power() < 1.02e-6
        meter.wavelength(800)
        assert meter.wavelength() == 800
        assert meter.zero_offset_enabled() is False
        meter.set_zero_offset()
        assert meter.zero_offset_enabled() is True
        library.world.clock.sleep(0.1)
        assert meter.power() < 1e-8
        meter.clear_zero_offset()
        assert meter.zero_offset_enabled() is False
    finally:
        meter.close()


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
def test_pymeasure_reads_energies_of_single_pulses(library):
    thorlabs = pytest.importorskip("pymeasure.instruments.thorlabs")
    adapters = pytest.importorskip("pymeasure.adapters")
    adapter = adapters.VISAAdapter(LAB.CONSOLE, visa_library=library.name)
    meter = thorlabs.ThorlabsPM100USB(adapter)
    assert meter.is_energy_sensor
    assert not meter.is_power_sensor
    assert meter.sensor_name == "ES111C"
    meter.write("SENS:ENER:RANG:UPP 2E-6")
    first, second = meter.energy, meter.energy
    assert 1e-6 < first < 1.02e-6
    assert second - first == pytest.approx(1e-9, rel=1e-3)
    meter.wavelength = 400
    assert meter.wavelength == 400
    with pytest.raises(AttributeError, match="not a power sensor"):
        _ = meter.power
    adapter.close()


@on_posix
def test_instrumentkit_reads_the_blu(library):
    gentec = pytest.importorskip("instruments.gentec_eo", exc_type=ImportError)
    library.adopt(LAB.World(model="BLU", scales="17-25"))
    clock = library.world.clock
    clock.speed = 1.0
    with serve_pty(library.device(LAB.METER), clock, library.world.lock) as path:
        blu = gentec.Blu.open_serial(path, baud=115200, timeout=2)
        assert blu.version == "Blu firmware Version 1.95"
        assert "Joulemeter" in blu.head_type
        blu.scale = blu.Scale.max1milli
        assert blu.scale is blu.Scale.max1milli
        assert blu.auto_scale is False
        blu.trigger_level = 0.153
        assert blu.trigger_level == pytest.approx(0.153)
        blu.trigger_level = 0.001
        blu.single_shot_energy_mode = True
        assert blu.measure_mode == "sse"
        assert [one.value for one in blu.available_scales] == [str(index) for index in range(17, 26)]
        clock.sleep(1)
        deadline = time.monotonic() + 5
        while not blu.new_value_ready and time.monotonic() < deadline:
            clock.sleep(0.1)
        assert 1e-6 < blu.current_value.to("joule").magnitude < 1e-5
        assert blu.user_multiplier == 1
        blu.wavelength = 800
        assert blu.wavelength.magnitude == 800
