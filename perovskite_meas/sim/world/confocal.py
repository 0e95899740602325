"""The confocal table: one beam, one shutter, nanocrystals in the spot, detectors that share their light."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from perovskite_meas.sim.clock import SimClock

from .beam import Beam
from .config import WorldConfig
from .detector import Detector
from .emitter import Emitter
from .exposure import Exposure, Light
from .meter import PowerHead
from .noise import RandomWalk
from .photons.tagger import INPUTS, Tagger
from .ports import Gate, Level, Rotation
from .scene import Truth
from .session import draw_session
from .timeline import History, Turn
from .truths import all_truths, light_truths


class Confocal:
    """A Scene: laser, wave plate, shutter, spot, sample, HBT arm.

    Args:
        config: the world file.
        seed: of all noise.
        clock: whose time is meant everywhere.
        lock: of the world.
        rng: returns the random generator of a name.
    """

    def __init__(
        self,
        config: WorldConfig,
        seed: int,
        clock: SimClock,
        lock: threading.RLock,
        rng: Callable[[str], np.random.Generator],
    ) -> None:
        self._config, self._clock, self._lock, self._rng = config, clock, lock, rng
        self._session = draw_session(config, seed)
        self._beam = Beam(config, seed, clock.now())
        self._emitter = Emitter(config, self._session, seed, clock.now())
        self._beam.cut_at(self._emitter.telegraphs)
        self._exposure = Exposure(self._beam, self._emitter, config.bleaching_dose)

    def advance(self, t: float) -> None:
        """Follow the light on the sample up to `t` (clock time, s)."""
        self._exposure.advance(t)

    def light_log(self) -> list[Light]:
        """Return every interval of light on the sample, as far as it has been followed."""
        return self._exposure.lights()

    def truths(self) -> dict[str, Truth]:
        """Return every number and word that the table uses, and how far the emitter has bleached."""
        return {
            **all_truths(self._config, self._session, self._emitter),
            **light_truths(self._emitter, self._exposure.excitations, self._dark_rate),
            "on_fraction": self._exposure.on_fraction,
            "dose": self._exposure.dose,
            "brightness_left": self._exposure.brightness_left,
        }

    def at_power(self, power: float) -> dict[str, Truth]:
        """Return what depends on the light, for `power` (W at the sample plane) with the scanner at zero."""
        here, _ = self._emitter.excitations(np.array([power]), np.zeros(1), np.zeros(1))
        return light_truths(self._emitter, float(here[0]), self._dark_rate)

    def describe(self) -> dict[str, str]:
        """Return the convention of the two-photon cross section."""
        return {"two_photon_convention": self._config.sample.two_photon_convention}

    def ports(self) -> dict[str, Any]:
        """Return what instruments can touch, by name; to be called once."""
        beam, exposure, lock = self._beam, self._exposure, self._lock
        play, start = self._config.imperfections.attenuator_backlash, beam.start
        idle = History(start, Turn(start, 0.0, start, 0.0))
        reference = History(start, first=False)
        tagger = Tagger(exposure, self._emitter, self._config, reference, self._rng("tagger"), lock, self._clock)
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
            "pickoff": self._head("pickoff", self._config.optics.pickoff_ratio, behind_shutter=False),
            "sample_head": self._head("sample_head", 1.0, behind_shutter=True),
            "apd": Detector(exposure, self._config, self._rng("apd"), lock, self._clock),
        }

    def _head(self, name: str, ratio: float, *, behind_shutter: bool) -> PowerHead:
        drift = 0.0 if behind_shutter else self._config.imperfections.pickoff_drift
        return PowerHead(
            self._beam,
            self._config,
            self._session.heads[name],
            behind_shutter=behind_shutter,
            ratio=ratio,
            drift=RandomWalk(self._rng(f"{name}.drift"), drift),
            rng=self._rng(name),
            lock=self._lock,
        )

    @property
    def _dark_rate(self) -> float:
        return sum(self._config.timing(name).dark_rate for name in INPUTS)
