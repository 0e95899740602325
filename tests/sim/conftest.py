"""A table without physics, so that a wire device can be tested alone."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import pyvisa

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.wire import wire_up


class Steps:
    """Something that holds a value from a time on; a later plan is cancelled by an earlier one."""

    def __init__(self, first):
        self.steps = [(-1.0, first)]

    def put(self, value, t):
        self.steps = [step for step in self.steps if step[0] < t] + [(t, value)]

    def at(self, t):
        return [value for when, value in self.steps if when <= t][-1]


class Gate(Steps):
    def switch(self, opened, t):
        self.put(opened, t)

    def is_open(self, t):
        return self.at(t)


class Level(Steps):
    def set(self, volts, t):
        self.put(volts, t)

    def get(self, t):
        return self.at(t)


class Rotation:
    """A mount that stands at 77 deg when the power comes on."""

    def __init__(self):
        self.turn = (0.0, 77.0, 0.0, 77.0)

    def path(self, t0, deg0, t1, deg1):
        self.turn = (t0, deg0, t1, deg1)

    def angle(self, t):
        return float(np.interp(t, self.turn[::2], self.turn[1::2]))


class Head:
    """A head in steady light; remembers over which intervals and at which wavelength it was read."""

    def __init__(self):
        self.power = 1e-4
        self.readings = []

    def watts(self, t0, t1, correction_nm):
        self.readings.append((t0, t1, correction_nm))
        return self.power


class Detector:
    """A detector that counts 1000 per second, without noise."""

    def __init__(self, clock):
        self.clock = clock
        self.gates = []

    def counts(self, t0, t1):
        assert t1 <= self.clock.now() + 1e-12, "a detector was asked for the future"
        self.gates.append((t0, t1))
        return round(1000 * (t1 - t0))


class Lab:
    """What wire devices need of a World."""

    def __init__(self, wiring):
        self.clock = SimClock(speed=0)
        self.lock = threading.RLock()
        self.ports = {
            "mount": Rotation(),
            "mount_2": Rotation(),
            "shutter": Gate(False),
            "head": Head(),
            "apd": Detector(self.clock),
            "x": Level(0.0),
            "y": Level(0.0),
        }
        self.config = SimpleNamespace(instruments=wiring)

    def port(self, name):
        return self.ports[name]

    def rng(self, name):
        return np.random.default_rng([len(name), *name.encode()])


class Host:
    """A terminal on one device: sends bytes, and returns what comes back and when."""

    def __init__(self, device, clock):
        self.device = device
        self.clock = clock

    def send(self, data):
        self.device.feed(data, self.clock.now())

    def ask(self, data, replies=None):
        """Send, then let time pass until everything (or so many replies) has come; return it joined."""
        self.send(data)
        return self.listen(replies)

    def listen(self, replies=None):
        heard = []
        while (replies is None or len(heard) < replies) and (due := self.device.next_due()) is not None:
            self.clock.jump_to(due)
            heard += self.device.poll(self.clock.now())
        return b"".join(heard)


WIRING = {
    "ASRL3::INSTR": [
        {"device": "ELL14", "port": "mount", "bus_address": "0", "serial": "11400001"},
        {"device": "ELL14", "port": "mount_2", "bus_address": "A"},
    ],
    "USB0::0x1313::0x8078::P0000001::INSTR": {"device": "PM100D", "port": "head"},
    "ASRL5::INSTR": {"device": "SC10", "port": "shutter"},
    "GPIB0::23::INSTR": {"device": "SR400", "counter_a": "apd", "port_1": "x", "port_2": "y"},
}


@pytest.fixture
def wiring():
    return dict(WIRING)


@pytest.fixture
def lab(wiring):
    return Lab(wiring)


@pytest.fixture
def host(lab):
    """Return a function that connects a terminal to the device at an address."""

    def connect(address):
        return Host(wire_up(lab, address, lab.config.instruments[address]), lab.clock)

    return connect


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def manager(folder, lab):
    manager = pyvisa.ResourceManager(f"{folder}@twin")
    manager.visalib.adopt(lab)
    yield manager
    manager.close()


@pytest.fixture
def meter(manager):
    return manager.open_resource("USB0::0x1313::0x8078::P0000001::INSTR", read_termination="\n", write_termination="\n")


@pytest.fixture
def ell(manager):
    return manager.open_resource("ASRL3", read_termination="\r\n", write_termination="")


@pytest.fixture
def counter(manager):
    return manager.open_resource("GPIB::23", read_termination="\r\n", write_termination="\n")
