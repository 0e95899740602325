"""A World with a laser that fires on its own, and whose pulses fall on energy heads and trigger a camera."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np

from perovskite_meas.sim.clock import SimClock

METER, CONSOLE = "ASRL7::INSTR", "USB0::0x1313::0x8078::P0000002::INSTR"


class Head:
    """A head on which pulse number k falls k / rate after the start, with 1 uJ and 1 nJ more each time."""

    def __init__(self, clock: SimClock, rate: float = 10.0) -> None:
        self.clock, self.rate = clock, rate
        self.start = clock.now()
        self.first, self.step = 1e-6, 1e-9
        self.holes: list[tuple[float, float]] = []
        """Times between which nothing falls."""

    def shots(self, t0: float, t1: float) -> Any:
        assert t1 <= self.clock.now() + 1e-9, "a head was asked for the future"
        before, until = (np.floor((t - self.start) * self.rate + 1e-9) for t in (t0, t1))
        numbers = np.arange(max(1, before + 1), until + 1)
        times = self.start + numbers / self.rate
        lit = np.array([not any(a < t <= b for a, b in self.holes) for t in times], bool)
        return times[lit], self.first + self.step * numbers[lit]

    def watts(self, t0: float, t1: float, correction_nm: float) -> float:
        return 1e-4


class World:
    """What wire devices need of a World."""

    def __init__(self, **wiring: str) -> None:
        self.clock = SimClock(speed=0.0)
        self.lock = threading.RLock()
        self.head = Head(self.clock)
        self.config = SimpleNamespace(
            instruments={
                METER: {"device": "GentecMaestro", "port": "pickoff", **wiring},
                CONSOLE: {"device": "PM100D", "energy": "sample_head"},
            }
        )

    def port(self, name: str) -> Any:
        return {"pickoff": self.head, "sample_head": self.head}[name]

    def rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng([len(name), *name.encode()])
