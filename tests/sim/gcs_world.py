"""A piezo, a motor stage and a cable without physics, for the PI controllers alone."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np

from perovskite_meas.sim.clock import SimClock


class Fine:
    """A piezo that is where it is told to be, at once; remembers all that it was told."""

    def __init__(self) -> None:
        self.plans = [(float("-inf"), lambda times: np.full(np.shape(times), 3.0))]
        self.log: list[tuple] = []

    def move(self, um, t, servo):
        self._plan(t, lambda times: np.full(np.shape(times), um))
        self.log.append(("move", um, servo))

    def wave(self, t0, samples, dt, servo):
        count = len(samples)
        self._plan(t0, lambda times: np.interp((times - t0) / dt, np.arange(count), samples, period=count))
        self.log.append(("wave", count, dt, servo))

    def hold(self, t):
        self.move(self.sensor(t), t, None)

    def sensor(self, t):
        return float(self.sensors(np.array([t]))[0])

    def sensors(self, times):
        found = np.zeros(len(times))
        for start, plan in self.plans:
            later = times >= start
            found[later] = plan(times)[later]
        return found

    def _plan(self, t, plan):
        self.plans = [known for known in self.plans if known[0] < t] + [(t, plan)]


class Coarse:
    """A stage that stands at 2 mm when the power comes on."""

    def __init__(self) -> None:
        self.last = (0.0, 2.0, 0.0, 2.0)

    def path(self, t0, mm0, t1, mm1):
        self.last = (t0, mm0, t1, mm1)

    def position(self, t):
        t0, mm0, t1, mm1 = self.last
        return mm1 if t >= t1 else mm0 + (mm1 - mm0) * max(t - t0, 0.0) / (t1 - t0)


class Trigger:
    """A trigger line; `train` is (begin, period, end) of the last train of pulses."""

    def __init__(self) -> None:
        self.train = None

    def pulses(self, t0, period):
        self.train = (t0, period, float("inf"))

    def stop(self, t):
        self.train = (*self.train[:2], t) if self.train else None


class Lab:
    """What wire devices need of a World: one piezo controller, one motor controller."""

    def __init__(self, wiring, speed=0.0):
        self.clock = SimClock(speed=speed)
        self.lock = threading.RLock()
        self.ports = {"fine": Fine(), "coarse": Coarse(), "trigger": Trigger()}
        self.config = SimpleNamespace(instruments=wiring)

    def port(self, name):
        return self.ports[name]

    def rng(self, name):
        return np.random.default_rng(1)


E709, C863, SERIAL = "TCPIP0::192.168.0.10::50000::SOCKET", "TCPIP0::192.168.0.11::50000::SOCKET", "ASRL7::INSTR"
WIRING = {
    E709: {"device": "E-709", "axis_1": "fine", "trigger": "trigger"},
    C863: {"device": "C-863", "axis_1": "coarse"},
    SERIAL: {"device": "E-727", "axis_2": "fine", "low": "-10", "high": "110"},
}
