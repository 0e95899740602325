"""The simulated Light Conversion laser: bytes in and out, and through HTTP clients that this project did not write."""

from __future__ import annotations

import http.client
import importlib.util
import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas.sim.serve import serve_tcp
from perovskite_meas.sim.wire import wire_up
from perovskite_meas.sim.wire.http_server import BadRequestError, take


def _lab() -> Any:
    spec = importlib.util.spec_from_file_location("laser_lab", Path(__file__).with_name("laser_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _lab()


class Client:
    """Sends whole requests and takes replies apart with the standard library."""

    def __init__(self, **options):
        self.world = tools.World(laser=options)
        self.device = wire_up(self.world, tools.LASER, self.world.config.instruments[tools.LASER])
        self.device.connect(self.world.clock.now())
        self.laser = self.world.port("laser")

    def send(self, data):
        self.device.feed(data, self.world.clock.now())

    def listen(self):
        heard = []
        while (due := self.device.next_due()) is not None:
            self.world.clock.jump_to(due)
            heard += self.device.poll(self.world.clock.now())
        return b"".join(heard)

    def raw(self, method, path, body=None, more=""):
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        self.send(f"{method} /v1/{path} HTTP/1.1\r\nHost: laser\r\n{more}{length}\r\n{body or ''}".encode())
        return self.listen()

    def ask(self, method, path, body=None):
        """Return status and value."""
        header, _, body = self.raw(method, path, body).partition(b"\r\n\r\n")
        return int(header.split()[1]), json.loads(body) if body else None


@pytest.fixture
def client():
    return Client()


def test_a_reply_is_json_with_its_length(client):
    reply = client.raw("GET", "Basic/ActualPpDivider")
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: application/json" in reply
    assert reply.endswith(b"\r\nContent-Length: 3\r\n\r\n100")


def test_a_reply_comes_in_chunks_where_the_server_likes_that():
    reply = Client(chunked=True).raw("GET", "Basic/ActualStateName2")
    assert b"Content-Length" not in reply
    assert reply.endswith(b'\r\n\r\n7\r\n"Operat\r\n6\r\nional"\r\n0\r\n\r\n')


def test_a_request_may_come_in_pieces_and_two_of_them_at_once(client):
    one = b"GET /v1/Basic/IsOutputEnabled HTTP/1.1\r\nHost: laser\r\n\r\n"
    client.send(one[:20])
    assert client.device.next_due() is None
    client.send(one[20:] + one)
    assert client.listen().count(b"\r\n\r\nfalse") == 2


def test_a_body_may_come_in_chunks(client):
    more = "Transfer-Encoding: chunked\r\n"
    client.raw("PUT", "Basic/TargetPpDivider", None, more)
    client.send(b"1\r\n5\r\n2;note=1\r\n00\r\n0\r\n\r\n")
    assert client.listen().startswith(b"HTTP/1.1 200")
    assert client.laser.divider(client.world.clock.now()) == 500


@pytest.mark.parametrize(
    "bad",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(client, bad):
    with pytest.raises(BadRequestError):
        take(bytearray(bad))
    client.send(bad)
    reply = client.listen()
    assert reply.startswith(b"HTTP/1.1 400")
    assert b"Connection: close" in reply
    assert client.raw("GET", "Basic/ActualPpDivider") == b""


def test_a_header_without_an_end_is_not_kept_for_ever():
    with pytest.raises(BadRequestError):
        take(bytearray(b"A" * 70000))


def test_an_idle_connection_is_closed_by_the_server(client):
    client.world.clock.advance(5.1)
    assert client.raw("GET", "Basic/ActualPpDivider") == b""
    client.device.connect(client.world.clock.now())
    assert client.ask("GET", "Basic/ActualPpDivider") == (200, 100)


def test_it_starts_operational_with_its_output_closed(client):
    assert client.ask("GET", "Basic/ActualStateName") == (200, "StateOperational")
    assert client.ask("GET", "Basic/IsOutputEnabled") == (200, False)
    assert client.ask("GET", "Advanced/ActualStateId") == (200, 0x80)
    assert not client.laser.shines()


def test_it_opens_and_closes_its_output_by_the_picker(client):
    assert client.ask("POST", "Basic/EnableOutput", "") == (200, None)
    assert client.laser.shines()
    assert client.ask("GET", "Basic/ActualStateName2") == (200, "EmissionOn")
    assert client.ask("POST", "Basic/CloseOutput", "") == (200, None)
    assert client.ask("GET", "Basic/IsOutputEnabled") == (200, False)
    assert not client.laser.shines()


def test_numbers_come_in_the_units_of_the_server(client):
    client.ask("POST", "Basic/EnableOutput", "")
    client.ask("PUT", "Basic/TargetAttenuatorPercentage", "50")
    status, basic = client.ask("GET", "Basic")
    assert status == 200
    assert basic["ActualRaFrequency"] == 1  # kHz
    assert basic["ActualOutputFrequency"] == 0.01
    assert basic["ActualRaPower"] == 1  # W
    assert basic["ActualOutputEnergy"] == pytest.approx(500)  # uJ
    assert basic["ActualOutputPower"] == pytest.approx(0.005)
    assert basic["ActualPulseDuration"] == 190


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("TargetPpDivider", "0"),
        ("TargetPpDivider", "1.5"),
        ("TargetPpDivider", "true"),
        ("TargetPpDivider", "two"),
        ("TargetAttenuatorPercentage", "101"),
        ("SelectedPresetIndex", "4"),
        ("SelectedPresetIndex", "NaN"),
        ("SelectedPresetIndex", "[" * 50_000),
        ("SelectedPresetIndex", "9" * 5000),
        ("TargetRaFrequency", "200"),
    ],
)
def test_what_is_out_of_range_is_answered_by_400_and_changes_nothing(client, path, value):
    before = client.ask("GET", "Basic")
    assert client.ask("PUT", f"Basic/{path}", value)[0] == 400
    assert client.ask("GET", "Basic") == before


def test_what_its_state_forbids_is_answered_by_403():
    client = Client(state="StandingBy")
    status, told = client.ask("POST", "Basic/EnableOutput", "")
    assert (status, told["detail"]) == (403, "EnableOutput is not allowed in state StandingBy")
    assert not client.laser.shines()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "Basic/Nothing", 404), ("DELETE", "Basic/Errors", 405)])
