"""The simulated piezo controller, byte by byte."""

import struct

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.wire import wire_up
from perovskite_meas.sim.wire.apt import taken

ADDRESS = "ASRL7::INSTR"
UNIT, HOST = 0x50, 0x01


def ask(number, first=1, second=0):
    return struct.pack("<HBBBB", number, first, second, UNIT, HOST)


def order(number, layout, *fields):
    data = struct.pack(layout, *fields)
    return struct.pack("<HHBB", number, len(data), UNIT | 0x80, HOST) + data


def volts(steps):
    return order(0x0643, "<Hh", 1, steps)


def wave(mode=0x95, length=4, delay=2, start=0, repeat=1):
    return order(0x0703, "<HHHLLLLHLH", 1, mode, length, 1, delay, 0, 0, start, 1, repeat)


ON, OFF = ask(0x0210, 1, 1), ask(0x0210, 1, 2)
START, STOP = ask(0x0706), ask(0x0707)


class Mirror:
    """A mirror that goes where it is told, and remembers how."""

    def __init__(self):
        self.orders = []

    def move(self, um, t, servo):
        self.orders.append(("move", um, servo))

    def wave(self, t0, samples, dt, servo):
        self.orders.append(("wave", list(samples), dt, servo))

    def hold(self, t):
        self.orders.append(("hold",))


class Trigger:
    def __init__(self):
        self.trains = []

    def pulses(self, t0, period):
        self.trains.append((t0, period))

    def stop(self, t):
        self.trains.append("stop")


@pytest.fixture
def wiring(wiring):
    entry = {"device": "KPZ101", "port": "fine", "trigger": "trigger", "serial": "29251234", "maximum": "90"}
    return {**wiring, ADDRESS: entry}


@pytest.fixture
def mirror(lab):
    lab.ports.update(fine=Mirror(), trigger=Trigger())
    return lab.ports["fine"]


@pytest.fixture
def piezo(mirror, host):
    return host(ADDRESS)


@pytest.fixture
def on(piezo):
    piezo.send(ON)
    return piezo


def reading(piezo):
    """Output steps and status bits."""
    reply = piezo.ask(ask(0x0660))
    number, length, target, source, _, steps, _, bits = struct.unpack("<HHBBHhhI", reply)
    assert (number, length, target, source) == (0x0661, 10, HOST | 0x80, UNIT)
    return steps, bits


def fill(piezo, *steps):
    for index, value in enumerate(steps):
        piezo.send(order(0x0700, "<HHh", 1, index, value))


def test_a_golden_transcript_of_the_protocol(piezo):
    assert piezo.ask(bytes.fromhex("44 06 01 00 50 01")) == bytes.fromhex("45 06 04 00 81 50 01 00 00 00")
    piezo.send(bytes.fromhex("43 06 04 00 d0 01 01 00 ff 3f"))
    assert piezo.ask(bytes.fromhex("44 06 01 00 50 01")) == bytes.fromhex("45 06 04 00 81 50 01 00 ff 3f")
    assert piezo.ask(bytes.fromhex("d5 07 01 00 50 01")) == bytes.fromhex(
        "d6 07 0a 00 81 50 01 00 01 00 03 00 00 00 00 00"
    )
    assert piezo.ask(bytes.fromhex("41 06 01 00 50 01")) == bytes.fromhex("42 06 01 01 01 50")


def test_the_identity_has_90_bytes_with_the_serial_number_first(piezo):
    reply = piezo.ask(ask(0x0005, 0))
    assert len(reply) == 90
    assert struct.unpack("<I8s", reply[6:18]) == (29251234, b"KPZ101\0\0")


def test_a_message_in_pieces_and_several_in_one_are_split_by_their_length(on, mirror):
    message = volts(0x0A0D)
    on.send(message[:7])
    assert mirror.orders[-1] == ("move", 0.0, False)
    on.send(message[7:] + volts(32767))
    assert [round(um, 3) for _, um, _ in mirror.orders[-2:]] == [round(15 * 0x0A0D / 32767, 3), 15.0]


def test_bytes_that_begin_no_message_are_thrown_away(piezo):
    assert piezo.ask(b"*IDN?\r\n\x00" + ask(0x0211)) == struct.pack("<HBBBB", 0x0212, 1, 2, HOST, UNIT)
    assert taken(bytearray(b"\x43\x06\xff\xff\xd0\x01")) is None
    assert piezo.ask(struct.pack("<HBBBB", 0x0211, 1, 0, 0x21, HOST)) == b"", "that was for another bay"


def test_only_an_enabled_output_moves_the_mirror(piezo, mirror):
    piezo.send(volts(16384))
    assert mirror.orders[-1][1] == 0
    piezo.send(ON)
    assert mirror.orders[-1] == ("move", pytest.approx(7.5, abs=0.001), False)
    assert reading(piezo)[1] == 0xA0001001
    piezo.send(OFF)
    assert mirror.orders[-1][1] == 0
    assert reading(piezo) == (16384, 0x20001001)


def test_the_limit_scales_the_voltage(on, mirror):
    on.send(volts(32767))
    on.send(order(0x07D4, "<5H", 1, 2, 3, 0, 0))
    assert mirror.orders[-1][1] == pytest.approx(18), "the actuator gives no more than at its 90 V"
    assert reading(on)[1] & 0x7000 == 0x2000
    on.send(order(0x07D4, "<5H", 1, 9, 3, 0, 0))
    assert on.ask(ask(0x07D5))[8] == 2


