"""PI's own pipython, unmodified, on the simulated PI controllers over TCP."""

from __future__ import annotations

import importlib.util
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.sim.serve import serve_tcp
from perovskite_meas.sim.wire import wire_up

pipython = pytest.importorskip("pipython", reason="PI's package is proprietary and no dependency: pip install PIPython")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def _world():
    spec = importlib.util.spec_from_file_location("gcs_world", Path(__file__).with_name("gcs_world.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORLD = _world()


@pytest.fixture
def lab():
    return WORLD.Lab(WORLD.WIRING, speed=1.0)


@contextmanager
def connected(lab, address):
    """Serve the device at an address and connect pipython to it."""
    from pipython import GCSDevice
    from pipython.pidevice.interfaces.pisocket import PISocket

    class Gateway(PISocket):
        """PISocket that may be closed twice, as GCSDevice does."""

        def close(self):
            if self.connected:
                super().close()

    device = wire_up(lab, address, lab.config.instruments[address])
    with serve_tcp(device, lab.clock, lab.lock) as port, GCSDevice(gateway=Gateway("127.0.0.1", port)) as gcs:
        gcs.timeout = 1000  # ms that it waits in vain where a question is refused
        yield gcs, device


def test_it_starts_the_piezo_up_and_moves_it(lab):
    from pipython import pitools

    with connected(lab, WORLD.E709) as (gcs, _):
        assert gcs.devname == "E-709.CHG"
        assert gcs.axes == ["1"]
        pitools.startup(gcs, servostates=True)
        assert gcs.qSVO()["1"]
        assert (gcs.qTMN()["1"], gcs.qTMX()["1"]) == (0.0, 15.0)
        gcs.MOV("1", 4.5)
        pitools.waitontarget(gcs, polldelay=0.01, timeout=5)
        assert gcs.qPOS("1")["1"] == pytest.approx(4.5)
        assert not gcs.qOVF("1")["1"]
        assert gcs.gcscommands.IsMoving() == {"1": False}


def test_it_hears_what_the_piezo_refuses(lab):
    from pipython import GCSError

    with connected(lab, WORLD.E709) as (gcs, _):
        for command, error in (
            (lambda: gcs.MOV("1", 1.0), 5),
            (lambda: gcs.SVO("7", 1), 15),
            (lambda: gcs.FRF("1"), 2),
        ):
            with pytest.raises(GCSError) as caught:
                command()
            assert caught.value.val == error
        gcs.SVO("1", 1)
        with pytest.raises(GCSError) as caught:
            gcs.MOV("1", 15.1)
        assert caught.value.val == 7
        gcs.StopAll(noraise=True)


def test_it_runs_the_wave_generator_and_reads_the_data_recorder(lab):
    from pipython import pitools
    from pipython.pidevice.gcs2.gcs2datarectools import GCS2Datarecorder

    with connected(lab, WORLD.E709) as (gcs, _):
        gcs.SVO("1", 1)
        gcs.WAV_RAMP(
            table=1, firstpoint=0, numpoints=400, append="X", center=320, speedupdown=0, amplitude=4.0, offset=5.0,
            seglength=400,
        )  # fmt: skip
        assert gcs.qWAV(1, 1)[1][1] == 400
        gcs.WSL(1, 1)
        gcs.WGC(1, 5)
        gcs.WTR(1, 8, 1)
        gcs.TWC()
        gcs.TWS(1, 1, 1)
        gcs.CTO(1, 3, 4)
        recorder = GCS2Datarecorder(gcs)
        assert recorder.servotime == 50e-6
        assert recorder.maxnumvalues == 32768
        recorder.numvalues = 250
        recorder.samplerate = 32
        recorder.options = [2, 1]
        recorder.sources = ["1", "1"]
        recorder.trigsources = 0
        gcs.DRC(recorder.rectables, recorder.sources, recorder.options)
        gcs.WGO(1, 1)
        assert gcs.IsGeneratorRunning() == {1: True}
        pitools.waitonwavegen(gcs, polldelay=0.05, timeout=5)
        header, (actual, commanded) = recorder.getdata(timeout=5)
        assert header["NDATA"] == 250
        assert header["SAMPLE_TIME"] == pytest.approx(1.6e-3)
        phase = np.arange(250) * 1.6e-3 % 0.16
        expected = np.where(phase < 0.128, 5 + 4 * phase / 0.128, 9 - 4 * (phase - 0.128) / 0.032)
        assert np.abs(np.array(actual) - expected).max() < 1e-5
        assert actual == commanded
        begin, period, end = lab.ports["trigger"].train
        assert period == pytest.approx(0.16)
        assert end == pytest.approx(begin + 0.8)


def test_it_references_and_moves_the_motor(lab):
    from pipython import GCSError, pitools

    with connected(lab, WORLD.C863) as (gcs, device):
        assert gcs.devname == "C-863.12"
        with pytest.raises(GCSError) as caught:
            gcs.MOV("1", 1.0)
        assert caught.value.val == 5
        gcs.SVO("1", 1)
        with lab.lock:
            lab.ports["coarse"].path(0, 12.3, 0, 12.3)
        pitools.startup(gcs, refmodes=["FRF"], servostates=True)
        assert gcs.qFRF()["1"]
        assert gcs.qPOS()["1"] == pytest.approx(12.5)
        pitools.moveandwait(gcs, "1", 12.8, timeout=10)
        assert gcs.qPOS()["1"] == pytest.approx(12.8)
        gcs.MOV("1", 0.0)
        time.sleep(0.05)
        assert gcs.IsMoving() == {"1": True}
        gcs.HLT("1", noraise=True)
        assert 0.1 < gcs.qPOS()["1"] < 12.75
        assert gcs.IsMoving() == {"1": False}
        assert device.error == 0
