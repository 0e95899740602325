"""The SPAD on a time tagger with the sync of the laser (port `tagger`)."""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.clock import Clock

from ..base import TimingDetector
from ..noise import Floats
from ..photons.detectors import PS, DetectorPair, Events
from .config import MagnetoConfig
from .light import DetectedLight, Lit, SpadLight

INPUTS = ("signal",)
"""What is on the inputs of the tagger, by channel."""
_FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))


class DecayTagger(DetectorPair):
    """One detector, and the pulses of the laser.

    Args:
        light: behind the analyser.
        config: the world file.
        pulse_duration: of this session, ps.
        rng: of this detector alone.
        lock: of the world.
        clock: of the world.
    """

    inputs = INPUTS

    def __init__(
        self,
        light: DetectedLight,
        config: MagnetoConfig,
        pulse_duration: float,
        rng: np.random.Generator,
        lock: threading.RLock,
        clock: Clock,
    ) -> None:
        spad = config.timing("signal")
        super().__init__(SpadLight(light), (spad, _silent(spad)), rng, lock, clock)
        self._behind, self._width = light, pulse_duration / _FWHM
        self._rate, self._after = config.laser.repetition_rate, 1e3 * config.sample.background_lifetime
        self._period = PS / config.laser.repetition_rate
        self._start = clock.now()

    def sync_rate(self, t: float) -> float:
        """Return the laser pulses per second on the sync input at `t`."""
        return self._rate

    def rates(self, t0: float, t1: float) -> tuple[float, ...]:
        """Return the counts per second of each input in [t0, t1], with their shot noise.

        Raises:
            UsageError: as for `record`.
        """
        return super().rates(t0, t1)[: len(INPUTS)]

    def _light(self, t0: float, t1: float) -> tuple[float, float]:
        total = sum((one.t1 - one.t0) * (one.signal + one.background) for one in self._behind.pieces(t0, t1))
        return total / (t1 - t0), 0.0

    def _record(self, t0: float, t1: float) -> Events:
        from ..photons.avalanches import blur, collated

        detector, length = self._detectors[0], (t1 - t0) * PS
        since = (t0 - self._start) * self._rate
        offset = min(max(0.0, (math.ceil(since) - since) * self._period), self._period)
        photons = self._photons(t0, t1, offset)
        blur(self._rng, photons, detector.jitter, detector.jitter_tail, detector.tail_time)
        photons.sort()  # late emission of one pulse overtakes that of the next
        dark = self._rng.random(self._rng.poisson(detector.dark_rate * (t1 - t0))) * length
        a, b = self._registered(np.sort(np.concatenate([photons, dark])), np.empty(0), 0.0)
        times, channels, sync, delay = collated(a, b, *self._delays, length, self._period, offset)
        return Events(times, channels, sync, delay, self._period)

    def _photons(self, t0: float, t1: float, offset: float) -> Floats:
        """Return when photons of the sample reach the detector, ps after t0, sorted."""
        found = [np.empty(0)]
        for one in self._behind.pieces(t0, t1):
            begin, end = (math.ceil(((t - t0) * PS - offset) / self._period) for t in (one.t0, one.t1))
            if end > begin:
                found += [self._emitted(one, begin, end), self._beside(one, begin, end)]
        pulses = offset + np.concatenate(found) + self._width * self._rng.standard_normal(sum(map(len, found)))
        return np.sort(pulses)

    def _emitted(self, one: Lit, begin: int, end: int) -> Floats:
        """Return photons of the emitter, ps after the first pulse: one at most of each pulse."""
        share = min(one.signal / self._rate, 1.0 - 1e-9)
        pulses = np.unique(self._pulses(-math.log1p(-share), begin, end))
        return pulses * self._period + 1e3 * one.lines.decay.delays(self._rng, len(pulses))

    def _beside(self, one: Lit, begin: int, end: int) -> Floats:
        pulses = self._pulses(one.background / self._rate, begin, end)
        return pulses * self._period + self._after * self._rng.standard_exponential(len(pulses))

    def _pulses(self, mean: float, begin: int, end: int) -> NDArray[np.int64]:
        return self._rng.integers(begin, end, self._rng.poisson(mean * (end - begin)))


def _silent(detector: TimingDetector) -> TimingDetector:
    """Return a detector that never counts, for the input that is not there."""
    return detector.model_copy(update={"dark_rate": 0.0, "afterpulsing": 0.0})