def test_what_there_is_not_is_answered_so(client, method, path, status):
    assert client.ask(method, path)[0] == status
    assert client.ask("POST", "Basic/Nothing", "")[0] == 404
    assert client.ask("PUT", "Basic/Nothing", "1")[0] == 404
    client.send(b"GET /v0/Basic HTTP/1.1\r\nHost: laser\r\n\r\n")
    assert client.listen().startswith(b"HTTP/1.1 404")


def test_turning_on_lasts_and_ends_operational():
    client = Client(state="Off", turn_on=90)
    assert client.ask("POST", "Basic/TurnOn", "")[0] == 200
    client.world.clock.advance(60)
    client.device.connect(client.world.clock.now())
    assert client.ask("GET", "Basic/GeneralStatus") == (200, "PreparingHardware")
    assert client.ask("POST", "Basic/EnableOutput", "")[0] == 403
    client.world.clock.advance(60)
    client.device.connect(client.world.clock.now())
    assert client.ask("POST", "Basic/EnableOutput", "")[0] == 200
    assert client.laser.shines()
    assert client.ask("POST", "Basic/TurnOff", "")[0] == 200
    assert not client.laser.shines()


def test_a_preset_sets_divider_and_attenuator_and_takes_its_time(client):
    client.ask("PUT", "Basic/SelectedPresetIndex", "3")
    before = client.world.clock.now()
    assert client.ask("POST", "Basic/ApplySelectedPreset", "")[0] == 200
    assert client.world.clock.now() - before > 1
    assert client.ask("GET", "Basic/ActualPpDivider") == (200, 1000)
    assert client.ask("GET", "Basic/TargetAttenuatorPercentage") == (200, 50)


