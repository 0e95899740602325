"""The simulated American Magnetics 430, line by line."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest
import pyvisa

from perovskite_meas.sim.serve import serve_tcp


def _magnet_lab():
    spec = importlib.util.spec_from_file_location("magnet_lab", Path(__file__).with_name("magnet_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _magnet_lab()
RAMPING, HOLDING, PAUSED, UP, DOWN, ZEROING, QUENCH, ZERO, HEATING, COOLING = map(str, range(1, 11))


@pytest.fixture
def lab():
    return tools.MagnetLab()


@pytest.fixture
def ami(lab):
    """A programmer that ramps at 0.005 T/s."""
    ami = lab.terminal(tools.AMI)
    ami("CONF:RAMP:RATE:SEG 1", "CONF:RAMP:RATE:FIELD 1,0.005,0")
    return ami


@pytest.fixture
def switched(lab):
    """The same with a persistent switch, warm, at 1 T."""
    ami = lab.terminal(tools.PARKED)
    ami("CONF:RAMP:RATE:FIELD 1,0.005,9", "CONF:PS:HTIME 15", "CONF:PS:CTIME 40", "PS 1")
    lab.clock.sleep(15)
    ami("CONF:FIELD:TARG 1", "RAMP")
    lab.clock.sleep(201)
    return ami


class TestRamping:
    def test_the_field_goes_at_the_rate_that_is_set_and_the_state_follows(self, ami, lab):
        assert ami("STATE?") == PAUSED
        ami("CONF:FIELD:TARG 2", "RAMP")
        begin = lab.clock.now()
        assert ami("STATE?") == RAMPING
        lab.clock.jump_to(begin + 100)
        assert lab.tesla() == pytest.approx(0.5)
        assert float(ami("FIELD:MAG?")) == pytest.approx(0.5, abs=1e-3)
        lab.clock.jump_to(begin + 399.9)
        assert ami("STATE?") == RAMPING
        lab.clock.jump_to(begin + 400)
        assert (ami("STATE?"), float(ami("FIELD:MAG?")), lab.tesla()) == (HOLDING, 2.0, 2.0)

    def test_a_pause_stops_and_a_ramp_goes_on(self, ami, lab):
        ami("CONF:FIELD:TARG -1", "RAMP")
        lab.clock.sleep(100)
        ami("PAUSE")
        held = lab.tesla()
        assert held == pytest.approx(-0.5, abs=1e-3)
        lab.clock.sleep(50)
        assert (ami("STATE?"), lab.tesla()) == (PAUSED, held)
        ami("RAMP")
        lab.clock.sleep(101)
        assert (ami("STATE?"), lab.tesla()) == (HOLDING, -1.0)

    def test_each_segment_has_its_own_rate(self, ami, lab):
        ami("CONF:RAMP:RATE:UNITS 1", "CONF:RAMP:RATE:SEG 2")
        ami("CONF:RAMP:RATE:FIELD 1,0.6,1", "CONF:RAMP:RATE:FIELD 2,0.3,9")
        assert ami("RAMP:RATE:FIELD:1?").split(",") == ["0.60000000", "1.0000000"]
        assert float(ami("RAMP:RATE:CURR:2?").split(",")[0]) == pytest.approx(0.3 / 0.1125)
        ami("CONF:FIELD:TARG 2", "RAMP")
        begin = lab.clock.now()
        for seconds, tesla in ((50, 0.5), (100, 1.0), (200, 1.5), (300, 2.0)):
            lab.clock.jump_to(begin + seconds)
            assert lab.tesla() == pytest.approx(tesla)

    def test_the_voltage_limit_slows_a_ramp_that_the_coil_cannot_follow(self, ami, lab):
        ami("CONF:VOLT:LIM 0.5", "CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(100)
        assert lab.tesla() == pytest.approx(100 * 0.5 / 20 * 0.1125, rel=1e-3)
        assert float(ami("VOLT:MAG?")) == pytest.approx(0.5, rel=1e-6)

    def test_zeroing_has_states_of_its_own(self, ami, lab):
        ami("CONF:FIELD:TARG 0.5", "RAMP")
        lab.clock.sleep(101)
        ami("ZERO")
        assert ami("STATE?") == ZEROING
        lab.clock.sleep(101)
        assert (ami("STATE?"), lab.tesla()) == (ZERO, 0.0)

    def test_up_and_down_by_hand_end_at_the_current_limit(self, ami, lab):
        ami("CONF:CURR:LIMIT 10", "INCR")
        assert ami("STATE?") == UP
        lab.clock.sleep(1000)
        assert lab.tesla() == pytest.approx(1.125)
        ami("DECR")
        assert ami("STATE?") == DOWN
        lab.clock.sleep(1000)
        assert lab.tesla() == pytest.approx(-1.125)

    def test_a_new_target_counts_at_once_while_it_ramps(self, ami, lab):
        ami("CONF:FIELD:TARG 2", "RAMP")
        lab.clock.sleep(100)
        ami("CONF:FIELD:TARG 0.25")
        lab.clock.sleep(51)
        assert (ami("STATE?"), lab.tesla()) == (HOLDING, 0.25)


class TestUnits:
    def test_fields_and_rates_follow_the_units(self, ami, lab):
        ami("CONF:FIELD:TARG 1", "CONF:FIELD:UNITS 0", "CONF:RAMP:RATE:UNITS 1")
        assert float(ami("COIL?")) == pytest.approx(1.125)
        assert float(ami("FIELD:TARG?")) == pytest.approx(10)
        assert float(ami("RAMP:RATE:FIELD:1?").split(",")[0]) == pytest.approx(3)
        assert (ami("FIELD:UNITS?"), ami("RAMP:RATE:UNITS?")) == ("0", "1")

    def test_a_wrong_coil_constant_makes_a_wrong_field(self, ami, lab):
        ami("CONF:COIL 0.09", "CONF:FIELD:TARG 0.9", "RAMP")
        lab.clock.sleep(1000)
        assert float(ami("FIELD:MAG?")) == pytest.approx(0.9)
        assert lab.tesla() == pytest.approx(1.125)

    def test_long_and_short_words_in_any_capitals_mean_the_same(self, ami):
        ami("configure:field:target 1.5")
        assert float(ami("Field:Targ?")) == 1.5
        assert ami("PSwitch:INSTalled?") == ami("PS:INST?") == "0"


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("HELLO", '-101,"Unrecognized command"'),
            ("HELLO?", '-201,"Unrecognized query"'),
            ("CONF:FIELD:TARG two", '-102,"Invalid argument"'),
            ("QU 2", '-103,"Non-boolean argument"'),
            ("CONF:FIELD:TARG", '-104,"Missing parameter"'),
            ("CONF:RAMP:RATE:FIELD 1", '-104,"Missing parameter"'),
            ("CONF:FIELD:TARG 9.01", '-105,"Out of range"'),
            ("CONF:FIELD:TARG nan", '-105,"Out of range"'),
            ("CONF:RAMP:RATE:FIELD 1,0,9", '-105,"Out of range"'),
            ("CONF:PS:HTIME 3", '-105,"Out of range"'),
            ("PS 1", '-107,"No switch installed"'),
        ],
    )
    def test_each_mistake_has_its_number(self, ami, line, error):
        assert ami(line) == ""
        assert (ami("SYST:ERR?"), ami("SYST:ERR?")) == (error, '0,"No errors"')

    def test_the_queue_is_read_oldest_first_and_says_when_it_overflows(self, ami):
        ami("QU 7")
        for _ in range(10):
            ami("HELLO")
        assert ami("SYST:ERR:COUN?") == "10"
        read = [ami("SYST:ERR?") for _ in range(11)]
        assert read[0].startswith("-103")
        assert read[8:] == ['-101,"Unrecognized command"', '-304,"Error buffer overflow"', '0,"No errors"']

    def test_ramps_that_something_inhibits_leave_a_pause_and_an_error(self, ami, lab):
        ami.faults.refuse_ramps()
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(10)
        assert (ami("STATE?"), lab.tesla()) == (PAUSED, 0.0)
        assert ami("SYST:ERR?").startswith("-301")


class TestQuench:
    def test_a_quench_takes_the_field_and_locks_the_ramps_until_it_is_reset(self, ami, lab):
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(100)
        ami.faults.quench()
        struck = lab.clock.now()
        assert (ami("STATE?"), ami("QU?"), ami("QU:COUNT?")) == (QUENCH, "1", "1")
        assert lab.ports["magnet"].quenches == [struck]
        lab.clock.sleep(10)
        assert lab.tesla() == 0
        ami("RAMP", "INCR")
        assert ami("SYST:ERR?") == ami("SYST:ERR?") == '-302,"Quench condition"'
        lab.clock.sleep(100)
        assert lab.tesla() == 0
        ami("QU 0")
        assert (ami("STATE?"), ami("QU?")) == (PAUSED, "0")
        ami("RAMP")
        lab.clock.sleep(201)
        assert (ami("STATE?"), lab.tesla()) == (HOLDING, 1.0)

    def test_a_weak_magnet_quenches_on_its_way(self, ami, lab):
        ami.faults.quench_at(0.7)
        ami("CONF:FIELD:TARG -1", "RAMP")
        begin = lab.clock.now()
        lab.clock.jump_to(begin + 139)
        assert (ami("STATE?"), lab.tesla()) == (RAMPING, pytest.approx(-0.695, abs=1e-3))
        assert float(ami("FIELD:MAG?")) == pytest.approx(-0.695, abs=1e-3), "the leads are still on their way too"
        lab.clock.jump_to(begin + 140.01)
        assert ami("STATE?") == QUENCH
        lab.clock.sleep(5)
        assert (lab.tesla(), float(ami("FIELD:MAG?"))) == (0, 0)

    def test_a_pause_before_the_weak_field_prevents_the_quench(self, ami, lab):
        ami.faults.quench_at(0.7)
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(100)
        ami("PAUSE")
        lab.clock.sleep(500)
        assert (ami("STATE?"), lab.tesla()) == (PAUSED, pytest.approx(0.5, abs=1e-3))

    def test_a_forced_quench_discharges_over_the_supply(self, ami, lab):
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(300)
        ami("QU 1")
        assert ami("STATE?") == QUENCH
        lab.clock.sleep(5)
        assert 0.5 < lab.tesla() < 1
        lab.clock.sleep(60)
        assert lab.tesla() == 0


class TestPersistentSwitch:
    def test_the_heater_takes_its_times(self, lab):
        ami = lab.terminal(tools.PARKED)
        assert (ami("PS:INST?"), ami("PS?"), ami("PERS?")) == ("1", "0", "0")
        ami("PS 1")
        assert (ami("STATE?"), ami("PS?")) == (HEATING, "1")
        ami("RAMP")
        assert ami("SYST:ERR?") == '-301,"Heating switch"'
        lab.clock.sleep(20)
        assert ami("STATE?") == PAUSED
        ami("PS 0")
        assert (ami("STATE?"), ami("PS?")) == (COOLING, "0")
        lab.clock.sleep(20)
        assert (ami("STATE?"), ami("PERS?")) == (PAUSED, "0")

    def test_behind_a_cold_switch_only_the_leads_move(self, lab):
        ami = lab.terminal(tools.PARKED)
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(100)
        assert ami("STATE?") == HOLDING
        assert (float(ami("FIELD:SUPP?")), float(ami("FIELD:MAG?")), lab.tesla("magnet_p")) == (1, 0, 0)

    def test_a_parked_field_stays_while_the_leads_go_to_zero(self, switched, lab):
        assert lab.tesla("magnet_p") == 1
        switched("PS 0")
        lab.clock.sleep(40)
        assert switched("PERS?") == "1"
        switched("ZERO")
        lab.clock.sleep(10)
        assert switched("STATE?") == ZERO
        assert (float(switched("FIELD:MAG?")), float(switched("CURR:SUPP?")), lab.tesla("magnet_p")) == (1, 0, 1)

    def test_matched_leads_take_the_field_over(self, switched, lab):
        switched("PS 0")
        lab.clock.sleep(40)
        switched("ZERO")
        lab.clock.sleep(10)
        switched("RAMP")
        lab.clock.sleep(10)
        switched("PS 1")
        lab.clock.sleep(15)
        assert (switched("STATE?"), switched("PERS?"), lab.tesla("magnet_p")) == (PAUSED, "0", 1)

    def test_warming_the_switch_against_other_leads_quenches(self, switched, lab):
        switched("PS 0")
        lab.clock.sleep(40)
        switched("ZERO")
        lab.clock.sleep(10)
        switched("PS 1")
        lab.clock.sleep(14.9)
        assert (switched("STATE?"), lab.tesla("magnet_p")) == (HEATING, 1)
        lab.clock.sleep(6)
        assert (switched("STATE?"), lab.tesla("magnet_p")) == (QUENCH, 0)

    def test_turning_the_heater_off_in_time_saves_the_field(self, switched, lab):
        switched("PS 0")
        lab.clock.sleep(40)
        switched("ZERO")
        lab.clock.sleep(10)
        switched("PS 1")
        lab.clock.sleep(10)
        switched("PS 0")
        lab.clock.sleep(100)
        assert (switched("STATE?"), lab.tesla("magnet_p")) == (PAUSED, 1)

    def test_a_magnet_that_was_left_persistent_shows_it(self, ami, lab):
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(201)
        ami.faults.leave_persistent()
        assert (ami("PS:INST?"), ami("PS?"), ami("PERS?")) == ("1", "0", "1")
        assert (float(ami("FIELD:MAG?")), float(ami("FIELD:SUPP?")), lab.tesla()) == (1, 0, 1)
        ami("ZERO")
        lab.clock.sleep(1000)
        assert lab.tesla() == 1

    def test_telling_it_of_no_switch_takes_none_away(self, lab):
        ami = lab.terminal(tools.PARKED)
        ami("CONF:PS 0", "CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(400)
        assert (ami("STATE?"), float(ami("FIELD:MAG?")), lab.tesla("magnet_p")) == (HOLDING, 1, 0)

    def test_a_pause_does_not_save_a_quenching_field(self, ami, lab):
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(201)
        ami.faults.quench()
        lab.clock.sleep(1)
        ami("QU 0", "PAUSE")
        lab.clock.sleep(5)
        assert (ami("STATE?"), lab.tesla()) == (PAUSED, 0)

    def test_nobody_notices_a_dead_heater(self, lab):
        ami = lab.terminal(tools.PARKED)
        ami.faults.fail_heater()
        ami("PS 1")
        assert ami("STATE?") == HEATING
        lab.clock.sleep(20)
        ami("CONF:FIELD:TARG 1", "RAMP")
        lab.clock.sleep(400)
        assert (ami("STATE?"), float(ami("FIELD:MAG?")), lab.tesla("magnet_p")) == (HOLDING, 1, 0)


class TestConnection:
    BANNER = ("American Magnetics Model 430 IP Interface", "Hello.")

    @pytest.fixture
    def manager(self, tmp_path, lab):
        with tools.twin(tmp_path, lab) as (name, _):
            yield pyvisa.ResourceManager(name)

    def _open(self, manager):
        return manager.open_resource(tools.AMI, read_termination="\r\n", write_termination="\r\n")

    def test_it_greets_whoever_connects_even_when_the_first_thing_is_a_clear(self, manager):
        for clears in (0, 1, 2):
            line = self._open(manager)
            for _ in range(clears):
                line.clear()
            assert (line.read(), line.read()) == self.BANNER
            assert line.query("STATE?") == PAUSED
            line.close()

    def test_a_clear_in_the_middle_brings_no_second_greeting(self, manager):
        line = self._open(manager)
        assert (line.read(), line.read()) == self.BANNER
        line.write("STATE?")
        line.clear()
        assert line.query("QU?") in (PAUSED, "0")

    def test_a_new_connection_hears_nothing_of_the_old_one(self, manager):
        line = self._open(manager)
        line.write("COIL?")
        line.close()
        line = self._open(manager)
        assert (line.read(), line.read()) == self.BANNER
        assert line.query("QU?") == "0"

    def test_a_second_session_does_not_disturb_the_first(self, manager):
        line = self._open(manager)
        assert (line.read(), line.read()) == self.BANNER
        other = self._open(manager)
        assert line.query("QU?") == "0"
        other.close()
        assert line.query("QU?") == "0"

    def test_a_dropped_connection_is_an_error(self, manager):
        line = self._open(manager)
        manager.visalib.device(tools.AMI).faults.unplug()
        with pytest.raises(pyvisa.VisaIOError):
            line.write("RAMP")

    def test_it_greets_every_client_of_the_served_socket(self):
        lab = tools.MagnetLab(speed=1)
        with serve_tcp(lab.terminal(tools.AMI).device, lab.clock, lab.lock) as port:
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", port), timeout=5) as line, line.makefile("rb") as lines:
                    assert tuple(lines.readline().decode().strip() for _ in self.BANNER) == self.BANNER
                    line.sendall(b"STATE?\n")
                    assert lines.readline() == b"3\r\n"
