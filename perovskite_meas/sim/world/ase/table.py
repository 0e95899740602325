"""The linear stages of the table: the film's, the two blades before it, and the knife edges in its place."""

from __future__ import annotations

import threading

import numpy as np

from ..michelson.stage import Coarse, Screw
from ..noise import Floats
from ..ports import Diary

NAMES = ("sample_x", "sample_y", "slit", "near", "edge_x", "edge_y")
"""Ports; all stand at 0 mm when the world begins, the blades where the world file says."""


class Stages:
    """Where film, blades and knife edges are.

    Args:
        start: clock time at which the world begins, s.
        near: where the near blade stands then, mm.
        slit: the same of the far blade.
        play: of each screw, mm.
        knife: positions of the knife edges that halve the beam, (x, y) in mm.
        diary: what light has seen already is not changed.
        lock: of the world.

    Attributes:
        ports: by name.
    """

    def __init__(
        self,
        start: float,
        near: float,
        slit: float,
        play: float,
        knife: tuple[float, float],
        diary: Diary,
        lock: threading.RLock,
    ) -> None:
        begins = {"near": near, "slit": slit}
        self.ports = {name: Coarse(start, Screw(play), diary, lock, begins.get(name, 0.0)) for name in NAMES}
        self._knife = knife

    def film(self, times: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return x and y of the film's stage, near and far blade at these clock times (s, sorted), mm, shapes (n,)."""
        x, y, near, far = (self.ports[name].mirror(times) for name in ("sample_x", "sample_y", "near", "slit"))
        return x, y, near, far

    def knives(self, times: Floats) -> Floats:
        """Return how far both knife edges have gone beyond the beam's middle at these times (s, sorted), mm, (2, n)."""
        places = [self.ports[f"edge_{axis}"].mirror(times) for axis in "xy"]
        found: Floats = np.array(places) - np.array(self._knife)[:, None]
        return found
