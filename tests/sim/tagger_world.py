"""A World that holds nothing but a time tagger, and remembers what it delivered."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pyvisa

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock


class Events(NamedTuple):
    times: Any
    channels: Any
    sync: Any
    delay: Any
    period: float


class Tagger:
    """Photons at random in two detectors, in steady light; laser pulse 0 comes 30 % of a period after time 0."""

    inputs = ("a", "b")

    def __init__(self, clock: SimClock) -> None:
        self.clock, self.rng = clock, np.random.default_rng(5)
        self.rate, self.repetition = 2e5, 5e6
        self.delivered: list[tuple[float, Events]] = []

    def sync_rate(self, t: float) -> float:
        return self.repetition

    def rates(self, t0: float, t1: float) -> tuple[float, float]:
        return self.rate / 2, self.rate / 2

    def record(self, t0: float, t1: float) -> Events:
        assert t1 <= self.clock.now() + 1e-9, "a tagger was asked for the future"
        number = self.rng.poisson(self.rate * (t1 - t0))
        times = np.sort(self.rng.uniform(0, (t1 - t0) * 1e12, number))
        channels = self.rng.integers(0, 2, number).astype(np.uint8)
        if not self.repetition:
            events = Events(times.astype(np.int64), channels, None, None, 0.0)
        else:
            period = 1e12 / self.repetition
            first = (0.3 * period - t0 * 1e12) % period
            sync = np.floor((times - first) / period).astype(np.int64)
            kept = sync >= 0
            delay = times - first - sync * period
            events = Events(np.rint(times[kept]).astype(np.int64), channels[kept], sync[kept], delay[kept], period)
        self.delivered.append((t0, events))
        return events

    def since(self, t0: float) -> tuple[Any, Any]:
        """Return times in ps since the clock time `t0` and channels of what was delivered after it."""
        chosen = [(round((t - t0) * 1e12) + events.times, events.channels) for t, events in self.delivered if t >= t0]
        return np.concatenate([times for times, _ in chosen]), np.concatenate([channels for _, channels in chosen])


class World:
    """What a stand-in needs of a World."""

    def __init__(self) -> None:
        self.clock = SimClock(speed=0.0)
        self.lock = threading.RLock()
        self.config = SimpleNamespace(instruments={})
        self.tagger = Tagger(self.clock)

    def port(self, name: str) -> Tagger:
        if name != "tagger":
            raise UsageError(f"no part {name!r}")
        return self.tagger


class Table:
    """A virtual table of its own; `serial` is what a driver is told."""

    def __init__(self, folder: Path) -> None:
        (folder / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
        self.serial = str(folder)
        self.library: Any = pyvisa.ResourceManager(f"{folder}@twin").visalib
        self.world = self.replace()

    def replace(self) -> World:
        """Put a new World in place of the one before."""
        self.world = World()
        self.library.adopt(self.world)
        return self.world

    @property
    def tagger(self) -> Tagger:
        return self.world.tagger

    @property
    def clock(self) -> SimClock:
        return self.world.clock
