"""The World: one optical table with one sample, shared by all simulated instruments."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from perovskite_meas.core.errors import UsageError, did_you_mean
from perovskite_meas.sim.clock import SimClock

from .beam import Beam
from .config import WorldConfig
from .detector import Detector
from .emitter import Emitter
from .exposure import Exposure, Light
from .load import load_config
from .meter import PowerHead
from .noise import RandomWalk, generator
from .photons.tagger import INPUTS, Tagger
from .ports import Gate, Level, Rotation
from .session import draw_session
from .timeline import History, Turn
from .truths import Truth, all_truths, light_truths


class World:
    """Laser, optics, sample and detectors in one time; the same seed and actions give the same numbers.

    Args:
        config: the world file.
        seed: of all noise, zero or positive.
        clock: whose time is meant everywhere.

    Attributes:
        lock: held while anything is read or changed.
    """

    def __init__(self, config: WorldConfig, seed: int, clock: SimClock) -> None:
        if seed < 0:
            raise UsageError(f"seed {seed} is negative; a seed is an integer from 0 up")
        self.config, self.seed, self.clock = config, seed, clock
        self.lock = threading.RLock()
        self._generators: dict[str, np.random.Generator] = {}
        self._session = draw_session(config, seed)
        self._beam = Beam(config, seed, clock.now())
        self._emitter = Emitter(config, self._session, seed, clock.now())
        self._beam.cut_at(self._emitter.telegraphs)
        self._exposure = Exposure(self._beam, self._emitter, config.bleaching_dose)
        self._ports = self._build_ports()

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
        """Return the Rotation, Gate, PowerHead, Detector, Level or Tagger of that name.

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
            self._exposure.advance(t)

    def light_log(self) -> list[Light]:
        """Return every interval of light on the sample until now."""
        with self.lock:
            self._exposure.advance(self.clock.now())
            return self._exposure.lights()

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
        """Return every number and word that the world uses, and how far the emitter has bleached."""
        with self.lock:
            self._exposure.advance(self.clock.now())
            return {
                **all_truths(self.config, self._session, self._emitter),
                **light_truths(self._emitter, self._exposure.excitations, self._dark_rate),
                "on_fraction": self._exposure.on_fraction,
                "dose": self._exposure.dose,
                "brightness_left": self._exposure.brightness_left,
            }

    def at_power(self, power: float) -> dict[str, Truth]:
        """Return what depends on the light, for `power` (W at the sample plane) on the emitter at scanner zero.

        `truths` holds the same for the light that fell on the emitter last.
        """
        here, _ = self._emitter.excitations(np.array([power]), np.zeros(1), np.zeros(1))
        return light_truths(self._emitter, float(here[0]), self._dark_rate)

    @property
    def _dark_rate(self) -> float:
        return sum(self.config.timing(name).dark_rate for name in INPUTS)

    def describe(self) -> dict[str, str]:
        """Return what an experimenter may know without measuring: conventions, no numbers."""
        return {"two_photon_convention": self.config.sample.two_photon_convention}

    def _build_ports(self) -> dict[str, Any]:
        beam, exposure, lock = self._beam, self._exposure, self.lock
        play, start = self.config.imperfections.attenuator_backlash, self.clock.now()
        idle = History(start, Turn(start, 0.0, start, 0.0))
        reference = History(start, first=False)
        tagger = Tagger(exposure, self._emitter, self.config, reference, self.rng("tagger"), lock, self.clock)
        return {
            "attenuator": Rotation(beam.turns, exposure, backlash=play, lock=lock),
            # A second mount of the same make, before the detector: the dot's emission is not polarised.
            "analyser": Rotation(idle, exposure, backlash=play, lock=lock),
            "shutter": Gate(beam.shutter, exposure, lock),
            # Of the reference light, which goes straight to the two detectors of the tagger.
            "reference": Gate(reference, exposure, lock),
            "tagger": tagger,
            "scanner_x": Level(beam.scanner["x"], exposure, lock),
            "scanner_y": Level(beam.scanner["y"], exposure, lock),
            "pickoff": self._head("pickoff", self.config.optics.pickoff_ratio, behind_shutter=False),
            "sample_head": self._head("sample_head", 1.0, behind_shutter=True),
            "apd": Detector(exposure, self.config, self.rng("apd"), lock, self.clock),
        }

    def _head(self, name: str, ratio: float, *, behind_shutter: bool) -> PowerHead:
        drift = 0.0 if behind_shutter else self.config.imperfections.pickoff_drift
        return PowerHead(
            self._beam,
            self.config,
            self._session.heads[name],
            behind_shutter=behind_shutter,
            ratio=ratio,
            drift=RandomWalk(self.rng(f"{name}.drift"), drift),
            rng=self.rng(name),
            lock=self.lock,
        )
