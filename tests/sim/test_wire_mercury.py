"""The simulated Oxford Instruments Mercury iPS, line by line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from perovskite_meas.core.errors import UsageError


def _magnet_lab():
    spec = importlib.util.spec_from_file_location("magnet_lab", Path(__file__).with_name("magnet_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _magnet_lab()


class Axis:
    """Reads and sets one group, without the echo."""

    def __init__(self, terminal, name):
        self.terminal, self.name = terminal, f"DEV:{name}:PSU:"

    def __getitem__(self, noun):
        return self.terminal(f"READ:{self.name}{noun}").removeprefix(f"STAT:{self.name}{noun}:")

    def set(self, noun, value):
        return self.terminal(f"SET:{self.name}{noun}:{value}").rpartition(":")[2]

    def tesla(self, noun="SIG:FLD"):
        return float(self[noun].removesuffix("T"))


@pytest.fixture
def lab():
    return tools.MagnetLab()


@pytest.fixture
def mercury(lab):
    return lab.terminal(tools.MERCURY)


@pytest.fixture
def z(mercury):
    """The wired axis at 0.3 T/min, unclamped."""
    z = Axis(mercury, "GRPZ")
    assert z["ACTN"] == "CLMP"
    assert (z.set("SIG:RFST", 0.3), z.set("ACTN", "HOLD")) == ("VALID", "VALID")
    return z


@pytest.fixture
def x(lab):
    """An axis with a persistent switch, warm, at 1 T."""
    x = Axis(lab.terminal(tools.SWITCHED), "GRPX")
    x.set("SIG:RFST", 0.3)
    x.set("ACTN", "HOLD")
    assert x.set("SIG:SWHT", "ON") == "VALID"
    lab.clock.sleep(20)
    x.set("SIG:FSET", 1)
    x.set("ACTN", "RTOS")
    lab.clock.sleep(201)
    return x


def test_answers_repeat_the_question(mercury):
    assert mercury("*IDN?").startswith("IDN:OXFORD INSTRUMENTS:MERCURY IPS:")
    assert mercury("READ:DEV:GRPZ:PSU:SIG:FLD?") == "STAT:DEV:GRPZ:PSU:SIG:FLD:0.0000T"
    assert mercury("SET:DEV:GRPZ:PSU:SIG:FSET:1.5") == "STAT:SET:DEV:GRPZ:PSU:SIG:FSET:1.5:VALID"
    assert mercury("READ:DEV:GRPZ:PSU:SIG:FSET") == "STAT:DEV:GRPZ:PSU:SIG:FSET:1.5000T"
    assert mercury("READ:DEV:MB1.T1:TEMP:SIG:TEMP?") == "STAT:DEV:MB1.T1:TEMP:SIG:TEMP:3.8000K"
    assert "DEV:GRPX:PSU:DEV:GRPY:PSU:DEV:GRPZ:PSU" in mercury("READ:SYS:CAT")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("HELLO", "HELLO:INVALID"),
        ("READ:NONSENSE", "STAT:NONSENSE:INVALID"),
        ("READ:DEV:GRPQ:PSU:SIG:FLD", "STAT:DEV:GRPQ:PSU:SIG:FLD:NOT_FOUND"),
        ("READ:DEV:GRPZ:TEMP:SIG:TEMP", "STAT:DEV:GRPZ:TEMP:SIG:TEMP:N/A"),
        ("READ:DEV:GRPZ:PSU:SIG:HELLO", "STAT:DEV:GRPZ:PSU:SIG:HELLO:INVALID"),
        ("SET:DEV:GRPZ:PSU:SIG:FSET:9.5", "STAT:SET:DEV:GRPZ:PSU:SIG:FSET:9.5:INVALID"),
        ("SET:DEV:GRPZ:PSU:SIG:FSET:nan", "STAT:SET:DEV:GRPZ:PSU:SIG:FSET:nan:INVALID"),
        ("SET:DEV:GRPZ:PSU:SIG:FLD:1", "STAT:SET:DEV:GRPZ:PSU:SIG:FLD:1:DENIED"),
        ("SET:DEV:GRPZ:PSU:ACTN:RTOS", "STAT:SET:DEV:GRPZ:PSU:ACTN:RTOS:DENIED"),
        ("SET:DEV:GRPZ:PSU:SIG:SWHT:ON", "STAT:SET:DEV:GRPZ:PSU:SIG:SWHT:ON:DENIED"),
    ],
)
def test_each_mistake_has_its_answer(mercury, line, answer):
    assert mercury(line) == answer


class TestRamping:
    def test_it_ramps_to_the_set_point_and_then_holds(self, z, lab):
        z.set("SIG:FSET", -1)
        z.set("ACTN", "RTOS")
        begin = lab.clock.now()
        lab.clock.jump_to(begin + 100)
        assert (z["ACTN"], z.tesla()) == ("RTOS", pytest.approx(-0.5, abs=2e-3))
        assert float(z["SIG:VOLT"].removesuffix("V")) == pytest.approx(-20 * 0.005 / 0.1125, rel=1e-3)
        lab.clock.jump_to(begin + 201)
        assert (z["ACTN"], z.tesla(), lab.tesla("magnet_m")) == ("HOLD", -1, -1)
        assert float(z["SIG:CURR"].removesuffix("A")) == pytest.approx(-1 / 0.1125, abs=1e-4)
        z.set("ACTN", "RTOZ")
        lab.clock.sleep(201)
        assert (z["ACTN"], lab.tesla("magnet_m")) == ("HOLD", 0)
        assert z.set("ACTN", "CLMP") == "VALID"

    def test_hold_stops(self, z, lab):
        z.set("SIG:FSET", 1)
        z.set("ACTN", "RTOS")
        lab.clock.sleep(100)
        z.set("ACTN", "HOLD")
        held = lab.tesla("magnet_m")
        lab.clock.sleep(100)
        assert 0.4 < held == lab.tesla("magnet_m") < 0.6
        assert z.set("ACTN", "CLMP") == "DENIED"

    def test_field_and_current_are_two_words_for_one_thing(self, z):
        z.set("SIG:CSET", 8)
        z.set("SIG:RCST", 4)
        assert (z["SIG:FSET"], z["SIG:RFST"], z["ATOB"]) == ("0.9000T", "0.4500T/m", "8.8889A/T")

    def test_the_other_axes_are_coils_of_their_own(self, mercury, lab):
        y = Axis(mercury, "GRPY")
        y.set("ACTN", "HOLD")
        y.set("SIG:FSET", 0.1)
        y.set("ACTN", "RTOS")
        lab.clock.sleep(100)
        assert (y.tesla(), Axis(mercury, "GRPZ").tesla(), lab.tesla("magnet_m")) == (0.1, 0, 0)

    def test_ramps_can_be_denied(self, mercury, z):
        mercury.faults.refuse_ramps()
        assert z.set("ACTN", "RTOS") == "DENIED"


class TestSwitch:
    def test_a_parked_field_stays_while_the_leads_go_to_zero(self, x, lab):
        assert lab.tesla("magnet_s") == 1
        x.set("SIG:SWHT", "OFF")
        lab.clock.sleep(40)
        x.set("ACTN", "RTOZ")
        lab.clock.sleep(201)
        assert (x.tesla(), x.tesla("SIG:PFLD"), x["SIG:SWHT"], lab.tesla("magnet_s")) == (0, 1, "OFF", 1)

    def test_the_heater_is_denied_to_leads_that_do_not_match_unless_it_is_forced(self, x, lab):
        x.set("SIG:SWHT", "OFF")
        lab.clock.sleep(40)
        x.set("ACTN", "RTOZ")
        lab.clock.sleep(201)
        assert x.set("SIG:SWHT", "ON") == "DENIED"
        assert x.set("SIG:SWHN", "ON") == "VALID"
        lab.clock.sleep(30)
        assert (x["STAT"], lab.tesla("magnet_s")) == ("00000100", 0)

    def test_nothing_starts_while_the_switch_turns(self, x, lab):
        x.set("SIG:SWHT", "OFF")
        assert x.set("ACTN", "RTOZ") == "DENIED"
        lab.clock.sleep(40)
        assert x.set("ACTN", "RTOZ") == "VALID"

    def test_a_magnet_that_was_left_persistent_shows_it(self, mercury, z, lab):
        z.set("SIG:FSET", 1)
        z.set("ACTN", "RTOS")
        lab.clock.sleep(201)
        mercury.faults.leave_persistent()
        assert (z.tesla(), z.tesla("SIG:PFLD"), z["SWPR"], lab.tesla("magnet_m")) == (0, 1, "ON", 1)


class TestFaults:
    def test_a_quench_clamps_until_somebody_acknowledges_it(self, mercury, z, lab):
        z.set("SIG:FSET", 1)
        z.set("ACTN", "RTOS")
        lab.clock.sleep(100)
        mercury.faults.quench()
        lab.clock.sleep(6)
        assert (z["ACTN"], z["STAT"], lab.tesla("magnet_m")) == ("CLMP", "00000100", 0)
        assert "quench" in mercury("READ:SYS:ALRM")
        assert z.set("ACTN", "HOLD") == "DENIED"
        mercury.faults.acknowledge_quench()
        assert (z.set("ACTN", "HOLD"), z["STAT"]) == ("VALID", "00000000")

    def test_a_weak_magnet_quenches_on_its_way(self, mercury, z, lab):
        mercury.faults.quench_at(0.5)
        z.set("SIG:FSET", 1)
        z.set("ACTN", "RTOS")
        lab.clock.sleep(99)
        assert z["ACTN"] == "RTOS"
        lab.clock.sleep(10)
        assert (z["ACTN"], lab.tesla("magnet_m")) == ("CLMP", 0)

    def test_little_helium_is_an_alarm(self, mercury):
        assert mercury("READ:SYS:ALRM") == "STAT:SYS:ALRM:"
        mercury.faults.helium(12.5)
        assert mercury("READ:DEV:DB1.L1:LVL:SIG:HEL:LEV").endswith(":12.50%")
        assert "Helium level low" in mercury("READ:SYS:ALRM")


def test_newer_firmware_calls_a_supply_spsu(lab):
    mercury = lab.terminal(tools.MERCURY, firmware="2.6.04.000")
    assert mercury("READ:DEV:GRPZ:SPSU:SIG:FLD").endswith(":0.0000T")
    assert mercury("READ:DEV:GRPZ:PSU:SIG:FLD").endswith(":N/A")


def test_a_group_that_it_has_not_is_refused(lab):
    with pytest.raises(UsageError, match="GRPZ"):
        lab.terminal(tools.MERCURY, group="GRPA")
