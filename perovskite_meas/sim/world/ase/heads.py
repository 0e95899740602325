"""Energy heads: what they read of each pulse (ports `pickoff`, `sample_head`)."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np

from perovskite_meas.core.clock import Clock

from ..detector import reach
from ..noise import Floats, RandomWalk
from ..session import HeadError
from .beam import Beam
from .fired import Fired
from .hashed import PulseNoise
from .train import walked


class EnergyHead:
    """A pyroelectric head: it sees single pulses, and all wavelengths alike.

    Args:
        beam: the pulses.
        fired: the diary of those that reach the film.
        error: what this session drew for this head.
        noise: 1-sigma of each reading, relative.
        ratio: energy on the head over energy in the focus.
        drift: relative change of that ratio in time.
        seed: of the world.
        name: of the head.
        passed: share of each pulse at these clock times (s) that reaches a head behind the shutter; None for one
            before it.
        lock: of the world.
        clock: of the world.
    """

    def __init__(
        self,
        beam: Beam,
        fired: Fired,
        error: HeadError,
        *,
        noise: float,
        ratio: float,
        drift: RandomWalk,
        seed: int,
        name: str,
        passed: Callable[[Floats], Floats] | None = None,
        lock: threading.RLock,
        clock: Clock,
    ) -> None:
        self._beam, self._fired, self._error, self._sigma = beam, fired, error, noise
        self._ratio, self._drift, self._passed = ratio, drift, passed
        self._noise, self._lock, self._clock = PulseNoise(seed, f"{name}.noise"), lock, clock
        self._start = clock.now()

    def shots(self, t0: float, t1: float) -> tuple[Floats, Floats]:
        """Return (times, readings) of the pulses on the head in (t0, t1], clock time in s and J, shapes (n,).

        Raises:
            UsageError: a window that ends in the future.
        """
        with self._lock:
            reach(self._fired, self._clock.now(), t0, t1)
            beam, window = self._beam, (math.nextafter(t0, math.inf), math.nextafter(t1, math.inf))
            numbers = beam.source.leaving(*window) if self._passed is None else beam.passing(*window)
            times = beam.source.times(numbers)
            if not len(numbers):  # most looks find nothing
                return times, np.empty(0)
            ratio = self._ratio * (1.0 + walked(self._drift, times - self._start))
            if self._passed is not None:
                ratio = ratio * self._passed(times)
            energies = ratio * beam.energies(numbers) + self._error.zero
            noise = 1.0 + self._sigma * self._noise.normal(numbers)
            found: Floats = self._error.calibration * energies * noise
            return times, found
