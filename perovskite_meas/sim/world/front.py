"""What every table has before and around its sample: attenuator, shutter, scanner, power heads, a diary of light."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock

from .base import TableConfig
from .beam import Beam
from .exposure import Exposure, Light
from .meter import PowerHead
from .noise import RandomWalk
from .ports import Gate, Level, Rotation
from .scene import Shot
from .session import Session


class Setting(NamedTuple):
    """Where a table stands."""

    seed: int
    """Of all noise."""
    clock: SimClock
    """Whose time is meant everywhere."""
    lock: threading.RLock
    """Of the world."""
    rng: Callable[[str], np.random.Generator]
    """Returns the random generator of a name."""


class Front:
    """What all tables have in common; a subclass is a Scene.

    Args:
        config: the world file.
        setting: where the table stands.
        session: what this session drew.
        beam: the light.
        exposure: the light on the sample.
    """

    def __init__(self, config: TableConfig, setting: Setting, session: Session, beam: Beam, exposure: Exposure) -> None:
        self._config, self._setting, self._session = config, setting, session
        self._beam, self._exposure = beam, exposure

    def advance(self, t: float) -> None:
        """Follow the light on the sample up to `t` (clock time, s)."""
        self._exposure.advance(t)

    def light_log(self) -> list[Light]:
        """Return every interval of light on the sample, as far as it has been followed."""
        return self._exposure.lights()

    def shots(self) -> list[Shot]:
        """Refuse: light counts by power and time here.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"the pulses of a {self._config.table} table are not counted one by one; see light_log()")

    def _ports(self) -> dict[str, Any]:
        """Return what instruments can touch on every table, by name."""
        beam, exposure, lock = self._beam, self._exposure, self._setting.lock
        play = self._config.imperfections.attenuator_backlash
        return {
            "attenuator": Rotation(beam.turns, exposure, backlash=play, lock=lock),
            "shutter": Gate(beam.shutter, exposure, lock),
            "scanner_x": Level(beam.scanner["x"], exposure, lock),
            "scanner_y": Level(beam.scanner["y"], exposure, lock),
            "pickoff": self._head("pickoff", self._config.optics.pickoff_ratio, behind_shutter=False),
            "sample_head": self._head("sample_head", 1.0, behind_shutter=True),
        }

    def _head(self, name: str, ratio: float, *, behind_shutter: bool) -> PowerHead:
        drift = 0.0 if behind_shutter else self._config.imperfections.pickoff_drift
        return PowerHead(
            self._beam,
            self._config,
            self._session.heads[name],
            behind_shutter=behind_shutter,
            ratio=ratio,
            drift=RandomWalk(self._setting.rng(f"{name}.drift"), drift),
            rng=self._setting.rng(name),
            lock=self._setting.lock,
        )
