"""Drivers of magnets and cryostats that this project did not write, unmodified, on the simulated ones."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest
import pyvisa

pytest.importorskip("qcodes.instrument_drivers.american_magnetics")


def _magnet_lab():
    spec = importlib.util.spec_from_file_location("magnet_lab", Path(__file__).with_name("magnet_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _magnet_lab()


@pytest.fixture
def lab(monkeypatch):
    """A laboratory in whose time the drivers sleep."""
    lab = tools.MagnetLab()
    monkeypatch.setattr(time, "sleep", lab.clock.sleep)
    monkeypatch.setattr(time, "perf_counter", lab.clock.now)
    return lab


@pytest.fixture
def table(tmp_path, lab):
    with tools.twin(tmp_path, lab) as (name, _):
        yield name


@pytest.fixture
def faults(table):
    manager = pyvisa.ResourceManager(table)
    yield lambda address: manager.visalib.device(address).faults
    manager.close()


@pytest.fixture
def qcodes(table):
    """Return a function that opens a stock driver of QCoDeS."""
    opened = []

    def open_one(kind, name, address):
        opened.append(kind(name, address, visalib=table))
        return opened[-1]

    yield open_one
    for instrument in opened:
        instrument.close()


class TestQcodesAmi430:
    @pytest.fixture
    def kind(self):
        from qcodes.instrument_drivers.american_magnetics import AMIModel430

        return AMIModel430

    @pytest.fixture
    def magnet(self, qcodes, kind):
        magnet = qcodes(kind, "ami", tools.AMI)
        magnet.ramp_rate(0.005)
        return magnet

    def test_it_opens_through_the_welcome_and_knows_what_it_speaks_to(self, magnet):
        assert magnet.IDN()["model"] == "430"
        assert (magnet.field_units(), magnet.ramp_rate_units()) == ("tesla", "seconds")
        assert magnet.coil_constant() == pytest.approx(0.1125)
        assert magnet.field_limit() == pytest.approx(9)
        assert magnet.ramp_rate() == pytest.approx(0.005)
        assert magnet.get_error() == '0,"No errors"'

    def test_it_ramps_and_waits(self, magnet, lab):
        begin = lab.clock.now()
        magnet.field(0.5)
        assert 100 < lab.clock.now() - begin < 102
        assert (magnet.field(), magnet.ramping_state(), lab.tesla()) == (0.5, "holding", 0.5)

    def test_it_ramps_without_waiting_and_pauses(self, magnet, lab):
        magnet.set_field(-1, block=False)
        lab.clock.sleep(50)
        assert magnet.ramping_state() == "ramping"
        magnet.pause()
        assert magnet.ramping_state() == "paused"
        assert magnet.field() == pytest.approx(lab.tesla(), abs=1e-6) == pytest.approx(-0.25, abs=5e-3)
        magnet.zero()
        assert magnet.ramping_state() == "zeroing current"

    def test_its_guards_work(self, magnet, kind):
        with pytest.raises(ValueError, match="higher than limit"):
            magnet.field(9.5)
        with pytest.raises(ValueError, match="above the ramp rate limit"):
            magnet.ramp_rate(0.02)
        assert magnet.get_error() == '0,"No errors"'

    def test_it_refuses_to_ramp_a_quenched_magnet(self, magnet, lab, faults):
        magnet.set_field(1, block=False)
        faults(tools.AMI).quench()
        assert magnet.is_quenched()
        assert magnet.ramping_state() == "quench detected"
        with pytest.raises(Exception, match="Cannot ramp in current state: state is quench"):
            magnet.field(0.1)
        magnet.reset_quench()
        lab.clock.sleep(10)
        magnet.field(0.1)
        assert lab.tesla() == pytest.approx(0.1)

    def test_a_quench_on_the_way_ends_its_wait(self, magnet, lab, faults):
        faults(tools.AMI).quench_at(0.3)
        with pytest.raises(Exception, match="failed with state: quench detected"):
            magnet.field(0.5)

    def test_it_works_the_persistent_switch(self, qcodes, kind, lab):
        magnet = qcodes(kind, "parked", tools.PARKED)
        magnet.ramp_rate(0.005)
        assert magnet.switch_heater.enabled()
        with pytest.raises(Exception, match="Switch heater is not on"):
            magnet.field(0.1)
        magnet.switch_heater.state(True)
        magnet.field(0.1)
        magnet.switch_heater.state(False)
        assert magnet.switch_heater.in_persistent_mode()
        with pytest.raises(Exception, match="Cannot ramp"):
            magnet.field(0.2)
        magnet.zero()
        lab.clock.sleep(10)
        assert (magnet.ramping_state(), lab.tesla("magnet_p")) == ("at zero current", pytest.approx(0.1))

    def test_three_make_a_vector(self, qcodes, kind, lab):
        from qcodes.instrument_drivers.american_magnetics import AMIModel4303D

        axes = [qcodes(kind, f"ami_{n}", address) for n, address in enumerate((tools.AMI, tools.AMI_Y, tools.AMI_Z))]
        for axis in axes:
            axis.ramp_rate(0.005)
        vector = AMIModel4303D("vector", *axes, field_limit=1.0)
        try:
            vector.cartesian((0.1, -0.2, 0.3))
            assert [lab.tesla(port) for port in ("magnet", "magnet_y", "magnet_z")] == pytest.approx([0.1, -0.2, 0.3])
            assert vector.field_measured() == pytest.approx(0.14**0.5)
            with pytest.raises(ValueError, match="exceed limit"):
                vector.x(2)
        finally:
            vector.close()


class TestOnTheMagnetoTable:
    """The same drivers where coil and cold finger belong to a whole virtual laboratory."""

    TABLE = "virtual_magneto@twin"

    @pytest.fixture
    def library(self, monkeypatch):
        manager = pyvisa.ResourceManager(self.TABLE)
        manager.visalib.reset(seed=1, speed=0)
        monkeypatch.setattr(time, "sleep", manager.visalib.clock.sleep)
        yield manager.visalib
        manager.close()

    def test_the_stock_magnet_driver_makes_the_field_at_the_sample(self, library):
        from qcodes.instrument_drivers.american_magnetics import AMIModel430

        magnet = AMIModel430("ami", tools.AMI, visalib=self.TABLE)
        try:
            magnet.ramp_rate(0.005)
            magnet.field(1.0)
            assert magnet.ramping_state() == "holding"
            assert library.world.port("magnet").nominal(library.clock.now()) == 1.0
            library.clock.sleep(20)
            assert library.world.truth("field") == pytest.approx(1, abs=0.06)  # scale and trapped flux
            library.device(tools.AMI).faults.quench()
            library.clock.sleep(30)
            assert (magnet.ramping_state(), magnet.field()) == ("quench detected", 0)
            assert abs(library.world.truth("field")) < 0.03
        finally:
            magnet.close()

    def test_the_stock_controller_warms_and_cools_the_sample(self, library):
        from qcodes.instrument_drivers.Lakeshore import LakeshoreModel336

        shore = LakeshoreModel336("shore", tools.LS336, visalib=self.TABLE)
        try:
            assert shore.A.temperature() == pytest.approx(4, abs=0.3)
            shore.output_1.output_range("high")
            shore.output_1.setpoint(40)
            library.clock.sleep(900)
            assert shore.A.temperature() == pytest.approx(40, abs=0.3)
            shore.output_1.output_range("off")
            library.clock.sleep(900)
            assert shore.A.temperature() == pytest.approx(4, abs=0.3)
        finally:
            shore.close()


class TestPyMeasureAmi430:
    @pytest.fixture
    def magnet(self, table):
        ami = pytest.importorskip("pymeasure.instruments.ami")
        magnet = ami.AMI430(tools.AMI, visa_library=table)
        yield magnet
        magnet.adapter.close()

    def test_it_ramps_by_field_and_by_current(self, magnet, lab):
        magnet.write("CONF:FIELD:UNITS 0")  # it counts in kG
        assert magnet.coilconst == pytest.approx(1.125)
        magnet.target_field = 2
        magnet.ramp_rate_field = 0.04
        magnet.ramp()
        assert magnet.magnet_status == "RAMPING"
        lab.clock.sleep(60)
        assert (magnet.magnet_status, magnet.field, lab.tesla()) == ("HOLDING", 2, pytest.approx(0.2))
        magnet.target_current = 1
        magnet.ramp_rate_current = 0.05
        magnet.ramp()
        lab.clock.sleep(60)
        assert (magnet.magnet_current, magnet.supply_current) == (1, 1)
        assert lab.tesla() == pytest.approx(0.1125)
        magnet.zero()
        lab.clock.sleep(60)
        assert magnet.magnet_status == "AT ZERO CURRENT"


class TestQcodesLakeshore:
    @pytest.mark.parametrize(("model", "address"), [("336", tools.LS336), ("335", tools.LS335)])
    def test_it_regulates_and_reads(self, qcodes, lab, model, address):
        from qcodes.instrument_drivers import Lakeshore

        shore = qcodes(getattr(Lakeshore, f"LakeshoreModel{model}"), "shore", address)
        assert shore.IDN()["model"] == model
        assert shore.A.temperature() == pytest.approx(4)
        assert (shore.A.sensor_status(), shore.A.units(), shore.A.sensor_type()) == ("OK", "kelvin", "ntc_rtd")
        assert (shore.output_1.mode(), shore.output_1.input_channel()) == ("closed_loop", "A")
        shore.output_1.range_limits([10, 40, 400])
        shore.output_1.wait_tolerance(0.001)
        shore.output_1.blocking_t(50)
        assert shore.output_1.output_range() == "high"
        assert lab.ports["cryostat"].kelvin("A", lab.clock.now()) == pytest.approx(50, rel=2e-3)
        shore.output_1.setpoint_ramp_enabled(True)
        shore.output_1.setpoint_ramp_rate(5)
        shore.output_1.setpoint(60)
        assert shore.output_1.setpoint_ramp_status()
        shore.A.t_limit(310)
        shore.A.sensor_name("dot 17         ")
        assert (shore.A.t_limit(), shore.A.sensor_name().strip(), shore.output_1.P()) == (310, "dot 17", 50)

    def test_it_sees_a_broken_sensor(self, qcodes, faults):
        from qcodes.instrument_drivers.Lakeshore import LakeshoreModel336

        shore = qcodes(LakeshoreModel336, "shore", tools.LS336)
        faults(tools.LS336).open_sensor("A")
        assert set(shore.A.sensor_status().split(", ")) == {"Invalid Reading", "Sensor Units Overrange"}
        assert shore.C.sensor_status() == shore.A.sensor_status()


class TestQcodesMercury:
    @pytest.fixture
    def mercury(self, qcodes):
        from qcodes.instrument_drivers.oxford import OxfordMercuryiPS

        return qcodes(OxfordMercuryiPS, "mercury", tools.MERCURY)

    def test_it_ramps_the_wired_axis(self, mercury, lab):
        assert mercury.IDN()["model"] == "MERCURY IPS"
        assert mercury.magnet_temp() == pytest.approx(3.8)
        axis = mercury.GRPZ
        assert axis.ATOB() == pytest.approx(8.8889)
        axis.field_ramp_rate(0.005)
        assert axis.field_ramp_rate() == pytest.approx(0.005)
        assert axis.ramp_status() == "CLAMP"
        mercury.z_ramp(0.2)
        assert (axis.ramp_status(), mercury.z_measured(), lab.tesla("magnet_m")) == ("HOLD", 0.2, pytest.approx(0.2))
        axis.field_target(0.3)
        axis.ramp_to_target()
        assert mercury.is_ramping()
        axis.ramp_status("HOLD")
        assert not mercury.is_ramping()
        axis.ramp_status("TO ZERO")
        lab.clock.sleep(100)
        assert axis.field() == axis.voltage() == 0

    def test_it_makes_a_vector_of_three(self, mercury):
        from qcodes.math_utils import FieldVector

        mercury.field_target(FieldVector(0.05, -0.02, 0.1))
        mercury.ramp("simul_block")
        assert mercury.field_measured().get_components("x", "y", "z") == pytest.approx([0.05, -0.02, 0.1])

    def test_a_switch_heater_that_is_not_there_stays_off(self, mercury):
        mercury.GRPZ.heater_switch("ON")
        assert mercury.GRPZ.heater_switch() == "OFF"


class TestQcodesCryomagnetics:
    @pytest.fixture
    def magnet(self, table):
        from qcodes.instrument_drivers.cryomagnetics import CryomagneticsModel4G

        limits = {0: (40.0, 0.04), 1: (80.0, 0.02)}
        magnet = CryomagneticsModel4G("cryo", tools.CRYOMAGNETICS, limits, 0.1125, visalib=table)
        yield magnet
        magnet.close()

    def test_it_sweeps_and_waits(self, magnet, lab):
        assert (magnet.IDN()["model"], magnet.units()) == ("4G", "T")
        magnet.field(0.5)
        assert magnet.field() == pytest.approx(0.5, abs=2e-3) == pytest.approx(lab.tesla("magnet_c"), abs=2e-3)
        assert magnet.magnet_operating_state().standby
        assert magnet.get_rates()[1] == (pytest.approx(9), pytest.approx(0.135, abs=1e-3))
        magnet.set_field(1, block=False)
        assert magnet.Vmag() == pytest.approx(0.8, abs=0.01)
        with pytest.raises(Exception, match="already ramping"):
            magnet.magnet_operating_state()

    def test_it_sees_a_quench(self, magnet, lab, faults):
        magnet.set_field(1, block=False)
        lab.clock.sleep(50)
        faults(tools.CRYOMAGNETICS).quench()
        with pytest.raises(Exception, match="quench condition"):
            magnet.magnet_operating_state()
        lab.clock.sleep(6)
        assert lab.tesla("magnet_c") == 0
        magnet.quenched_state_reset()
        assert magnet.magnet_operating_state().can_start_ramping()


class TestPyMeasureIps120:
    @pytest.fixture
    def magnet(self, table, lab, monkeypatch):
        module = pytest.importorskip("pymeasure.instruments.oxfordinstruments.ips120_10")
        monkeypatch.setattr(module, "sleep", lab.clock.sleep)  # imported by name
        magnet = module.IPS120_10(tools.IPS, visa_library=table)
        yield magnet
        magnet.adapter.close()

    def test_it_works_the_switch_the_field_and_the_persistent_mode(self, magnet, lab):
        magnet.enable_control()
        lab.clock.sleep(20)
        assert (magnet.activity, magnet.control_mode, magnet.switch_heater_enabled) == ("hold", "RU", True)
        magnet.set_field(0.5, sweep_rate=0.3)
        assert lab.tesla("magnet_i") == pytest.approx(0.5)
        assert (magnet.field, magnet.demand_field, magnet.switch_heater_enabled) == (0.5, 0, False)
        magnet.set_field(0)
        assert (lab.tesla("magnet_i"), magnet.sweep_status) == (pytest.approx(0, abs=1e-9), "at rest")
        magnet.disable_control()
        assert (magnet.activity, magnet.control_mode) == ("clamp", "LU")

    def test_what_is_not_understood_is_an_error(self, magnet):
        errors = pytest.importorskip("pymeasure.instruments.oxfordinstruments.base")
        with pytest.raises(errors.OxfordVISAError, match="did not understand"):
            magnet.activity = "to zero"  # it is in local
        magnet.control_mode = "RU"
        with pytest.raises(errors.OxfordVISAError, match="did not understand"):
            magnet.activity = "to setpoint"  # it is clamped
