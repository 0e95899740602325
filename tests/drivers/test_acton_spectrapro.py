"""The SpectraPro driver against transcripts, and on the simulated monochromator."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import (
    CommunicationError,
    HardwareFault,
    IdentityError,
    InstrumentError,
    ReplyError,
    UsageError,
)
from perovskite_meas.drivers import SC10, ActonSpectraPro, AndorCamera
from perovskite_meas.testing import check_driver

LINE = "ASRL9::INSTR"
TABLE = b"\x1a1  1800 g/mm BLZ=  500NM \r\n 2  600 g/mm BLZ=  500NM \r\n 3  Not Installed \r\n"
GREETING = [
    (b"MODEL\r", b"MODEL SP-2-750i  ok\r\n"),
    (b"SERIAL\r", b"SERIAL 27500042  ok\r\n"),
    (b"?GRATINGS\r", b"?GRATINGS \r\n" + TABLE + b" ok\r\n"),
]
QUIET = [
    (b"MODEL\r", b"SP-300i ok\r\n"),
    (b"SERIAL\r", b" 300123\r\n ok\r\n"),
    (b"?GRATINGS\r", TABLE + b"ok\r\n"),
]


def _lab() -> Any:
    path = Path(__file__).parents[1] / "sim" / "spectrum_lab.py"
    spec = importlib.util.spec_from_file_location("spectrum_lab", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _lab()


@pytest.fixture
def mono(visa):
    visa.scripts[LINE] = list(GREETING)
    return ActonSpectraPro("mono", LINE)


@pytest.fixture
def quiet(visa):
    visa.scripts[LINE] = list(QUIET)
    return ActonSpectraPro("mono", LINE)


def test_the_line_is_set_as_the_manual_says_and_it_is_known_by_its_model(mono, visa):
    assert (visa.resource.baud_rate, visa.resource.read_termination) == (9600, "\n")
    assert mono.get_idn() == {
        "vendor": "Princeton Instruments",
        "model": "SP-2-750i",
        "serial": "27500042",
        "firmware": None,
    }


def test_another_instrument_is_refused_by_name(visa):
    visa.scripts[LINE] = [(b"MODEL\r", b"CORNERSTONE 260  ok\r\n")]
    with pytest.raises(IdentityError, match=r"ASRL9::INSTR.*CORNERSTONE.*expected an Acton SpectraPro"):
        ActonSpectraPro("mono", LINE)


def test_answers_are_understood_with_and_without_an_echo_and_with_ok_in_a_line_of_its_own(quiet, transcript):
    assert quiet.get_idn()["serial"] == "300123"
    for answer in (b"546.123 nm ok\r\n", b" 546.123 nm  ok\r\n", b"546.123 nm\r\nok\r\n"):
        with transcript(LINE, [(b"?NM\r", answer)]):
            assert quiet.wavelength() == 546.123
    with transcript(LINE, [(b"?NM\r", b"?NM 546.123 nm  ok\r\n")]):
        assert quiet.wavelength() == 546.123


def test_what_is_mounted_is_listed(mono, transcript):
    with transcript(LINE, [GREETING[2]]):
        assert mono.gratings() == {1: "1800 g/mm BLZ= 500NM", 2: "600 g/mm BLZ= 500NM"}


@pytest.mark.parametrize(
    ("nm", "grating", "limit"), [(934, b"1", "933.333"), (-0.1, b"1", "933.333"), (2801, b"2", "2800")]
)
def test_a_wavelength_beyond_the_gratings_is_refused_before_anything_is_sent(mono, transcript, nm, grating, limit):
    pairs = [(b"?GRATING\r", b"?GRATING " + grating + b"  ok\r\n")]
    with transcript(LINE, pairs), pytest.raises(UsageError, match=rf"{nm} nm refused; with grating.*0 to {limit} nm"):
        mono.wavelength(nm)


BEFORE = [
    (b"?GRATING\r", b"?GRATING 1  ok\r\n"),
    (b"MONO-STOP\r", b"MONO-STOP  ok\r\n"),
    (b"?NM\r", b"?NM 537.000 nm  ok\r\n"),
    (b"?NM/MIN\r", b"?NM/MIN 100.000 nm/min  ok\r\n"),
]


def test_a_short_way_is_scanned_awaited_ended_and_verified(mono, transcript):
    pairs = [
        *BEFORE,
        (b"539.000 >NM\r", b"539.000 >NM  ok\r\n"),
        (b"MONO-?DONE\r", b"MONO-?DONE 0  ok\r\n"),
        (b"MONO-?DONE\r", b"MONO-?DONE 1  ok\r\n"),
        (b"MONO-STOP\r", b"MONO-STOP  ok\r\n"),
        (b"?NM\r", b"?NM 539.001 nm  ok\r\n"),
    ]
    with transcript(LINE, pairs):
        mono.wavelength(539)


def test_a_long_way_is_gone_at_full_speed(mono, transcript, visa):
    pairs = [*BEFORE, (b"700.000 GOTO\r", b"700.000 GOTO  ok\r\n"), (b"?NM\r", b"?NM 700.000 nm  ok\r\n")]
    with transcript(LINE, pairs):
        mono.wavelength(700)
    assert visa.resource.timeout == 2000


def test_an_unknown_word_is_a_fault_that_names_it_and_the_scan_is_stopped(mono, transcript):
    pairs = [*BEFORE, (b"539.000 >NM\r", b"539.000 >NM  ? \r\n"), (b"MONO-STOP\r", b"")]
    with (
        transcript(LINE, pairs),
        pytest.raises(HardwareFault, match=r"'539\.000 >NM' was refused; the firmware does not"),
    ):
        mono.wavelength(539)


@pytest.mark.parametrize("answer", [b"?#?#?#?#\r\n", b"?NM 5#?.?#? nm  ok\r\n", b"?NM ok\r\n", b"?NM nm  ok\r\n"])
def test_garbage_is_told(mono, transcript, answer):
    with transcript(LINE, [(b"?NM\r", answer)]), pytest.raises(ReplyError, match=r"mono.*'\?NM' was answered by"):
        mono.wavelength()


def test_an_answer_without_an_end_is_told(mono, transcript):
    with transcript(LINE, [(b"?NM\r", b"?NM 546.0\r\n")]), pytest.raises(ReplyError, match="a whole answer that ends"):
        mono.wavelength()
    with transcript(LINE, [(b"?NM\r", None)]), pytest.raises(CommunicationError, match="no reply in time"):
        mono.wavelength()


@pytest.mark.parametrize("command", ["?GRATINGS", "MONO-?DONE"])
def test_an_answer_of_another_kind_is_told(mono, transcript, command):
    with transcript(LINE, [(command.encode() + b"\r", command.encode() + b" what  ok\r\n")]):
        with pytest.raises(ReplyError, match="instead of"):
            mono.done() if "DONE" in command else mono.gratings()


# On the simulated monochromator ------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    return tools.Table(tmp_path)


@pytest.fixture
def real(table):
    yield ActonSpectraPro("acton", tools.ACTON, visalib=table.visalib)
    Instrument.close_all()


def where(table):
    return table.spectrograph.nm(table.clock.now())


def test_it_keeps_the_contract_of_a_driver(table):
    check_driver(ActonSpectraPro, address=tools.ACTON, visalib=table.visalib)


@pytest.mark.parametrize("echo", ["on", "off"])
def test_it_goes_where_it_is_told_with_and_without_an_echo(tmp_path, echo):
    table = tools.Table(tmp_path, echo=echo)
    acton = ActonSpectraPro("acton", tools.ACTON, visalib=table.visalib)
    for nm in (505.25, 503.0, 700.0, 0.0):
        acton.wavelength(nm)
        assert where(table) == acton.wavelength() == nm
        assert acton.done()


def test_settings_move_what_they_name(real, table):
    real.scan_rate(600)
    start = table.clock.now()
    real.wavelength(550)
    assert table.clock.now() - start == pytest.approx(5, abs=1)
    real.grating(3)
    assert real.grating() == 3
    assert [index for index, _ in table.spectrograph.gratings] == [3]
    real.exit_mirror("side")
    assert (real.exit_mirror(), real.turret()) == ("side", 1)
    assert table.clock.now() - start < 40


def test_a_grating_that_is_there_already_is_not_turned_to(real, table):
    start = table.clock.now()
    real.grating(1)
    assert table.clock.now() - start < 1
    assert table.spectrograph.gratings == []


def test_a_grating_that_is_not_mounted_or_on_another_turret_is_refused(tmp_path, real):
    with pytest.raises(UsageError, match=r"no grating 5 is mounted; there are 1 \(1800 g/mm"):
        real.grating(5)
    real.close()
    table = tools.Table(tmp_path, gratings="1200 g/mm BLZ= 500NM, MIRROR, 300 g/mm BLZ= 500NM, 2400 g/mm BLZ= 240NM")
    acton = ActonSpectraPro("acton", tools.ACTON, visalib=table.visalib)
    with pytest.raises(UsageError, match="grating 4 is on turret 2, and turret 1 is put in"):
        acton.grating(4)
    acton.turret(2)
    assert acton.grating() == 4
    acton.grating(4)


def test_a_grating_that_slips_is_a_fault(real, table):
    table.acton_faults.slip()
    with pytest.raises(HardwareFault, match="grating 3 is in place after asking for 2"):
        real.grating(2)


def test_a_drive_that_stalls_is_found_by_the_read_back(real, table):
    table.acton_faults.stall()
    with pytest.raises(HardwareFault, match=r"the dial shows 505\.000 nm after a move to 510\.000 nm.*0\.01 nm"):
        real.wavelength(510)
    real.wavelength(510)


def test_a_scan_that_never_ends_is_stopped(real, table):
    table.acton_faults.jam()
    with pytest.raises(HardwareFault, match=r"still moving 17 s after '510\.000 >NM'; stopped"):
        real.wavelength(510)
    table.acton_faults.free()
    real.wavelength(510)


def test_a_long_way_that_never_ends_is_told_and_heals(real, table):
    table.acton_faults.jam()
    with pytest.raises(InstrumentError, match=r"700\.000 GOTO"):
        real.wavelength(700)
    table.acton_faults.free()
    assert real.wavelength() == 500
    real.wavelength(700)


def interrupt(monkeypatch, table, number):
    """Raise KeyboardInterrupt in the `number`-th sleep from now."""
    sleep, calls = table.clock.sleep, []

    def interrupted(seconds):
        calls.append(seconds)
        if len(calls) == number:
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr(table.clock, "sleep", interrupted)


def test_ctrl_c_stops_a_scan_on_the_way(real, table, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt(patch, table, 20)
        with pytest.raises(KeyboardInterrupt):
            real.wavelength(510)
    table.clock.sleep(0.1)
    stood = where(table)
    assert 501 < stood < 509
    table.clock.sleep(30)
    assert where(table) == stood
    real.wavelength(510)


def test_after_an_interrupted_change_of_the_grating_the_late_ok_is_not_taken_for_an_answer(real, table, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        ask = real._ask
        patch.setattr(
            real,
            "_ask",
            lambda command, timeout=None: (
                (real._tell(command), interrupted()) if command == "2 GRATING\r" else ask(command, timeout)
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            real.grating(2)
    assert real.wavelength() == 500
    assert real.grating() == 2


@pytest.mark.parametrize("fault", ["drop", "garble", "delay"])
@pytest.mark.parametrize("after", [4, 8])
def test_a_spoilt_answer_in_a_scan_is_an_error_and_the_drive_stands(real, table, fault, after):
    strike = getattr(table.acton_faults.after(exchanges=after), fault)
    strike(5.0, 2) if fault == "delay" else strike(2)
    with pytest.raises(InstrumentError, match=r"no reply in time|was answered by"):
        real.wavelength(530)
    table.clock.sleep(1)
    stood = where(table)
    table.clock.sleep(30)
    assert where(table) == stood
    real.wavelength(501)
    assert real.wavelength() == 501


def test_a_word_that_the_firmware_does_not_know_is_named(real, table):
    table.acton_faults.forget("MONO-?DONE")
    with pytest.raises(HardwareFault, match=r"'MONO-\?DONE' was refused"):
        real.wavelength(510)
    assert where(table) < 501


def test_an_unplugged_cable_is_a_communication_error_and_heals(real, table):
    table.acton_faults.unplug()
    with pytest.raises(CommunicationError, match="no reply in time"):
        real.wavelength()
    table.acton_faults.replug()
    assert real.wavelength() == 500


def test_on_the_virtual_table_the_line_of_the_lamp_moves_with_the_dial():
    name = "virtual_magneto@twin"
    pyvisa.ResourceManager(name).visalib.reset(None, 1, 0.0)
    acton = ActonSpectraPro("acton", LINE, visalib=name)
    camera = AndorCamera("ccd", library="perovskite_meas.sim.sdk.atmcd", serial="virtual_magneto")
    SC10("lamp", "ASRL5::INSTR", visalib=name).state("open")
    camera.exposure_time(1.0)
    places = []
    for nm in (539.0, 540.0, 541.0):
        acton.wavelength(nm)
        places.append(int(camera.spectrum().argmax()))
    steps = [places[0] - places[1], places[1] - places[2]]
    assert steps == pytest.approx([126, 126], abs=8)
    Instrument.close_all()
