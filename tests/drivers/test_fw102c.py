"""The FW102C driver against transcripts of the wheel's command line, and on the simulated wheel."""

import importlib.util
from pathlib import Path

import pytest
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError, UsageError
from perovskite_meas.drivers import FW102C

LINE = "ASRL12::INSTR"


def said(command, reply=None):
    return f"{command}\r".encode(), (f"{command}\r" + (f"{reply}\r" if reply is not None else "") + "> ").encode()


GREETING = [said("*idn?", "THORLABS FW102C/FW212C Filter Wheel version 1.07"), said("pcount?", "6")]


@pytest.fixture
def wheel(visa):
    visa.scripts[LINE] = list(GREETING)
    return FW102C("wheel", LINE)


def test_opening_the_instrument_turns_nothing(wheel):
    assert wheel.get_idn() == {"vendor": "Thorlabs", "model": "FW102C", "serial": None, "firmware": "1.07"}


def test_another_instrument_is_refused_by_name(visa):
    visa.scripts[LINE] = [said("*idn?", "THORLABS SC10 VERSION 1.07")]
    with pytest.raises(IdentityError, match=r"SC10.*expected a Thorlabs FW102C"):
        FW102C("wheel", LINE)


def test_a_place_is_set_and_read_back(wheel, transcript):
    with transcript(LINE, [said("pos=4"), said("pos?", "4"), said("pos?", "4")]):
        wheel.position(4)
        assert wheel.position() == 4


def test_another_place_than_asked_for_is_a_fault(wheel, transcript):
    with (
        transcript(LINE, [said("pos=4"), said("pos?", "3")]),
        pytest.raises(HardwareFault, match=r"stands at place 3 after it was sent to 4.*another filter is in the beam"),
    ):
        wheel.position(4)


def test_places_that_the_wheel_does_not_have_are_refused(wheel):
    with pytest.raises(UsageError, match="place 7 refused; this wheel has places 1 to 6"):
        wheel.position(7)


def test_an_error_of_the_wheel_is_a_fault(wheel, transcript):
    with (
        transcript(LINE, [said("pos=2", "Command error CMD_ARG_INVALID")]),
        pytest.raises(HardwareFault, match="'pos=2' was refused: Command error CMD_ARG_INVALID"),
    ):
        wheel.position(2)


def test_what_is_no_number_is_an_error(wheel, transcript):
    with transcript(LINE, [said("pos?", "four")]), pytest.raises(ReplyError, match="a whole number"):
        wheel.position()


def test_speed_and_sensors_are_set_in_words_and_read_back(wheel, transcript):
    pairs = [said("speed=0"), said("speed?", "0"), said("speed?", "1"), said("sensors=0"), said("sensors?", "0")]
    with transcript(LINE, [*pairs, said("sensors=1"), said("sensors?", "0")]):
        wheel.speed("slow")
        assert wheel.speed() == "fast"
        wheel.sensors(False)
        with pytest.raises(HardwareFault, match="sensors is 0 after setting 1"):
            wheel.sensors(True)


@pytest.fixture
def table(tmp_path):
    path = Path(__file__).parents[1] / "sim" / "laser_lab.py"
    spec = importlib.util.spec_from_file_location("laser_lab", path)
    tools = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tools)
    yield tools.Table(tmp_path)
    Instrument.close_all()


def test_on_the_simulated_wheel_a_set_returns_when_it_stands(table):
    wheel = FW102C("wheel", LINE, visalib=table.visalib)
    wheel.position(4)
    place, _, end = table.world.ports["filter"].turns[-1]
    assert (place, wheel.position(), wheel.places()) == (4, 4, 6)
    assert table.world.clock.now() >= end
    faults = table.faults(LINE)
    faults.jam()
    with pytest.raises(HardwareFault, match="stands at place 4 after it was sent to 1"):
        wheel.position(1)
    faults.free()
    faults.drop(2)
    with pytest.raises(CommunicationError):
        wheel.position(1)
    assert wheel.position() == 1
