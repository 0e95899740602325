"""The simulated SpectraPro alone: bytes in, bytes out, and where the grating is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.wire import wire_up


def _lab() -> Any:
    spec = importlib.util.spec_from_file_location("spectrum_lab", Path(__file__).with_name("spectrum_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _lab()


class Terminal:
    """Sends bytes to the monochromator, and returns what comes back."""

    def __init__(self, **options):
        self.world = tools.World()
        wiring = {**self.world.config.instruments[tools.ACTON], **options}
        self.device = wire_up(self.world, tools.ACTON, wiring)

    def send(self, data):
        self.device.feed(data, self.world.clock.now())

    def listen(self):
        heard = []
        while (due := self.device.next_due()) is not None:
            self.world.clock.jump_to(due)
            heard += self.device.poll(self.world.clock.now())
        return b"".join(heard)

    def ask(self, data):
        self.send(data)
        return self.listen()

    def dial(self):
        return self.world.port("spectrograph").nm(self.world.clock.now())


@pytest.fixture
def mono():
    return Terminal()


def test_it_repeats_what_it_hears_and_says_ok_in_the_same_line(mono):
    assert mono.ask(b"?NM\r") == b"?NM 500.000 nm  ok\r\n"
    assert mono.ask(b"MODEL\r") == b"MODEL SP-2750  ok\r\n"
    assert mono.ask(b"?nm/min\r\n") == b"?nm/min 100.000 nm/min  ok\r\n"
    assert mono.ask(b"1000 NM/MIN\r") == b"1000 NM/MIN  ok\r\n"
    assert mono.ask(b"NO-ECHO\r") == b"NO-ECHO  ok\r\n"
    assert mono.ask(b"?NM/MIN\r") == b"1000.000 nm/min  ok\r\n"


def test_a_command_waits_for_its_carriage_return(mono):
    assert mono.ask(b"?N") == b""
    assert mono.ask(b"M\r") == b"?NM 500.000 nm  ok\r\n"


@pytest.mark.parametrize("command", [b"FOO\r", b"1 2 NM\r", b"x NM\r", b"nan NM\r", b"-1 GOTO\r", b"934 GOTO\r"])
def test_what_it_does_not_know_or_cannot_do_is_answered_by_a_question_mark(mono, command):
    assert mono.ask(command) == command[:-1] + b"  ? \r\n"
    assert mono.dial() == 500


@pytest.mark.parametrize("command", [b"4 GRATING\r", b"0 GRATING\r", b"2 TURRET\r", b"3000 NM/MIN\r", b"0 NM/MIN\r"])
def test_what_is_not_mounted_or_out_of_range_is_refused(mono, command):
    assert mono.ask(command).endswith(b" ? \r\n")


def test_goto_and_nm_say_ok_when_they_have_finished(mono):
    start = mono.world.clock.now()
    assert mono.ask(b"540.0004 GOTO\r") == b"540.0004 GOTO  ok\r\n"
    assert mono.dial() == 540
    assert mono.world.clock.now() - start == pytest.approx(40 / 20, abs=0.5)
    start = mono.world.clock.now()
    assert mono.ask(b"539 NM\r").endswith(b"ok\r\n")
    assert mono.world.clock.now() - start == pytest.approx(0.6, abs=0.5)
    assert mono.ask(b"?NM\r") == b"?NM 539.000 nm  ok\r\n"


def test_what_comes_during_a_motion_waits_for_its_end(mono):
    mono.send(b"540 GOTO\r")
    mono.send(b"?NM\r")
    assert mono.listen() == b"540 GOTO  ok\r\n?NM 540.000 nm  ok\r\n"


def test_a_scan_is_asked_for_its_end_and_stopped_on_the_way(mono):
    assert mono.ask(b"510 >NM\r") == b"510 >NM  ok\r\n"
    assert mono.ask(b"MONO-?DONE\r") == b"MONO-?DONE 0  ok\r\n"
    mono.world.clock.sleep(3)
    mono.ask(b"MONO-STOP\r")
    where = mono.dial()
    assert where == pytest.approx(505, abs=0.4)
    mono.world.clock.sleep(10)
    assert mono.dial() == where
    assert mono.ask(b"MONO-?DONE\r") == b"MONO-?DONE 1  ok\r\n"


def test_a_scan_that_arrived_must_be_stopped_before_the_next_motion(mono):
    mono.ask(b"501 >NM\r")
    mono.world.clock.sleep(10)
    assert mono.ask(b"MONO-?DONE\r") == b"MONO-?DONE 1  ok\r\n"
    assert mono.ask(b"502 GOTO\r").endswith(b"? \r\n")
    mono.ask(b"MONO-STOP\r")
    assert mono.ask(b"502 GOTO\r").endswith(b"ok\r\n")
    assert mono.dial() == 502


def test_gratings_are_listed_with_an_arrow_before_the_present_one(mono):
    lines = mono.ask(b"?GRATINGS\r").split(b"\r\n")
    assert lines[0] == b"?GRATINGS "
    assert lines[1] == b"\x1a1  1800 g/mm BLZ=  500NM "
    assert lines[2].startswith(b" 2  600 g/mm")
    assert lines[4] == b" 4  Not Installed "
    assert lines[10] == b"  ok"


def test_a_change_of_the_grating_lasts_and_widens_the_range(mono):
    start = mono.world.clock.now()
    assert mono.ask(b"2 GRATING\r") == b"2 GRATING  ok\r\n"
    assert mono.world.clock.now() - start == pytest.approx(20, abs=0.5)
    assert mono.ask(b"?GRATING\r") == b"?GRATING 2  ok\r\n"
    ((index, when),) = mono.world.port("spectrograph").gratings
    assert (index, when) == (2, pytest.approx(start + 20, abs=0.5))
    assert mono.ask(b"1000 GOTO\r").endswith(b"ok\r\n")
    assert mono.ask(b"2 GRATING\r").endswith(b"ok\r\n")
    assert len(mono.world.port("spectrograph").gratings) == 1


def test_another_turret_brings_its_grating_in_the_same_place():
    gratings = "1200 g/mm BLZ= 500NM, 600 g/mm BLZ= 500NM, 300 g/mm BLZ= 500NM, 2400 g/mm BLZ= 240NM"
    mono = Terminal(gratings=gratings, model="SP-2500i", serial="25001", echo="off")
    assert mono.ask(b"SERIAL\r") == b"25001  ok\r\n"
    assert mono.ask(b"4 GRATING\r").endswith(b"? \r\n")
    assert mono.ask(b"2 TURRET\r").endswith(b"ok\r\n")
    assert mono.ask(b"?GRATING\r") == b"4  ok\r\n"
    assert mono.ask(b"?TURRET\r") == b"2  ok\r\n"
    assert b"\x1a2  TURRET 2" in mono.ask(b"?TURRETS\r")
    assert mono.ask(b"701 GOTO\r").endswith(b"? \r\n")


def test_the_exit_mirror_turns(mono):
    assert mono.ask(b"EXIT-MIRROR\r?MIRROR\r") == b"EXIT-MIRROR  ok\r\n?MIRROR front  ok\r\n"
    mono.ask(b"SIDE\r")
    assert mono.ask(b"?MIRROR\r") == b"?MIRROR side  ok\r\n"
    assert mono.ask(b"?MIR\r") == b"?MIR 1  ok\r\n"
    mono.ask(b"ENT-MIRROR\r")
    assert mono.ask(b"?MIRROR\r") == b"?MIRROR front  ok\r\n"


def test_a_jam_is_a_motion_without_end(mono):
    mono.device.faults.jam()
    assert mono.ask(b"510 >NM\r").endswith(b"ok\r\n")
    mono.world.clock.sleep(1000)
    assert mono.ask(b"MONO-?DONE\r") == b"MONO-?DONE 0  ok\r\n"
    mono.ask(b"MONO-STOP\r")
    assert mono.ask(b"510 GOTO\r") == b"510 GOTO "
    assert mono.ask(b"?NM\r") == b""
    mono.device.faults.free()
    assert mono.ask(b"?NM\r") == b"?NM 500.000 nm  ok\r\n"


def test_mechanics_may_fail_without_a_word(mono):
    mono.device.faults.stall()
    assert mono.ask(b"510 GOTO\r").endswith(b"ok\r\n")
    assert mono.ask(b"?NM\r") == b"?NM 505.000 nm  ok\r\n"
    mono.device.faults.slip()
    assert mono.ask(b"2 GRATING\r").endswith(b"ok\r\n")
    assert mono.ask(b"?GRATING\r") == b"?GRATING 3  ok\r\n"
    mono.device.faults.forget(">nm")
    assert mono.ask(b"510 >NM\r").endswith(b"? \r\n")


def test_a_monochromator_without_a_port_is_refused():
    with pytest.raises(UsageError, match="SpectraPro needs 'port'"):
        wire_up(tools.World(), "ASRL9::INSTR", {"device": "SpectraPro"})