def test_a_waveform_runs_from_its_start_and_triggers_every_cycle(on, mirror, lab):
    fill(on, 0, 16384, 32767, 16384)
    on.send(wave())
    on.send(START)
    kind, samples, dt, servo = mirror.orders[-1]
    assert (kind, dt, servo) == ("wave", 0.5e-3, False)
    assert samples == pytest.approx([0, 7.5, 15, 7.5], abs=0.001)
    assert lab.ports["trigger"].trains == [(pytest.approx(lab.clock.now()), 2e-3)]
    lab.clock.advance(0.9e-3)
    on.send(STOP)
    assert mirror.orders[-1] == ("hold",)
    assert lab.ports["trigger"].trains[-1] == "stop"
    before = reading(on)[0]
    assert before == pytest.approx(16384 * 1.8, rel=0.02)
    lab.clock.advance(0.3)
    assert reading(on)[0] == before


def test_the_read_back_follows_the_waveform(on, lab):
    fill(on, *np.linspace(0, 32000, 400, dtype=int))
    on.send(wave(length=400, delay=10))
    on.send(START)
    first, _ = reading(on)
    lab.clock.advance(0.5)
    assert reading(on)[0] - first == pytest.approx(32000 / 399 * 200, rel=0.03)
    on.send(volts(5))
    assert reading(on)[0] > 10000, "a voltage is not taken while the waveform runs"


@pytest.mark.parametrize("settings", [{"mode": 0x02}, {"length": 0}, {"length": 600}])
def test_a_waveform_that_makes_no_sense_does_not_start(on, mirror, settings):
    on.send(wave(**settings))
    on.send(START)
    assert mirror.orders[-1][0] == "move"


def test_without_the_trigger_bits_there_is_no_trigger(on, lab):
    on.send(wave(mode=0x01))
    on.send(START)
    assert lab.ports["trigger"].trains == []


def test_an_unplugged_actuator_is_seen_and_lets_the_mirror_go(on, mirror):
    on.send(volts(32767))
    on.device.faults.unplug_actuator()
    assert mirror.orders[-1][1] == 0
    assert reading(on) == (32767, 0xA0001000)
    on.device.faults.replug_actuator()
    assert mirror.orders[-1][1] == pytest.approx(15)


def test_an_output_at_its_limit_stays_there_and_says_so(on, mirror):
    on.device.faults.saturate(30.0)
    on.send(volts(32767))
    assert mirror.orders[-1][1] == pytest.approx(6)
    assert reading(on)[0] / 32767 * 75 == pytest.approx(30, abs=0.01)
    on.device.faults.recover()
    assert reading(on)[0] == 32767


def test_the_button_on_the_front_takes_the_voltage_away_and_stops_the_waveform(on, mirror, lab):
    on.send(wave())
    on.send(START)
    on.device.faults.disable()
    assert mirror.orders[-1] == ("move", 0.0, False)
    assert lab.ports["trigger"].trains[-1] == "stop"
    assert reading(on)[1] >> 31 == 0


def test_a_reset_in_the_middle_forgets_all_but_the_limit(on, mirror, lab):
    on.send(order(0x07D4, "<5H", 1, 3, 3, 0, 0))
    fill(on, 0, 1000)
    on.send(wave(length=2))
    on.send(START)
    on.device.faults.after(exchanges=1).reset()
    reading(on)
    steps, bits = reading(on)
    assert (steps, bits) == (0, 0x20004001)
    assert mirror.orders[-1] == ("move", 0.0, False)
    assert lab.ports["trigger"].trains[-1] == "stop"
    assert on.ask(ask(0x0704))[6:] == bytes(30)


def test_the_table_can_be_read_back_sample_by_sample(on):
    fill(on, 7, -8)
    assert [struct.unpack("<Hh", on.ask(ask(0x0701))[8:]) for _ in range(2)] == [(0, 7), (1, -8)]


def test_a_limit_that_does_not_exist_is_refused_in_the_wiring(lab, mirror):
    with pytest.raises(UsageError, match="limit 60 V is not one of 75, 100 and 150 V"):
        wire_up(lab, ADDRESS, {"device": "KPZ101", "port": "fine", "limit": "60"})


def test_a_controller_without_a_trigger_cable_works(lab, mirror):
    device = wire_up(lab, ADDRESS, {"device": "KPZ101", "port": "fine"})
    device.feed(ON + wave() + START + STOP, 0.0)
    assert mirror.orders[-1] == ("hold",)


@pytest.mark.parametrize("seed", range(5))
def test_no_message_can_upset_it(on, seed):
    random = np.random.default_rng(seed)
    sizes = {0x0643: 4, 0x0652: 4, 0x0655: 6, 0x0700: 6, 0x0703: 30, 0x07D4: 10, 0x07F3: 12}
    shorts = (0x0002, 0x0005, 0x0012, 0x0210, 0x0223, 0x0640, 0x0641, 0x0644, 0x0660, 0x0701, 0x0704, 0x0706, 0x0707)
    for _ in range(400):
        first, second = (int(value) for value in random.integers(0, 4, 2))
        number = int(random.choice([*sizes, *shorts, 0x1234]))
        if number in sizes:
            on.ask(order(number, f"{sizes[number]}s", random.bytes(sizes[number])))
        else:
            on.ask(ask(number, first, second) + random.bytes(int(random.integers(0, 3))))
    on.send(bytes(300))
    steps, _ = reading(on)
    assert 0 <= steps <= 32767
