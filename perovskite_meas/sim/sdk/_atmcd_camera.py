"""One simulated Andor camera: who has it, its settings, and what it exposes."""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _atmcd_calls as c
from .laboratory import Laboratory

READOUT = 0.026
"""s to read all rows as one (unverified)."""
SHORTEST = 1e-5
LONGEST = 1e4
SINGLE, ACCUMULATE, KINETICS, FAST_KINETICS, UNTIL_ABORT = range(1, 6)
BUFFERED = 500
"""Frames that the library keeps."""
_TOGETHER = 64
"""Exposures that the World is asked for at once."""
COLDEST, WARMEST = -100, 20


class Cooling:
    """The cooler, which goes on cooling when nobody has the camera open."""

    def __init__(self) -> None:
        self.on = False
        self.setpoint = 0
        self.stays = False
        """Whether it stays on after the camera is shut down."""


_cooling: weakref.WeakKeyDictionary[Any, Cooling] = weakref.WeakKeyDictionary()


class Camera:
    """A camera on its cable.

    Args:
        laboratory: where it stands.
    """

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self.acquisition: Acquisition | None = None
        self._ready_in: Any = None
        self.reset()

    def reset(self) -> None:
        """Take all settings as they are after an initialisation."""
        self.exposure, self.accumulate_cycle, self.kinetic_cycle = 0.1, 0.0, 0.0
        self.accumulations = self.kinetics = 1
        self.mode = SINGLE
        self.external = False

    def connect(self) -> int:
        """Initialise it; return a code."""
        faults = self.laboratory.bay.faults
        if faults.unplugged:
            return c.USBERROR
        if not self.laboratory.bay.take(self):
            return c.NOT_AVAILABLE
        self._ready_in = self.laboratory.world
        self.acquisition = None
        self.reset()
        return c.SUCCESS

    def disconnect(self) -> None:
        """Shut it down; the cooler stays on if it was told to."""
        if self._ready_in is self.laboratory.world:
            if not self.cooling.stays:
                self.cool(False)
            self.laboratory.bay.give_back(self)
        self._ready_in = self.acquisition = None

    def trouble(self) -> int:
        """Return the code of what keeps it from working; SUCCESS if nothing does."""
        if self._ready_in is not self.laboratory.world:
            return c.NOT_INITIALIZED
        return c.ERROR_ACK if self.laboratory.bay.faults.unplugged else c.SUCCESS

    @property
    def cooling(self) -> Cooling:
        """The cooler of the present World's camera."""
        return _cooling.setdefault(self.laboratory.world, Cooling())

    @property
    def acquiring(self) -> bool:
        """Whether it exposes."""
        return self.acquisition is not None and not self.acquisition.advance()

    def cool(self, on: bool) -> None:
        """Switch the cooler, or tell it a new setpoint."""
        laboratory, cooling = self.laboratory, self.cooling
        cooling.on = on
        wanted = cooling.setpoint if on and not laboratory.bay.faults.cooler_broken else None
        laboratory.port.cool(wanted, laboratory.clock.now())

    def timings(self) -> tuple[float, float, float]:
        """Return exposure, accumulation cycle and kinetic cycle in s as the camera will make them."""
        accumulate = max(self.accumulate_cycle, self.exposure + READOUT)
        scans = self.accumulations if self.mode in (ACCUMULATE, KINETICS) else 1
        return self.exposure, accumulate, max(self.kinetic_cycle, scans * accumulate)

    def start(self) -> None:
        """Begin to expose."""
        scans = self.accumulations if self.mode in (ACCUMULATE, KINETICS) else 1
        frames = {KINETICS: self.kinetics, FAST_KINETICS: self.kinetics, UNTIL_ABORT: None}.get(self.mode, 1)
        self.acquisition = Acquisition(self.laboratory, self.timings(), scans, frames, external=self.external)


class Acquisition:
    """What `StartAcquisition` began; it follows the clock when it is asked.

    Args:
        laboratory: where the light is.
        timings: exposure, accumulation cycle, kinetic cycle, s.
        scans: exposures that make up a frame.
        frames: how many; None until aborted.
        external: each exposure begins with a trigger of the World's; one that comes before it has been read out is
            missed. A World without triggers has nothing in that socket.
    """

    def __init__(
        self,
        laboratory: Laboratory,
        timings: tuple[float, float, float],
        scans: int,
        frames: int | None,
        *,
        external: bool = False,
    ) -> None:
        self._laboratory, self._scans, self._frames = laboratory, scans, frames
        self._exposure, self._accumulate, self._kinetic = timings
        self._start = laboratory.clock.now()
        self._world = laboratory.world
        self._external, self._listening = external, self._start
        self._trigger: float | None = None
        self._sum: NDArray[np.int64] | None = None
        self.frames: deque[NDArray[np.int64]] = deque(maxlen=BUFFERED)
        self.taken = 0
        """Exposures so far."""
        self.fetched = 0
        """Frames that were handed out one by one."""
        self.event = False
        """An exposure has ended since the last wait."""

    @property
    def finished(self) -> bool:
        """Whether all frames are there."""
        return self._frames is not None and self.complete >= self._frames

    @property
    def complete(self) -> int:
        """Frames so far."""
        return self.taken // self._scans

    @property
    def scans(self) -> int:
        """Exposures of the frame under way."""
        return self.taken % self._scans

    def advance(self) -> bool:
        """Take in the exposures that have ended by now; return whether all have."""
        before = self.taken
        while windows := self._ended():
            for number, counts in enumerate(self._exposed(windows), before + 1):
                self._sum = counts if self._sum is None else self._sum + counts
                if number % self._scans == 0:
                    self.frames.append(self._sum)
                    self._sum = None
            before, self.event = self.taken, True
        return self.finished

    def _ended(self) -> list[tuple[float, float]]:
        """Return (begin, end) in s of some exposures that have ended and count them as taken."""
        faults, windows = self._laboratory.bay.faults, list[tuple[float, float]]()
        while len(windows) < _TOGETHER and not self.finished and self.due() <= self._laboratory.clock.now():
            if faults.endless or faults.unplugged:
                break
            begin = self._begin()
            windows.append((begin, begin + self._exposure))
            self.taken += 1
            self._trigger, self._listening = None, begin + self._exposure + READOUT
        return windows

    def _exposed(self, windows: list[tuple[float, float]]) -> list[NDArray[np.int64]]:
        """Return the counts of exposures (begin, end), s; all at once where the World can do that in less time."""
        port: Any = self._world.port("camera")
        together = getattr(port, "spectra", None) if len(windows) > 1 else None
        found = [port.spectrum(*window) for window in windows] if together is None else together(windows)
        if self._laboratory.bay.faults.flooded:
            return [np.full(port.pixels, port.full_scale, np.int64) for _ in windows]
        return [np.asarray(counts, np.int64) for counts in found]

    def due(self) -> float:
        """Return when the exposure under way will have been read out, s; inf if no trigger has begun one."""
        return self._begin() + self._exposure + READOUT

    def _begin(self) -> float:
        if self._external:
            return self._triggered()
        return self._start + self.complete * self._kinetic + self.scans * self._accumulate

    def _triggered(self) -> float:
        now = self._laboratory.clock.now()
        if self._trigger is None and now > self._listening:
            triggers = getattr(self._world.port("camera"), "triggers", None)
            times = [] if triggers is None else triggers(self._listening, now)
            self._trigger = float(times[0]) if len(times) else None
            self._listening = now
        return math.inf if self._trigger is None else self._trigger
