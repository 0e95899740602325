"""Two counting detectors on the inputs of a time tagger, whatever light falls on them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.errors import UsageError

from ..base import TimingDetector
from ..detector import Followed, reach
from ..noise import Floats

if TYPE_CHECKING:
    from perovskite_meas.core.clock import Clock

LONGEST = 7200.0
"""s: a recording is made in one go; longer ones are made of parts."""
PS = 1e12


class Events(NamedTuple):
    """What the tagger's inputs saw, in the order of time."""

    times: NDArray[np.int64]
    """ps since the begin of the recording."""
    channels: NDArray[np.uint8]
    sync: NDArray[np.int64] | None
    """Number of the last laser pulse before, from 0 at the first one of the recording; None without sync."""
    delay: Floats | None
    """ps since that pulse, at least 0 and less than the period."""
    period: float
    """ps between laser pulses; 0 without sync."""


class DetectorPair:
    """Two avalanche photodiodes on a time tagger; a subclass knows their light.

    Args:
        followed: the light, as far as it has to be followed in the order of time.
        detectors: what they do, by channel.
        rng: of these detectors alone.
        lock: of the world.
        clock: of the world.

    Attributes:
        inputs: names of what is on the inputs; the index is the channel.
    """

    inputs: tuple[str, ...]

    def __init__(
        self,
        followed: Followed,
        detectors: tuple[TimingDetector, TimingDetector],
        rng: np.random.Generator,
        lock: threading.RLock,
        clock: Clock,
    ) -> None:
        self._followed, self._detectors = followed, detectors
        self._rng, self._lock, self._clock = rng, lock, clock

    def record(self, t0: float, t1: float) -> Events:
        """Return what the inputs see in [t0, t1] (clock time, s; t1 not in the future).

        The photons follow from the light in that time; each recording draws its own.

        Raises:
            UsageError: a recording that ends in the future, begins before what is remembered, or is too long.
        """
        if t1 - t0 > LONGEST:
            raise UsageError(f"a recording of {t1 - t0:.0f} s is too long; at most {LONGEST:g} s at a time")
        with self._lock:
            reach(self._followed, self._clock.now(), t0, t1)
            return self._record(t0, max(t0, t1))

    def rates(self, t0: float, t1: float) -> tuple[float, ...]:
        """Return the counts per second of each input in [t0, t1], with their shot noise.

        Raises:
            UsageError: as for `record`.
        """
        with self._lock:
            reach(self._followed, self._clock.now(), t0, t1)
            lasting = t1 - t0
            if lasting <= 0.0:
                return (0.0,) * len(self._detectors)
            seen = []
            for detector, mean in zip(self._detectors, self._light(t0, t1), strict=True):
                rate = mean + detector.dark_rate
                rate *= (1.0 + detector.afterpulsing) / (1.0 + rate * detector.dead_time * 1e-9)
                seen.append(float(self._rng.poisson(rate * lasting)) / lasting)
            return tuple(seen)

    def _record(self, t0: float, t1: float) -> Events:
        raise NotImplementedError

    def _light(self, t0: float, t1: float) -> tuple[float, float]:
        """Return the mean photons per second on each detector."""
        raise NotImplementedError

    def _registered(self, a: Floats, b: Floats, crosstalk: float) -> tuple[Floats, Floats]:
        """Return the pulses of both detectors, given what reaches them; ps, sorted."""
        from .avalanches import registered

        first, second = self._detectors
        dead = np.array([first.dead_time, second.dead_time]) * 1e3
        after = np.array([first.afterpulsing, second.afterpulsing])
        return registered(self._rng, a, b, dead, after, crosstalk)

    @property
    def _delays(self) -> tuple[float, float]:
        """Of the cables of both, ps."""
        first, second = self._detectors
        return first.delay * 1e3, second.delay * 1e3
