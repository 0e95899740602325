"""The World: one optical table with one sample, shared by all simulated instruments."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from perovskite_meas.core.errors import UsageError, did_you_mean
from perovskite_meas.sim.clock import SimClock

from .base import WorldFile
from .exposure import Light
from .front import Setting
from .load import load_config
from .noise import generator
from .scene import Shot, Truth
from .scenes import make_scene


class World:
    """What stands on a table in one time; the same seed and actions give the same numbers.

    Args:
        config: the world file; its kind of table decides what stands there.
        seed: of all noise, zero or positive.
        clock: whose time is meant everywhere.

    Attributes:
        lock: held while anything is read or changed.
    """

    def __init__(self, config: WorldFile, seed: int, clock: SimClock) -> None:
        if seed < 0:
            raise UsageError(f"seed {seed} is negative; a seed is an integer from 0 up")
        self.config, self.seed, self.clock = config, seed, clock
        self.lock = threading.RLock()
        self._generators: dict[str, np.random.Generator] = {}
        self._scene = make_scene(config, Setting(seed, clock, self.lock, self.rng))
        self._ports = self._scene.ports()

    @classmethod
    def load(cls, path: Path | None, *, table: str, seed: int | None, clock: SimClock) -> World:
        """Return the world of a file laid over the table's own.

        Args:
            path: a complete or partial world.yaml; None for the table's own.
            table: a packaged table's name or a folder that holds a world.yaml.
            seed: None takes the file's.
            clock: whose time is meant.

        Raises:
            UsageError: no such file or table; as ProblemsError with every problem of the file at once.
        """
        config = load_config(path, table)
        return cls(config, config.seed if seed is None else seed, clock)

    def rng(self, name: str) -> np.random.Generator:
        """Return the random generator of `name`; it depends on the seed and the name alone."""
        with self.lock:
            if name not in self._generators:
                self._generators[name] = generator(self.seed, name)
            return self._generators[name]

    def port(self, name: str) -> Any:
        """Return the part of the table (a Rotation, Gate, PowerHead, Detector, Level, Tagger ...) of that name.

        Raises:
            UsageError: the table has no such part.
        """
        try:
            return self._ports[name]
        except KeyError:
            raise UsageError(f"this table has no part {name!r}; {did_you_mean(name, self._ports)}") from None

    def advance(self, t: float) -> None:
        """Follow the light on the sample up to `t` (clock time, s); otherwise done when a detector is read."""
        with self.lock:
            self._scene.advance(t)

    def light_log(self) -> list[Light]:
        """Return every interval of light on the sample until now."""
        with self.lock:
            self._scene.advance(self.clock.now())
            return self._scene.light_log()

    def shots(self) -> list[Shot]:
        """Return every laser pulse that reached the sample until now, oldest first.

        Raises:
            UsageError: the pulses of this table come too fast to be counted one by one.
        """
        with self.lock:
            self._scene.advance(self.clock.now())
            return self._scene.shots()

    def truth(self, name: str) -> Truth:
        """Return one truth in the unit of the world file; plain names include this session's draws.

        Raises:
            UsageError: no such name.
        """
        truths = self.truths()
        if name not in truths:
            raise UsageError(f"this world has no truth {name!r}; {did_you_mean(name, truths)}")
        return truths[name]

    def truths(self) -> dict[str, Truth]:
        """Return every number and word that the world uses, and what the light so far has done to the sample."""
        with self.lock:
            self._scene.advance(self.clock.now())
            return self._scene.truths()

    def at_power(self, power: float) -> dict[str, Truth]:
        """Return what depends on the light, for `power` (W at the sample plane) on the emitter at scanner zero.

        `truths` holds the same for the light that fell on the emitter last.
        """
        with self.lock:
            return self._scene.at_power(power)

    def describe(self) -> dict[str, str]:
        """Return what an experimenter may know without measuring: conventions, no numbers."""
        return self._scene.describe()