def test_a_stuck_picker_is_reported_closed_while_pulses_go_on(client):
    client.ask("POST", "Basic/EnableOutput", "")
    client.device.faults.stick_picker()
    assert client.ask("POST", "Basic/CloseOutput", "") == (200, None)
    assert client.ask("GET", "Basic/IsOutputEnabled") == (200, False)
    assert client.ask("GET", "Basic/Errors") == (200, [])
    assert client.laser.shines()
    client.device.faults.free_picker()
    assert not client.laser.shines()


def test_an_interlock_ends_the_emission_until_it_is_reset_and_the_laser_turned_on(client):
    client.ask("POST", "Basic/EnableOutput", "")
    client.device.faults.trip_interlock()
    assert not client.laser.shines()
    assert client.ask("GET", "Advanced/IsRemoteInterlockActive") == (200, True)
    assert client.ask("GET", "Basic/Errors")[1][0]["Description"] == "Remote interlock is active"
    assert client.ask("POST", "Basic/TurnOn", "")[0] == 403
    assert client.ask("POST", "Advanced/ResetRemoteInterlock", "")[0] == 403
    client.device.faults.close_interlock()
    assert client.ask("POST", "Advanced/ResetRemoteInterlock", "")[0] == 200
    assert client.ask("GET", "Basic/Errors") == (200, [])
    assert client.ask("GET", "Basic/GeneralStatus") == (200, "StandingBy")


def test_a_lost_mode_lock_is_an_error_and_the_output_stays_open(client):
    client.ask("POST", "Basic/EnableOutput", "")
    client.device.faults.lose_mode_lock()
    assert client.laser.locked(client.world.clock.now()) is False
    assert "mode-locked" in client.ask("GET", "Basic/Errors")[1][0]["Description"]
    assert client.ask("GET", "Basic/IsOutputEnabled") == (200, True)
    client.device.faults.find_mode_lock()
    assert client.ask("GET", "Basic/Errors") == (200, [])


@contextmanager
def served(**options):
    world = tools.World(speed=1.0, laser=options)
    device = wire_up(world, tools.LASER, world.config.instruments[tools.LASER])
    with serve_tcp(device, world.clock, world.lock) as port:
        yield world.port("laser"), port


@pytest.mark.parametrize("chunked", [False, True])
def test_the_http_client_of_the_standard_library_keeps_one_connection(chunked):
    with served(chunked=chunked) as (laser, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for method, path, body, status, told in [
            ("GET", "ActualPpDivider", None, 200, b"100"),
            ("PUT", "TargetPpDivider", "200", 200, b""),
            ("GET", "ActualPpDivider", None, 200, b"200"),
            ("POST", "EnableOutput", None, 200, b""),
            ("GET", "IsOutputEnabled", None, 200, b"true"),
            ("PUT", "TargetPpDivider", "0", 400, b'{"detail": "TargetPpDivider must be from 1 to 65535, not 0"}'),
        ]:
            connection.request(method, f"/v1/Basic/{path}", body)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, told)
        assert laser.shines()
        connection.close()


def test_urllib_makes_a_connection_for_each_request():
    with served() as (_, port):
        root = f"http://127.0.0.1:{port}/v1/Basic"
        client = urllib.request.build_opener()
        with client.open(f"{root}/ActualStateName2", timeout=5) as answer:
            assert json.load(answer) == "Operational"
        with pytest.raises(urllib.error.HTTPError) as refused:
            client.open(f"{root}/Nothing", data=b"", timeout=5)
        assert refused.value.code == 404
        refused.value.close()


def test_the_vendors_package_drives_it():
    clients = pytest.importorskip("lightcon.laser_clients")
    with served() as (laser, port):
        for kind in (clients.Pharos, clients.Carbide):
            client = kind("127.0.0.1", port=port)
            assert client.connected
            assert client.get_status()["ActualStateName2"] == "Operational"
            client.set_pp(50, blocking=True)
            assert client.get_pp() == 50
            assert client.get_frequency() == pytest.approx(0.02)
            client.enable_output()
            assert laser.shines()
            client.close_output()
            assert not laser.shines()
