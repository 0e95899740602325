"""The Michelson table: laser, two arms with a delay, one nanocrystal at 4 K, a signal detector and a monitor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..beam import Beam
from ..detector import Detector
from ..exposure import Exposure
from ..front import Front, Setting
from ..ports import Gate
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


class Michelson(Front):
    """A Scene: two pulses with a delay between them on a dot, and the laser's own interference beside it.

    Args:
        config: the world file.
        setting: where the table stands.
    """

    _config: MichelsonConfig

    def __init__(self, config: MichelsonConfig, setting: Setting) -> None:
        seed, start = setting.seed, setting.clock.now()
        session = draw_session(config, seed)
        beam = Beam(config, seed, start, config.shares)
        self._reference = History(start, first=False)
        beam.cut_at([self._reference])
        self._dot = Dot(config, session)
        super().__init__(config, setting, session, beam, Exposure(beam, self._dot, None))
        self._geometry = Geometry(config, seed, start, self._exposure, setting.lock)
        self._light = DetectedLight(config, seed, beam, self._reference, self._geometry, self._dot)

    def truths(self) -> dict[str, Truth]:
        """Return every number and word that the table uses; what depends on the light, for the power set last."""
        now = self._setting.clock.now()
        power = self._beam.transmitted(self._beam.turns.at(now).optical_angle(now))
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
        exposure, setting, lock = self._exposure, self._setting, self._setting.lock
        trigger = Trigger(self._beam.start, exposure, lock)
        signal = SignalLight(exposure, self._light)
        around = setting.rng("tagger"), lock, setting.clock
        return {
            # The main shutter stands behind the interferometer, in the port that goes to the sample.
            **self._ports(),
            "shutter_a": Gate(self._beam.arms[0], exposure, lock),
            "shutter_b": Gate(self._beam.arms[1], exposure, lock),
            "reference": Gate(self._reference, exposure, lock),
            "coarse": self._geometry.coarse,
            "fine": self._geometry.fine,
            "trigger": trigger,
            "tagger": InterferenceTagger(exposure, self._light, trigger, self._config, *around),
            "apd": Detector(signal, self._config, setting.rng("apd"), lock, setting.clock),
        }
