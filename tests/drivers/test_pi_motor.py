"""The driver of PI motor controllers on the simulated one, with faults."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, UsageError
from perovskite_meas.drivers.pi_motor import PIMotor
from perovskite_meas.testing import check_driver


def _world():
    path = Path(__file__).parents[1] / "sim" / "gcs_world.py"
    spec = importlib.util.spec_from_file_location("gcs_world", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORLD = _world()
C863 = WORLD.C863


@pytest.fixture
def table(tmp_path):
    """The name of a virtual laboratory with PI controllers, and what stands in it."""
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    name, lab = f"{tmp_path}@twin", WORLD.Lab(WORLD.WIRING)
    manager = pyvisa.ResourceManager(name)
    manager.visalib.adopt(lab)
    lab.device = manager.visalib.device
    yield name, lab
    Instrument.close_all()
    manager.close()


@pytest.fixture
def lab(table):
    return table[1]


@pytest.fixture
def stage(lab):
    return lab.ports["coarse"]


@pytest.fixture
def motor(table):
    return PIMotor("motor", C863, visalib=table[0])


@pytest.fixture
def ready(motor):
    motor.reference()
    return motor


@pytest.fixture
def faults(lab):
    return lab.device(C863).faults


def test_it_explains_itself(table):
    check_driver(PIMotor, address=C863, visalib=table[0])


def test_opening_it_moves_nothing(motor, stage):
    assert stage.last == (0.0, 2.0, 0.0, 2.0)
    assert motor.get_idn()["model"] == "C-863.12"
    assert (motor.position(), motor.servo(), motor.referenced()) == (2.0, False, False)
    assert (motor.low_limit(), motor.high_limit()) == (0.0, 25.0)


def test_a_piezo_controller_is_refused_by_name(table):
    with pytest.raises(IdentityError, match=r"found '\(c\)2015 .*E-709\.CHG.*expected a PI controller that PIMotor"):
        PIMotor("motor", WORLD.E709, visalib=table[0])


def test_referencing_waits_until_the_switch_is_found(motor, lab):
    start = lab.clock.now()
    motor.reference()
    assert lab.clock.now() - start > 2.0
    assert motor.referenced()
    assert motor.servo()
    assert motor.position() == pytest.approx(12.5)


def test_a_move_returns_when_it_has_arrived(ready, lab):
    start = lab.clock.now()
    ready.position(3.25)
    assert lab.clock.now() - start > 1.8
    assert ready.on_target()
    assert ready.position() == pytest.approx(3.25)


def test_the_velocity_is_set_and_read_back(ready, lab):
    ready.velocity(0.5)
    assert ready.velocity() == pytest.approx(0.5)
    start = lab.clock.now()
    ready.position(13.5)
    assert lab.clock.now() - start == pytest.approx(2.1, abs=0.2)
    with pytest.raises(HardwareFault, match=r"'VEL 1 50\.000000' was refused with error 8: the velocity"):
        ready.velocity(50.0)


def test_moving_without_reference_is_refused_before_anything_is_sent(motor, stage):
    motor.servo(True)
    with pytest.raises(HardwareFault, match=r"position 5 mm refused.*not referenced.*call reference\(\)"):
        motor.position(5.0)
    assert stage.last[3] == 2.0


def test_moving_without_servo_is_refused_before_anything_is_sent(ready, stage):
    ready.servo(False)
    with pytest.raises(HardwareFault, match="position 5 mm is impossible while the servo is off"):
        ready.position(5.0)
    assert stage.last[3] == 12.5


@pytest.mark.parametrize("target", [-0.01, 25.01])
def test_a_position_beyond_the_travel_names_the_limits(ready, stage, target):
    with pytest.raises(UsageError, match="is outside 0 to 25 mm, the travel that the controller itself reports"):
        ready.position(target)
    assert stage.last[3] == 12.5


def test_a_stall_is_a_fault_that_says_where_it_stands_and_stops_the_motor(ready, faults):
    faults.stall()
    with pytest.raises(HardwareFault, match=r"not on target 2\.5 mm within 8 s, but at 7\.5 mm; the motor was stopped"):
        ready.position(2.5)
    ready.position(2.5)


def test_a_reference_that_is_not_found_is_a_fault(motor, faults):
    faults.stall()
    with pytest.raises(HardwareFault, match=r"no reference found within 20 s, at 7\.25 mm; the motor was stopped"):
        motor.reference(timeout=20)
    assert not motor.referenced()


def test_a_reset_in_the_middle_of_a_move_is_recognised(ready, faults):
    faults.after(exchanges=12).reset()
    with pytest.raises(HardwareFault, match=r"waiting for 2\.5 mm is impossible while the servo is off.*was reset"):
        ready.position(2.5)
    ready.servo(True)
    with pytest.raises(HardwareFault, match="not referenced: it never was, or the controller was reset"):
        ready.position(2.5)


def test_a_lost_reference_is_noticed_before_the_next_move(ready, faults):
    faults.unreference()
    with pytest.raises(HardwareFault, match="not referenced"):
        ready.position(2.5)


def test_an_interrupted_move_stops_the_motor(ready, lab, stage, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lab.clock, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ready.position(2.5)
    lab.clock.sleep(5)
    assert 12.0 < stage.position(lab.clock.now()) < 12.5
    ready.position(2.5)


def test_an_interrupted_reference_move_leaves_it_unreferenced(motor, lab, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lab.clock, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            motor.reference()
    lab.clock.sleep(10)
    assert not motor.referenced()


def test_a_stop_is_not_an_error_and_can_be_repeated(ready):
    ready.stop()
    ready.stop()
    assert ready.position() == pytest.approx(12.5)


def test_a_line_that_dies_during_a_move_is_a_communication_error(ready, faults):
    faults.after(exchanges=12).unplug()
    with pytest.raises(CommunicationError, match=r"motor \(PIMotor at TCPIP0.*axis 1\)"):
        ready.position(2.5)
    faults.replug()
