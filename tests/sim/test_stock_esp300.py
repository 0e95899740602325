"""Drivers of motion controllers that this project did not write, unmodified, on the simulated ones."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from perovskite_meas.sim.serve import serve_pty
from perovskite_meas.sim.wire import wire_up

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals exist on POSIX only")


def _stage_lab():
    spec = importlib.util.spec_from_file_location("stage_lab", Path(__file__).with_name("stage_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _stage_lab()


@pytest.fixture
def lab():
    """Time passes in sleeps of the drivers, ten times as fast as on the wall."""
    return tools.StageLab(speed=10)


@pytest.fixture
def esp300(lab, tmp_path):
    newport = pytest.importorskip("pymeasure.instruments.newport")
    adapters = pytest.importorskip("pymeasure.adapters")
    with tools.twin(tmp_path, lab) as (name, library):
        # WS holds back the answers to what comes after it, so a reply may take as long as a motion.
        adapter = adapters.VISAAdapter(tools.ESP, visa_library=name, timeout=30_000)
        yield newport.ESP300(adapter), library.device(tools.ESP).faults
        adapter.close()


@pytest.fixture
def stage(esp300):
    stage = esp300[0].x
    stage.enable()
    stage.home()
    stage.wait_for_stop()
    return stage


@contextmanager
def terminal(lab, address):
    with serve_pty(wire_up(lab, address, tools.WIRING[address]), lab.clock, lab.lock) as path:
        yield path


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
class TestPyMeasure:
    def test_it_enables_homes_moves_and_reads_back(self, esp300, stage, lab):
        assert stage.enabled is True
        assert stage.position == pytest.approx(0, abs=2e-3)
        stage.position = 5
        assert stage.motion_done is False
        stage.wait_for_stop()
        assert stage.motion_done is True
        assert stage.position == pytest.approx(5, abs=1e-3)
        assert lab.where() == pytest.approx(5, abs=2e-3)
        assert esp300[0].errors == []

    def test_it_sees_why_a_move_was_refused(self, esp300, stage, lab):
        controller = esp300[0]
        before = lab.where()
        stage.position = 100
        assert controller.error == 106
        assert controller.error == 0
        stage.position = -1
        stage.disable()
        stage.position = 3
        controller.y.enable()
        controller.phi.enable()
        told = [str(error) for error in controller.errors]
        expected = ["STAGE NOT CONNECTED", "MOTOR NOT ENABLED", "NEGATIVE SOFTWARE LIMIT DETECTED"]
        assert len(told) == 3
        assert all(text in found for text, found in zip(expected, told, strict=True))
        assert lab.where() == before
        controller.clear_errors()

    def test_it_sees_a_stall_and_the_emergency_stop(self, esp300, stage, lab):
        controller, faults = esp300
        faults.stall()
        stage.position = 8
        stage.wait_for_stop()
        assert [str(error) for error in controller.errors][-1].endswith("FOLLOWING ERROR THRESHOLD EXCEEDED")
        assert stage.enabled is False
        faults.emergency_stop()
        assert [error.error for error in controller.errors] == ["4"]

    def test_it_sets_limits_and_units(self, esp300, stage):
        stage.left_limit, stage.right_limit = -2, 20
        assert (stage.left_limit, stage.right_limit) == (-2, 20)
        assert stage.units == "millimeter"
        stage.units = "micrometer"
        assert stage.right_limit == 20000
        assert stage.position == pytest.approx(0, abs=2)
        stage.zero()
        assert stage.position == pytest.approx(0, abs=0.05)
        stage.disable()  # its `shutdown()` reads every property, *OPC? too, which this controller leaves unanswered
        assert stage.enabled is False
        assert esp300[0].errors == []


@on_posix
def test_instrumentkit_moves_the_esp301_and_raises_what_it_refuses(lab):
    newport = pytest.importorskip("instruments.newport", exc_type=ImportError)
    with terminal(lab, tools.ESP) as path:
        controller = newport.NewportESP301.open_serial(path, baud=19200, timeout=2)
        axis = controller.axis[0]
        axis.enable()
        axis.search_for_home(search_mode=1)
        axis.wait_for_stop()
        axis.move(1.5, absolute=True)
        axis.wait_for_stop()
        assert float(axis.position) == pytest.approx(1.5, abs=1e-3)
        with pytest.raises(newport.errors.NewportError) as refused:
            axis.move(30, absolute=True)
        assert (refused.value.axis, refused.value.errcode) == (1, 6)
        assert lab.where() == pytest.approx(1.5, abs=2e-3)


@on_posix
def test_pystages_homes_and_moves_two_smc100(lab):
    pystages = pytest.importorskip("pystages", exc_type=ImportError)
    with terminal(lab, tools.SMC) as path:
        stage = pystages.SMC100(path, [1, 2])
        assert not stage.get_error_and_state(1).is_referenced
        stage.home(wait=True)
        assert stage.get_error_and_state(2).is_ready
        stage.position = pystages.Vector(1.5, 0.5)
        stage.wait_move_finished()
        assert stage.position[0] == pytest.approx(1.5, abs=1e-3)
        assert stage.position[1] == pytest.approx(0.5, abs=1e-3)
        stage.link.serial.close()
