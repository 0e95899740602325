"""The Light Conversion driver on the simulated laser, and against servers with other habits."""

import importlib.util
from pathlib import Path

import pytest
import pyvisa
from pyvisa.constants import InterfaceType
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError, UsageError
from perovskite_meas.drivers import LightConversion


def _lab():
    spec = importlib.util.spec_from_file_location(
        "laser_lab", Path(__file__).parents[1].joinpath("sim", "laser_lab.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _lab()
FIRST = "1"
"""What a server says of its divider when the driver connects."""


@pytest.fixture
def table(tmp_path, request):
    yield tools.Table(tmp_path, laser=getattr(request, "param", {}))
    Instrument.close_all()


@pytest.fixture
def laser(table):
    return LightConversion("laser", tools.LASER, visalib=table.visalib)


def with_server(**options):
    return pytest.mark.parametrize("table", [options], indirect=True)


def test_opening_the_instrument_changes_nothing(laser, table):
    assert (laser.output(), laser.state(), laser.errors(), laser.warnings()) == ("closed", "Operational", "", "")
    assert laser.interlock() == "ok"
    assert laser.get_idn()["vendor"] == "Light Conversion"
    assert not table.laser.shines()


def test_the_output_opens_and_closes_and_is_confirmed_within_half_a_period_of_10_hz(laser, table):
    laser.output("open")
    assert (laser.output(), laser.state(), table.laser.shines()) == ("open", "EmissionOn", True)
    before = table.world.clock.now()
    laser.output("closed")
    assert table.world.clock.now() - before < 0.05
    assert (laser.output(), table.laser.shines()) == ("closed", False)


def test_what_it_reads_has_si_units(laser):
    laser.divider(50)
    laser.attenuator(50)
    laser.output("open")
    assert laser.divider() == 50
    assert laser.attenuator() == pytest.approx(50)
    assert laser.frequency() == pytest.approx(1000)
    assert laser.output_frequency() == pytest.approx(20)
    assert laser.energy() == pytest.approx(500e-6)
    assert laser.power() == pytest.approx(0.01)
    assert laser.amplifier_power() == pytest.approx(1)
    assert laser.pulse_duration() == 190


@with_server(chunked=True)
def test_bodies_in_chunks_are_read(laser):
    assert (laser.divider(), laser.state()) == (100, "Operational")


@with_server(version="v0", tells_duration=False)
def test_older_servers_have_another_base_and_say_what_they_do_not_have(table):
    with pytest.raises(HardwareFault, match=r"404.*`base` in the station file"):
        LightConversion("new", tools.LASER, visalib=table.visalib)
    laser = LightConversion("old", tools.LASER, base="v0/", visalib=table.visalib)
    assert laser.divider() == 100
    with pytest.raises(HardwareFault, match=r"ActualPulseDuration was refused with status 404.*does not have it"):
        laser.pulse_duration()


@with_server(keep_alive=0.5)
def test_a_connection_that_the_server_has_closed_is_made_anew(laser, table):
    laser.output("open")
    table.world.clock.advance(10)
    assert laser.output() == "open"


def test_a_connection_that_is_lost_while_it_is_used_is_made_anew_once(laser, table):
    faults = table.faults(tools.LASER)
    faults.after(exchanges=1).unplug()
    assert laser.divider() == 100
    with pytest.raises(CommunicationError, match=r"laser \(LightConversion at TCPIP0::192.168.0.30::20020::SOCKET\)"):
        laser.divider()
    with pytest.raises(CommunicationError):
        laser.divider()
    faults.replug()
    assert laser.divider() == 100


def test_one_lost_reply_does_not_leave_the_output_open(laser, table):
    laser.output("open")
    table.faults(tools.LASER).drop()
    laser.output("closed")
    assert not table.laser.shines()
    table.faults(tools.LASER).drop()
    with pytest.raises(CommunicationError, match="no reply in time"):
        laser.output("open")


def test_a_late_reply_is_not_taken_for_that_to_the_next_question(laser, table):
    table.faults(tools.LASER).delay(3.5)
    with pytest.raises(CommunicationError):
        laser.divider()
    assert laser.state() == "Operational"
    assert laser.divider() == 100


def test_a_garbled_reply_is_an_error_and_the_next_one_is_read(laser, table):
    table.faults(tools.LASER).garble()
    with pytest.raises(ReplyError, match="status line of HTTP"):
        laser.divider()
    assert laser.divider() == 100


@with_server(state="StandingBy")
def test_what_the_state_forbids_is_refused_with_what_the_laser_says(laser, table):
    with pytest.raises(HardwareFault, match=r"POST Basic/EnableOutput was refused with status 403.*StandingBy"):
        laser.output("open")
    laser.turn_on()
    laser.output("open")
    assert table.laser.shines()
    laser.standby()
    assert laser.state() == "StandingBy"
    assert not table.laser.shines()


@with_server(state="Off", turn_on=100.0)
def test_a_laser_that_does_not_start_in_time_is_a_fault(laser):
    with pytest.raises(HardwareFault, match=r"not so within 20 s that the laser is operational: state Preparing"):
        laser.turn_on(20)


def test_a_value_that_the_laser_does_not_accept_is_a_fault_with_its_range(laser):
    with pytest.raises(HardwareFault, match=r"TargetPpDivider was refused.*400.*from 1 to 65535, not 100000"):
        laser.divider(100_000)
    with pytest.raises(ValueError, match="must be between 0 and 100"):
        laser.attenuator(101)


def test_a_stuck_picker_is_confirmed_as_closed_which_only_a_meter_can_contradict(laser, table):
    laser.output("open")
    table.faults(tools.LASER).stick_picker()
    laser.output("closed")
    assert laser.output() == "closed"
    assert table.laser.shines()


def test_an_output_that_stays_open_is_a_fault_that_warns_of_light(laser, monkeypatch):
    laser.output("open")
    monkeypatch.setattr(laser, "_post", lambda *_: None)
    with pytest.raises(HardwareFault, match=r"that the output is closed: state EmissionOn.*LIGHT MAY"):
        laser.output("closed")


def test_errors_are_told_in_one_line(laser, table):
    table.faults(tools.LASER).lose_mode_lock()
    assert laser.errors() == "E042 Oscillator is not mode-locked"
    table.faults(tools.LASER).trip_interlock()
    assert laser.errors() == "E017 Remote interlock is active; E042 Oscillator is not mode-locked"
    assert laser.interlock() == "tripped"
    with pytest.raises(HardwareFault, match="403"):
        laser.output("open")


def test_a_preset_is_applied_with_the_output_closed(laser):
    laser.preset(3)
    assert (laser.preset(), laser.divider(), laser.attenuator()) == (3, 1000, pytest.approx(50))
    laser.output("open")
    with pytest.raises(HardwareFault, match="preset 1 refused while the output is open"):
        laser.preset(1)


def test_only_sockets_are_addresses():
    with pytest.raises(UsageError, match=r"TCPIP0::<host>::<port>::SOCKET"):
        LightConversion("laser", "http://192.168.0.30:20020/v1")


class Server:
    """A VISA library whose one address replies with what was written down, whatever is asked."""

    interface_type = InterfaceType.tcpip

    def __init__(self, *replies):
        self.visalib = self
        self.replies = [reply(FIRST), *replies]
        self.asked, self.input = [], bytearray()
        self.connections = 0
        self.timeout = 0.0

    def open_resource(self, address):
        self.connections += 1
        return self

    def write_raw(self, message):
        self.asked.append(message)
        self.input += self.replies.pop(0)

    def read_raw(self):
        return self.read_bytes(self.input.index(b"\n") + 1)

    def read_bytes(self, count):
        taken = bytes(self.input[:count])
        del self.input[:count]
        return taken

    def clear(self):
        self.input.clear()

    def close(self):
        self.input.clear()


@pytest.fixture
def server(monkeypatch):
    """Return a function that opens the driver on the replies of another server, and gives both."""

    def opened(*replies):
        library = Server(*replies)
        monkeypatch.setattr(pyvisa, "ResourceManager", lambda name="": library)
        return LightConversion("laser", tools.LASER), library

    yield opened
    Instrument.close_all()


def reply(body, *fields, status="200 OK", version="1.1"):
    lines = [f"HTTP/{version} {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", body]).encode()


def test_a_request_names_host_and_length(server):
    laser, library = server(reply(""), reply("7"))
    laser.divider(7)
    assert library.asked[1] == (
        b"PUT /v1/Basic/TargetPpDivider HTTP/1.1\r\nHost: 192.168.0.30:20020\r\nAccept: application/json\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1\r\n\r\n7"
    )
    assert library.asked[2].endswith(b"Accept: application/json\r\n\r\n")


@pytest.mark.parametrize("habit", [("Connection: close",), ()], ids=["says close", "HTTP/1.0"])
def test_a_server_that_closes_after_each_reply_gets_a_connection_for_each_request(server, habit):
    laser, library = server(*[reply("5", *habit, version="1.1" if habit else "1.0")] * 3)
    before = library.connections
    for _ in range(3):
        assert laser.divider() == 5
    assert library.connections == before + 2


def test_an_interim_reply_is_passed_over(server):
    laser, _ = server(b"HTTP/1.1 100 Continue\r\n\r\n" + reply("5"))
    assert laser.divider() == 5


def test_a_reply_may_have_no_content(server):
    laser, _ = server(b"HTTP/1.1 204 No Content\r\n\r\n", reply("true"))
    laser.output("open")


@pytest.mark.parametrize("told", ['"12"', "12.0", "12"])
def test_a_number_may_come_as_text(server, told):
    assert server(reply(told))[0].divider() == 12


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"hello\n", "status line"),
        (b"HTTP/1.1 200 OK\r\nno field\r\n\r\n", "header field"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "a body with its length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "size of a chunk"),
        (reply("<html>"), "JSON"),
        (reply("null"), "a number"),
        (reply("2.5"), "an integer"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101, "an end of the header"),
    ],
)
def test_what_is_no_reply_is_an_error_that_shows_it(server, raw, expected):
    with pytest.raises(ReplyError, match=expected):
        server(raw)[0].divider()


def test_a_flag_is_true_or_false_and_nothing_else(server):
    with pytest.raises(ReplyError, match="true or false"):
        server(reply("0"))[0].output()


def test_errors_may_be_texts_or_anything_else(server):
    laser, _ = server(reply('["too warm", {"Description": "door"}, {"a": 1}]'), reply('"hot"'), reply("null"))
    assert [laser.errors() for _ in range(3)] == ["too warm; door; {'a': 1}", "hot", ""]


def test_another_server_is_refused(server, monkeypatch):
    monkeypatch.setitem(globals(), "FIRST", '{"a": 1}')
    with pytest.raises(IdentityError, match="expected a Light Conversion laser"):
        server()
