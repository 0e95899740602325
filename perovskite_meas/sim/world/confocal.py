"""The confocal table: one beam, one shutter, nanocrystals in the spot, detectors that share their light."""

from __future__ import annotations

from typing import Any

import numpy as np

from .beam import Beam
from .config import WorldConfig
from .detector import Detector
from .emitter import Emitter
from .exposure import Exposure
from .front import Front, Setting
from .photons.tagger import INPUTS, Tagger
from .ports import Gate, Rotation
from .scene import Truth
from .session import draw_session
from .timeline import History, Turn
from .truths import all_truths, light_truths


class Confocal(Front):
    """A Scene: laser, wave plate, shutter, spot, sample, HBT arm.

    Args:
        config: the world file.
        setting: where the table stands.
    """

    _config: WorldConfig

    def __init__(self, config: WorldConfig, setting: Setting) -> None:
        seed, start = setting.seed, setting.clock.now()
        session = draw_session(config, seed)
        beam = Beam(config, seed, start)
        self._emitter = Emitter(config, session, seed, start)
        beam.cut_at(self._emitter.telegraphs)
        super().__init__(config, setting, session, beam, Exposure(beam, self._emitter, config.bleaching_dose))

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
        exposure, setting = self._exposure, self._setting
        play, start = self._config.imperfections.attenuator_backlash, self._beam.start
        idle = History(start, Turn(start, 0.0, start, 0.0))
        reference = History(start, first=False)
        around = setting.rng("tagger"), setting.lock, setting.clock
        return {
            **self._ports(),
            # A second mount of the same make, before the detector: the dot's emission is not polarised.
            "analyser": Rotation(idle, exposure, backlash=play, lock=setting.lock),
            # Of the reference light, which goes straight to the two detectors of the tagger.
            "reference": Gate(reference, exposure, setting.lock),
            "tagger": Tagger(exposure, self._emitter, self._config, reference, *around),
            "apd": Detector(exposure, self._config, setting.rng("apd"), setting.lock, setting.clock),
        }

    @property
    def _dark_rate(self) -> float:
        return sum(self._config.timing(name).dark_rate for name in INPUTS)
