"""The Michelson table: laser, two arms with a delay, one nanocrystal at 4 K, a signal detector and a monitor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from perovskite_meas.sim.clock import SimClock

from ..beam import Beam
from ..detector import Detector
from ..exposure import Exposure, Light
from ..meter import PowerHead
from ..noise import RandomWalk
from ..ports import Gate, Level, Rotation
from ..scene import Truth
from ..session import draw_session
from ..timeline import History
from .config import MichelsonConfig
from .dot import Dot
from .geometry import Geometry
from .light import DetectedLight
from .tagger import InterferenceTagger, SignalLight
from .trigger import Trigger
from .truths import all_truths, light_truths


class Michelson:
    """A Scene: two pulses with a delay between them on a dot, and the laser's own interference beside it.

    Args:
        config: the world file.
        seed: of all noise.
        clock: whose time is meant everywhere.
        lock: of the world.
        rng: returns the random generator of a name.
    """

    def __init__(
        self,
        config: MichelsonConfig,
        seed: int,
        clock: SimClock,
        lock: threading.RLock,
        rng: Callable[[str], np.random.Generator],
    ) -> None:
        self._config, self._clock, self._lock, self._rng = config, clock, lock, rng
        self._session = draw_session(config, seed)
        start = clock.now()
        self._beam = Beam(config, seed, start, config.shares)
        self._reference = History(start, first=False)
        self._beam.cut_at([self._reference])
        self._dot = Dot(config, self._session)
        self._exposure = Exposure(self._beam, self._dot, None)
        self._geometry = Geometry(config, seed, start, self._exposure, lock)
        self._light = DetectedLight(config, seed, self._beam, self._reference, self._geometry, self._dot)

    def advance(self, t: float) -> None:
        """Follow the light on the sample up to `t` (clock time, s)."""
        self._exposure.advance(t)

    def light_log(self) -> list[Light]:
        """Return every interval of light on the sample, as far as it has been followed."""
        return self._exposure.lights()

    def truths(self) -> dict[str, Truth]:
        """Return every number and word that the table uses; what depends on the light, for the power set last."""
        turn = self._beam.turns.at(self._clock.now())
        power = self._beam.transmitted(turn.optical_angle(self._clock.now()))
        return {
            **all_truths(self._config, self._session, self._geometry, self._dot),
            **self.at_power(power),
            "dose": self._exposure.dose,
        }

    def at_power(self, power: float) -> dict[str, Truth]:
        """Return what depends on the light, for `power` of both arms at the sample (W), with the scanner at zero."""
        return light_truths(self._dot, power * float(self._dot.on_dot(np.zeros(1), np.zeros(1))[0]))

    def describe(self) -> dict[str, str]:
        """Return nothing: what an experimenter knows of this table stands in the calibrations."""
        return {}

    def ports(self) -> dict[str, Any]:
        """Return what instruments can touch, by name; to be called once."""
        beam, exposure, lock = self._beam, self._exposure, self._lock
        play = self._config.imperfections.attenuator_backlash
        trigger = Trigger(beam.start, exposure, lock)
        signal = SignalLight(exposure, self._light)
        tagger = InterferenceTagger(
            exposure, self._light, trigger, self._config, self._rng("tagger"), lock, self._clock
        )
        return {
            "attenuator": Rotation(beam.turns, exposure, backlash=play, lock=lock),
            "pickoff": self._head("pickoff", self._config.optics.pickoff_ratio, behind_shutter=False),
            "sample_head": self._head("sample_head", 1.0, behind_shutter=True),
            # The main shutter stands behind the interferometer, in the port that goes to the sample.
            "shutter": Gate(beam.shutter, exposure, lock),
            "shutter_a": Gate(beam.arms[0], exposure, lock),
            "shutter_b": Gate(beam.arms[1], exposure, lock),
            "reference": Gate(self._reference, exposure, lock),
            "scanner_x": Level(beam.scanner["x"], exposure, lock),
            "scanner_y": Level(beam.scanner["y"], exposure, lock),
            "coarse": self._geometry.coarse,
            "fine": self._geometry.fine,
            "trigger": trigger,
            "tagger": tagger,
            "apd": Detector(signal, self._config, self._rng("apd"), lock, self._clock),
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
