"""The beam: laser noise, wave plate, shutter and scanner, cut into cells in which nothing changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .config import WorldConfig
from .noise import Floats, FrameNoise, RandomWalk, generator, relative_gauss
from .timeline import History, Turn

FRAME = 0.1
"""s: laser noise and blinking are constant within a frame and independent between frames."""


@dataclass(frozen=True)
class Cells:
    """Pieces of time between t0[i] and t1[i] in which power, shutter and spot are constant; all shapes (n,)."""

    t0: Floats
    t1: Floats
    frame: NDArray[np.int64]
    power: Floats
    """W at the sample plane if the shutter is open."""
    is_open: NDArray[np.bool_]
    x_um: Floats
    y_um: Floats
    setting: Floats
    """Equal for cells that differ by laser noise alone."""


class Beam:
    """The path of the light from the laser to the sample, as a function of time.

    Args:
        config: the world file.
        seed: of the world.
        start: clock time at which the world begins, in s.
    """

    def __init__(self, config: WorldConfig, seed: int, start: float) -> None:
        self.start = start
        self._attenuator = config.optics.attenuator
        self._gain = config.optics.scanner_gain
        self._noise = FrameNoise(seed, "laser.noise", relative_gauss(config.imperfections.laser_noise))
        self._drift = RandomWalk(generator(seed, "laser.drift"), config.imperfections.laser_drift)
        self.turns = History(start, Turn(start, 0.0, start, 0.0))
        self.shutter = History(start, first=False)
        self.scanner = {axis: History(start, 0.0) for axis in ("x", "y")}

    def cells(self, t0: float, t1: float) -> Cells:
        """Cut (t0, t1) at every frame, event and piece of a turn."""
        edges = self._edges(t0, t1)
        middle = (edges[:-1] + edges[1:]) / 2.0
        frame = np.floor((middle - self.start) / FRAME).astype(np.int64)
        angle, setting = self._angles(t0, t1, middle)
        return Cells(
            t0=edges[:-1],
            t1=edges[1:],
            frame=frame,
            power=self.transmitted(angle) * self.laser(frame),
            is_open=_sampled(self.shutter, t0, t1, middle).astype(np.bool_),
            x_um=self._gain * _sampled(self.scanner["x"], t0, t1, middle),
            y_um=self._gain * _sampled(self.scanner["y"], t0, t1, middle),
            setting=setting,
        )

    def laser(self, frame: NDArray[np.int64]) -> Floats:
        """Return the laser's power over its nominal one in these frames."""
        return self._noise.at(frame) * (1.0 + self._drift.at(np.maximum(0.0, (frame + 0.5) * FRAME)))

    def transmitted(self, angle: Floats) -> Floats:
        """Return the nominal power at the sample, in W, at these wave-plate angles: Malus with extinction."""
        plate = self._attenuator
        lit = np.cos(np.radians(2.0 * (angle - plate.angle_of_maximum))) ** 2
        return plate.maximum_power * (plate.extinction + (1.0 - plate.extinction) * lit)

    def lit(self, t0: float, t1: float) -> bool:
        """Say whether the shutter is open at any moment of (t0, t1)."""
        return any(self.shutter.during(t0, t1)[1])

    def _edges(self, t0: float, t1: float) -> Floats:
        first = np.floor((t0 - self.start) / FRAME)
        count = int(np.ceil((t1 - t0) / FRAME)) + 2
        frames = self.start + FRAME * (first + np.arange(count))
        events = [t for history in self._histories() for t in history.breaks(t0, t1)]
        pieces = [turn.edges(t0, t1) for turn in self.turns.during(t0, t1)[1]]
        edges = np.unique(np.concatenate([[t0, t1], frames, events, *pieces]))
        return edges[(edges >= t0) & (edges <= t1)]

    def _histories(self) -> tuple[History[Turn], History[bool], History[float], History[float]]:
        return self.turns, self.shutter, self.scanner["x"], self.scanner["y"]

    def _angles(self, t0: float, t1: float, middle: Floats) -> tuple[Floats, Floats]:
        """Return the wave plate's angle, and a number that tells one turn or rest from the next."""
        starts, turns = self.turns.during(t0, t1)
        which = np.clip(np.searchsorted(starts, middle, side="right") - 1, 0, None)
        angle, setting = np.empty_like(middle), np.empty_like(middle)
        for index, turn in enumerate(turns):
            mine = which == index
            angle[mine] = turn.optical_angles(middle[mine])
            setting[mine] = np.where(middle[mine] < turn.t1, turn.t0, turn.t1)
        return angle, setting


def _sampled(history: History[float] | History[bool], t0: float, t1: float, middle: Floats) -> Floats:
    starts, items = history.during(t0, t1)
    values = np.asarray(items, dtype=np.float64)
    return values[np.clip(np.searchsorted(starts, middle, side="right") - 1, 0, None)]
