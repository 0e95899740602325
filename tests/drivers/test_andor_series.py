"""Series of frames by the driver of Andor's cameras, on the stand-in for their library."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault
from perovskite_meas.drivers import AndorCamera
from perovskite_meas.sim.sdk import faults_of

MODULE = "perovskite_meas.sim.sdk.atmcd"
READOUT = 0.026


@pytest.fixture
def table(tmp_path: Path) -> Any:
    path = Path(__file__).parents[1] / "sim" / "spectrum_lab.py"
    spec = importlib.util.spec_from_file_location("spectrum_lab", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = module.Table(tmp_path)
    table.pulses = np.arange(1, 200) / 10
    table.camera.triggers = lambda t0, t1: table.pulses[(table.pulses > t0) & (table.pulses <= t1)]
    return table


@pytest.fixture
def camera(table):
    camera = AndorCamera("ccd", library=MODULE, serial=table.serial)
    camera.exposure_time(0.05)
    yield camera
    Instrument.close_all()


def arm(camera, frames, trigger="external"):
    camera.trigger(trigger)
    camera.frames(frames)
    camera.armed(True)


def begins(table):
    return [begin for begin, _ in table.camera.exposures]


def test_each_trigger_begins_one_frame_until_there_are_enough(camera, table):
    table.clock.jump_to(0.45)
    arm(camera, 3)
    assert (camera.armed(), camera.frames_taken()) == (True, 0)
    table.clock.jump_to(0.62)
    assert camera.frames_taken() == 1
    table.clock.jump_to(2)
    assert (camera.armed(), camera.frames_taken()) == (False, 3)
    frames = camera.series()
    assert frames.shape == (3, 8)
    assert frames.dtype == np.int32
    assert begins(table) == pytest.approx([0.5, 0.6, 0.7])
    assert [end - begin for begin, end in table.camera.exposures] == pytest.approx([0.05] * 3)
    camera.armed(False)


def test_a_frame_that_has_begun_is_waited_for(camera, table):
    arm(camera, 5)
    table.clock.jump_to(0.31)
    assert camera.frames_taken() == 2
    assert camera.series().shape == (3, 8)
    assert table.clock.now() == pytest.approx(0.31 + 0.05 + READOUT + 0.01, abs=0.01)
    assert begins(table) == pytest.approx([0.1, 0.2, 0.3])


def test_a_series_may_be_read_again_and_goes_on(camera, table):
    arm(camera, 50)
    table.clock.jump_to(0.35)
    first = camera.series()
    table.clock.jump_to(1.05)
    again = camera.series()
    assert (len(first), len(again)) == (3, 10)
    assert np.array_equal(again[:3], first)


def test_without_pulses_there_are_no_frames_and_reading_ends(camera, table):
    table.pulses = np.zeros(0)
    arm(camera, 2)
    assert camera.series().shape == (0, 8)
    assert table.clock.now() < 0.2


def test_a_trigger_during_exposure_or_readout_is_missed(camera, table):
    camera.exposure_time(0.08)
    arm(camera, 50)
    table.clock.jump_to(1.05)
    assert begins(table) == []
    camera.series()
    assert begins(table) == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9, 1.1][: len(begins(table))])
    with pytest.raises(HardwareFault, match="DRV_ACQUIRING"):
        camera.frame_time()
    camera.armed(False)
    assert camera.frame_time() == pytest.approx(READOUT, abs=1e-6)


def test_frames_with_the_internal_trigger_follow_each_other(camera, table):
    arm(camera, 4, "internal")
    table.clock.jump_to(1.0)
    assert camera.series().shape == (4, 8)
    assert begins(table) == pytest.approx([n * (0.05 + READOUT) for n in range(4)], abs=1e-6)


def test_single_exposures_go_on_untriggered_after_a_series(camera, table):
    arm(camera, 4)
    with pytest.raises(HardwareFault, match=r"ccd \(AndorCamera.*it is armed; set `armed` to False first"):
        camera.spectrum()
    with pytest.raises(HardwareFault, match="it is armed"):
        camera.armed(True)
    camera.armed(False)
    camera.armed(False)
    assert camera.armed() is False
    table.camera.exposures.clear()
    now = table.clock.now()
    assert camera.spectrum().shape == (8,)
    assert begins(table) == [now]


def test_what_is_not_armed_has_no_series(camera):
    for parameter in (camera.series, camera.frames_taken):
        with pytest.raises(HardwareFault, match="it has no series; set `armed` first"):
            parameter()


def test_more_frames_than_the_library_keeps_are_refused(camera):
    with pytest.raises(HardwareFault, match="keeps 500 frames, fewer than 501"):
        arm(camera, 501)
    assert camera.armed() is False
    assert camera.spectrum().shape == (8,)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_interrupts_the_reading_ends_the_series(camera, table, monkeypatch, error):
    arm(camera, 100)
    table.clock.jump_to(1.05)

    def interrupted(seconds):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(table.clock, "sleep", interrupted)
        with pytest.raises(error):
            camera.series()
    assert camera.temperature() == 20, "it would answer that it is acquiring"
    assert camera.spectrum().shape == (8,)


def test_a_cable_that_is_pulled_during_a_series_is_told(camera, table):
    arm(camera, 100)
    faults_of(table.serial, "camera").unplug(after=0.5)
    table.clock.jump_to(1.05)
    with pytest.raises(CommunicationError, match="GetTotalNumberImagesAcquired said DRV_ERROR_ACK"):
        camera.series()
    camera.close()


def test_frames_that_the_library_does_not_hand_out_are_missed(camera, table, monkeypatch):
    arm(camera, 3)
    table.clock.jump_to(1)
    call = camera._sdk.call
    monkeypatch.setattr(camera._sdk, "call", lambda name, *rest: None if name == "GetImages" else call(name, *rest))
    with pytest.raises(HardwareFault, match="of frames 1 to 3 only 0 to 0 were handed out"):
        camera.series()


def test_closing_ends_a_series(camera, table):
    arm(camera, 100)
    camera.close()
    table.clock.jump_to(5)
    assert table.camera.exposures == []
    again = AndorCamera("again", library=MODULE, serial=table.serial)
    assert again.spectrum().shape == (8,)
