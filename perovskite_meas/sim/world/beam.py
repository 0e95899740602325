"""The beam: laser noise, wave plate, shutter and scanner, cut into cells in which nothing changes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple, Protocol

from .base import TableConfig
from .noise import FrameNoise, RandomWalk, generator, relative_gauss
from .timeline import History, Turn

FRAME = 0.1
"""s: where a table does not say otherwise, laser noise is constant for so long, and then another."""


class Cell(NamedTuple):
    """A piece of time between t0 and t1 in which power, shutter and spot are constant."""

    t0: float
    t1: float
    frame: int
    power: float
    """W at the sample plane if the shutter and every arm are open."""
    is_open: bool
    """Whether light reaches the sample: the shutter is open, and an arm, where there are arms."""
    x_um: float
    y_um: float
    setting: float
    """Equal for cells that differ by laser noise alone."""
    share: float = 1.0
    """Of the power that the open arms let through, interference averaged out."""
    arms: tuple[bool, ...] = ()
    """Which arms are open; empty where the light takes one path alone."""


class Breaks(Protocol):
    """Something that changes at known times."""

    def breaks(self, t0: float, t1: float) -> list[float]:
        """Return the times of change inside (t0, t1), s."""


class Beam:
    """The path of the light from the laser to the sample, as a function of time.

    Args:
        config: the world file.
        seed: of the world.
        start: clock time at which the world begins, in s.
        arms: share of the power that each arm of an interferometer carries; empty without one.
        frame: s for which laser noise is constant; independent between frames.
    """

    def __init__(
        self, config: TableConfig, seed: int, start: float, arms: tuple[float, ...] = (), frame: float = FRAME
    ) -> None:
        self.start = start
        self._frame = frame
        self._attenuator = config.optics.attenuator
        self._gain = config.optics.scanner_gain
        self._noise = FrameNoise(seed, "laser.noise", relative_gauss(config.imperfections.laser_noise))
        self._drift = RandomWalk(generator(seed, "laser.drift"), config.imperfections.laser_drift)
        self.turns = History(start, Turn(start, 0.0, start, 0.0))
        self.shutter = History(start, first=False)
        self.scanner = {axis: History(start, 0.0) for axis in ("x", "y")}
        self.arms = tuple(History(start, first=False) for _ in arms)
        self._shares = arms
        self._histories: list[Breaks] = [self.turns, self.shutter, *self.scanner.values(), *self.arms]

    def cut_at(self, changes: Iterable[Breaks]) -> None:
        """Cut the light at these changes as well."""
        self._histories.extend(changes)

    def cells(self, t0: float, t1: float) -> list[Cell]:
        """Cut (t0, t1) at every frame, event and piece of a turn.

        Plain numbers, because most looks are short: for one or two cells an array costs more than its sum.
        """
        events = {t0, t1}
        for history in self._histories:
            events.update(history.breaks(t0, t1))
        cells = []
        for begin, end in pairwise(sorted(events)):
            turn, is_open = self.turns.at(begin), self.shutter.at(begin)
            arms, share = tuple(arm.at(begin) for arm in self.arms), 1.0
            if arms:
                share = sum(part for part, shines in zip(self._shares, arms, strict=True) if shines)
                is_open = is_open and any(arms)
            x_um, y_um = (self._gain * level.at(begin) for level in self.scanner.values())
            for low, high in pairwise(self._cuts(begin, end, turn)):
                middle = (low + high) / 2.0
                frame = math.floor((middle - self.start) / self._frame)
                power = self.transmitted(turn.optical_angle(middle)) * self.laser(frame)
                setting = turn.t0 if middle < turn.t1 else turn.t1
                cells.append(Cell(low, high, frame, power, is_open, x_um, y_um, setting, share, arms))
        return cells

    def laser(self, frame: int) -> float:
        """Return the laser's power over its nominal one in this frame."""
        return self._noise.one(frame) * (1.0 + self._drift.at((frame + 0.5) * self._frame))

    def transmitted(self, angle: float) -> float:
        """Return the nominal power at the sample, in W, at this wave-plate angle: Malus with extinction."""
        plate = self._attenuator
        amplitude = math.cos(math.radians(2.0 * (angle - plate.angle_of_maximum)))
        return plate.maximum_power * (plate.extinction + (1.0 - plate.extinction) * amplitude * amplitude)

    def lit(self, t0: float, t1: float) -> bool:
        """Say whether the shutter is open at any moment of (t0, t1)."""
        return any(self.shutter.during(t0, t1))

    def _cuts(self, begin: float, end: float, turn: Turn) -> list[float]:
        """Return the borders of frames and of pieces of a turn, begin and end included."""
        start = self.start
        first = math.floor((begin - start) / self._frame)
        last = math.ceil((end - start) / self._frame)
        cuts = {begin, end, *turn.edges(begin, end)}
        cuts.update(cut for number in range(first, last + 1) if begin < (cut := start + self._frame * number) < end)
        return sorted(cuts)
