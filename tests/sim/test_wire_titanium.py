"""The simulated Mai Tai and Chameleon alone: bytes in, bytes out, and when they shine.

Transcripts: the Mai Tai's after its manual, the Chameleon's after what public drivers send and expect.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas.sim.wire import wire_up


def _lab() -> Any:
    spec = importlib.util.spec_from_file_location("laser_lab", Path(__file__).with_name("laser_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _lab()


class Terminal:
    """Sends bytes to one of the lasers, and returns what comes back."""

    def __init__(self, kind, **options):
        self.world = tools.World(**{kind: options})
        address = tools.TITANIUM if kind == "titanium" else tools.CHAMELEON
        self.laser = self.world.port(kind)
        self.device = wire_up(self.world, address, self.world.config.instruments[address])
        self.faults = self.device.faults
        self.wait = self.world.clock.advance

    def ask(self, data):
        self.device.feed(data, self.world.clock.now())
        heard = []
        while (due := self.device.next_due()) is not None:
            self.world.clock.jump_to(due)
            heard += self.device.poll(self.world.clock.now())
        return b"".join(heard)


@pytest.fixture
def maitai(request):
    return Terminal("titanium", **getattr(request, "param", {}))


@pytest.fixture
def chameleon(request):
    return Terminal("chameleon", **getattr(request, "param", {}))


def starting(name, **options):
    return pytest.mark.parametrize(name, [options], indirect=True)


class TestMaiTai:
    def test_a_transcript(self, maitai):
        for command, reply in [
            (b"*IDN?\r", b"Spectra-Physics,MaiTai,0100,0450-7780A/214-00.004.057\n"),
            (b"READ:PCTW?\n", b"100%\n"),
            (b"read:pctwarmedup?\r\n", b"100%\n"),
            (b"READ:POW?\r", b"1W\n"),
            (b"READ:PLAS:POW?\r", b"10.00W\n"),
            (b"READ:PLAS:DIOD1:TEMP?\r", b"21.5\n"),
            (b"WAV:MIN?\r", b"690nm\n"),
            (b"WAV:MAX?\r", b"1040nm\n"),
            (b"WAV?\r", b"800nm\n"),
            (b"SHUT?\r", b"0\n"),
            (b"MODE?\r", b"PPOW\n"),
            (b"TIM:WATC?\r", b"0\n"),
            (b"PLAS:ERRC?\r", b"0\n"),
            (b"SYST:ERR?\r", b'+0,"No error"\n'),
            (b"SAV\r", b""),
        ]:
            assert maitai.ask(command) == reply

    def test_the_actual_wavelength_lags_behind_the_commanded_one(self, maitai):
        maitai.ask(b"WAV 900\r")
        assert maitai.ask(b"WAV?\r") == b"900nm\n"
        assert maitai.ask(b"READ:WAV?\r") < b"805nm\n"
        assert maitai.ask(b"*STB?\r") == b"1\n"
        maitai.wait(10)
        assert maitai.ask(b"READ:WAV?\r") == b"900nm\n"
        assert maitai.ask(b"*STB?\r") == b"3\n"
        assert maitai.laser.wavelength(maitai.world.clock.now()) == 900

    @pytest.mark.parametrize("command", [b"WAV 689", b"WAV 2000", b"WAV red", b"SHUT 2", b"TIM:WATC -1", b"MODE X"])
    def test_what_is_out_of_range_is_an_execution_error(self, command):
        maitai = Terminal("titanium", status="early")
        assert maitai.ask(command + b"\r") == b""
        assert maitai.ask(b"*STB?\r") == b"%d\n" % (2 + 64 + 128)
        assert maitai.ask(b"*STB?\r") == b"64\n"
        assert not maitai.ask(b"SYST:ERR?\r").startswith(b"+0")
        assert maitai.ask(b"SYST:ERR?\r").startswith(b"+0")

    @starting("maitai", status="early")
    def test_an_unknown_command_is_a_command_error(self, maitai):
        maitai.ask(b"FOO\r")
        assert maitai.ask(b"*STB?\r") == b"%d\n" % (1 + 64 + 128)

    def test_the_report_of_the_shutter_lags_behind_the_shutter(self, maitai):
        maitai.ask(b"SHUT 1\r")
        assert maitai.laser.shines()
        assert maitai.ask(b"SHUT?\r") == b"0\n"
        maitai.wait(1)
        assert maitai.ask(b"SHUT?\r") == b"1\n"
        assert maitai.ask(b"*STB?\r") == b"7\n"

    def test_off_leaves_the_shutter_open(self, maitai):
        maitai.ask(b"SHUT 1\r")
        maitai.wait(2)
        maitai.ask(b"OFF\r")
        assert not maitai.laser.shines()
        assert maitai.ask(b"SHUT?\r") == b"1\n"
        maitai.ask(b"ON\r")
        maitai.wait(5)
        assert maitai.laser.shines()

    @starting("maitai", warm=0)
    def test_it_warms_up_before_it_emits(self, maitai):
        assert maitai.ask(b"READ:PCTW?\r") == b"000%\n"
        maitai.ask(b"ON\r")
        assert maitai.ask(b"SYST:ERR?\r").startswith(b"+0")
        maitai.wait(60)
        assert maitai.ask(b"READ:PCTW?\r") == b"051%\n"
        maitai.ask(b"ON\r")
        assert maitai.ask(b"SYST:ERR?\r") == b'-200,"Execution error"\n'
        maitai.wait(70)
        assert maitai.ask(b"*STB?\r") == b"0\n"
        maitai.ask(b"ON\r")
        maitai.wait(5)
        assert maitai.ask(b"*STB?\r") == b"1\n"  # it emits, but its mode lock takes longer
        maitai.wait(5)
        assert maitai.ask(b"*STB?\r") == b"3\n"

    def test_the_watchdog_ends_the_emission_unless_it_is_fed(self, maitai):
        maitai.ask(b"SHUT 1\r")
        maitai.ask(b"TIM:WATC 60\r")
        for _ in range(3):
            maitai.wait(50)
            assert maitai.laser.shines()
            maitai.ask(b"SHUT?\r")
        maitai.wait(50)
        maitai.ask(b"FOO\r")  # not a valid command
        maitai.wait(11)
        assert not maitai.laser.shines()
        assert maitai.ask(b"*STB?\r") == b"4\n"
        maitai.wait(100)
        assert not maitai.laser.shines()
        maitai.ask(b"ON\r")
        maitai.wait(5)
        assert maitai.laser.shines()
        maitai.ask(b"TIM:WATC 0\r")
        maitai.wait(1000)
        assert maitai.laser.shines()

    def test_it_waits_while_the_other_end_has_asked_it_to(self, maitai):
        assert maitai.ask(b"\x13WAV?\r") == b""
        maitai.wait(1)
        assert maitai.ask(b"\x11") == b"800nm\n"

    def test_faults(self, maitai):
        maitai.faults.stick_shutter()
        maitai.ask(b"SHUT 1\r")
        maitai.wait(2)
        assert maitai.ask(b"SHUT?\r") == b"0\n"
        assert not maitai.laser.shines()
        maitai.faults.free_shutter()
        maitai.faults.lose_mode_lock()
        assert maitai.ask(b"*STB?\r") == b"1\n"
        assert not maitai.laser.locked(maitai.world.clock.now())
        maitai.faults.find_mode_lock()
        maitai.faults.trip_interlock()
        assert maitai.ask(b"*STB?\r") == b"32\n"
        assert maitai.ask(b"PLAS:ERRC?\r") == b"90\n"
        maitai.ask(b"ON\r")
        maitai.wait(5)
        assert not maitai.laser.at("emit")


class TestChameleon:
    def test_it_begins_with_echo_and_prompt(self, chameleon):
        assert chameleon.ask(b"?VW\r\n") == b"?VW 800\r\nCHAMELEON> "
        assert chameleon.ask(b"ECHO=0\r\n") == b"ECHO=0 \r\nCHAMELEON> "
        assert chameleon.ask(b"PROMPT=0\r\n") == b"\r\nCHAMELEON> "
        assert chameleon.ask(b"?VW\r\n") == b"800\r\n"

    def test_a_transcript(self, chameleon):
        chameleon.ask(b"ECHO=0\r\nPROMPT=0\r\n")
        for command, reply in [
            (b"?S", b"0"),
            (b"?SHUTTER", b"0"),
            (b"PRINT WAVELENGTH", b"800"),
            (b"?L", b"1"),
            (b"?UF", b"1000"),
            (b"?TS", b"0"),
            (b"?TMIN", b"690"),
            (b"?TMAX", b"1040"),
            (b"?MDLK", b"1"),
            (b"?ST", b"OK"),
            (b"?F", b"0"),
            (b"?FOO", b"COMMAND NOT EXECUTED"),
            (b"FOO=1", b"COMMAND NOT EXECUTED"),
            (b"FOO", b"COMMAND NOT EXECUTED"),
            (b"SHUTTER=x", b"COMMAND NOT EXECUTED"),
            (b"SHUTTER=2", b"RANGE ERROR"),
            (b"HEARTBEATRATE=101", b"RANGE ERROR"),
            (b"s=1", b""),
        ]:
            assert chameleon.ask(command + b"\r\n") == reply + b"\r\n"
        assert chameleon.laser.shines()

    @pytest.mark.parametrize(("wanted", "reached"), [(900, 900), (1200, 1040), (500, 690)])
    def test_a_wavelength_out_of_range_is_silently_replaced_by_the_nearest(self, chameleon, wanted, reached):
        chameleon.ask(b"ECHO=0\r\nPROMPT=0\r\n")
        assert chameleon.ask(b"WAVELENGTH=%d\r\n" % wanted) == b"\r\n"
        assert chameleon.ask(b"?TS\r\n") == b"1\r\n"
        assert chameleon.ask(b"?MDLK\r\n") == b"2\r\n"
        chameleon.wait(30)
        assert chameleon.ask(b"?TS\r\n") == b"0\r\n"
        assert chameleon.ask(b"?MDLK\r\n") == b"1\r\n"
        assert chameleon.ask(b"?VW\r\n") == b"%d\r\n" % reached

    @starting("chameleon", repeats=True)
    def test_some_repeat_the_query_without_echo(self, chameleon):
        chameleon.ask(b"ECHO=0\r\nPROMPT=0\r\n")
        assert chameleon.ask(b"?UF\r\n") == b"?UF 1000\r\n"

    def test_the_heartbeat_ends_the_emission_unless_it_is_fed(self, chameleon):
        chameleon.ask(b"S=1\r\nHEARTBEATRATE=10\r\nHEARTBEAT=1\r\n")
        chameleon.wait(9)
        chameleon.ask(b"?ST\r\n")
        chameleon.wait(9)
        assert chameleon.laser.shines()
        chameleon.wait(2)
        assert not chameleon.laser.shines()
        assert b"?L 0\r\n" in chameleon.ask(b"?L\r\n")
        chameleon.ask(b"HEARTBEAT=0\r\nLASER=1\r\n")
        chameleon.wait(30)
        assert chameleon.laser.shines()
        chameleon.ask(b"LASER=0\r\n")
        assert not chameleon.laser.shines()

    def test_an_interlock_is_a_fault(self, chameleon):
        chameleon.ask(b"ECHO=0\r\nPROMPT=0\r\n")
        chameleon.faults.trip_interlock()
        assert chameleon.ask(b"?L\r\n?F\r\n?ST\r\n") == b"2\r\n2\r\nFault\r\n"
        chameleon.ask(b"LASER=1\r\n")
        chameleon.wait(60)
        assert not chameleon.laser.at("emit")
        chameleon.faults.close_interlock()
        chameleon.ask(b"LASER=1\r\n")
        chameleon.wait(60)
        assert chameleon.laser.at("emit")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "9" * 5000, "1_0", "", "-1", "\u0663", "MAX", "0x1"])
@pytest.mark.parametrize(
    "words", [("WAV ", "SHUT ", "TIM:WATC ", "MODE "), ("VW=", "SHUTTER=", "HEARTBEATRATE=", "L=")]
)
def test_nonsense_does_not_break_them(words, number):
    laser = Terminal("titanium" if words[0] == "WAV " else "chameleon")
    for word in words:
        laser.ask(f"{word}{number}\r\n".encode())
    assert laser.ask(b"?VW\r\n" if words[0] == "VW=" else b"READ:WAV?\r\n")


@pytest.mark.parametrize(("address", "device"), [(tools.TITANIUM, "MaiTai"), (tools.CHAMELEON, "Chameleon")])
def test_one_that_is_wired_to_nothing_shines_into_a_beam_dump(address, device):
    world = tools.World()
    laser = wire_up(world, address, {"device": device})
    for command in (b"WAV 900", b"VW=900", b"SHUT 1", b"S=1"):
        laser.feed(command + b"\r\n", world.clock.now())
    world.clock.advance(2)
    laser.feed(b"READ:WAV?\r\n?VW\r\n", world.clock.now())
    world.clock.advance(20)
    assert laser.head.port.wavelength(world.clock.now()) == 900
    assert laser.head.locked(world.clock.now())
    laser.faults.lose_mode_lock()
    assert not laser.head.locked(world.clock.now())
