"""The HBT arm: a 50:50 splitter, two avalanche photodiodes, and the inputs of a time tagger."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

from ..noise import Floats
from .detectors import PS, DetectorPair, Events

if TYPE_CHECKING:
    from perovskite_meas.core.clock import Clock

    from ..config import WorldConfig
    from ..emitter import Emitter
    from ..exposure import Exposure
    from ..timeline import History

INPUTS = ("spad_a", "spad_b")
"""Detectors on the inputs of the tagger, by channel."""
_SPARE = 1.1
"""Room for photons over their expected number, before arrays have to grow."""


class Tagger(DetectorPair):
    """Two detectors that share the light of the sample, and the sync of the laser.

    Args:
        exposure: the light on the sample.
        emitter: the sample.
        config: the world file.
        reference: when the reference light is on.
        rng: of this arm alone.
        lock: of the world.
        clock: of the world.
    """

    inputs = INPUTS

    def __init__(
        self,
        exposure: Exposure,
        emitter: Emitter,
        config: WorldConfig,
        reference: History[bool],
        rng: np.random.Generator,
        lock: threading.RLock,
        clock: Clock,
    ) -> None:
        super().__init__(exposure, (config.timing("spad_a"), config.timing("spad_b")), rng, lock, clock)
        self._exposure, self._emitter, self._config, self._reference = exposure, emitter, config, reference
        self._start = clock.now()
        self._period = PS / config.laser.repetition_rate
        self._is_cw = config.is_cw

    def sync_rate(self, t: float) -> float:
        """Return the laser pulses per second on the sync input at `t`; 0 under continuous light."""
        return 0.0 if self._is_cw else self._config.laser.repetition_rate

    def _light(self, t0: float, t1: float) -> tuple[float, float]:
        seconds, emitted = self._exposure.emission(t0, t1)
        lasting = t1 - t0
        light = float(np.sum(seconds * emitted)) / lasting
        shining = sum(high - low for low, high, on in self._reference.pieces(t0, t1) if on)
        light += self._config.optics.reference_rate * shining / lasting
        return light / len(INPUTS), light / len(INPUTS)

    def _record(self, t0: float, t1: float) -> Events:
        from .avalanches import collated

        offset = self._first_pulse(t0)
        a, b = self._registered(*self._arrivals(t0, t1, offset), self._config.imperfections.crosstalk)
        period = 0.0 if self._is_cw else self._period
        times, channels, sync, delay = collated(a, b, *self._delays, (t1 - t0) * PS, period, offset)
        if self._is_cw:
            return Events(times, channels, None, None, 0.0)
        return Events(times, channels, sync, delay, period)

    def _first_pulse(self, t0: float) -> float:
        """Return when the first pulse at or after t0 comes, ps after t0; pulse 0 came with the world."""
        since = (t0 - self._start) * self._config.laser.repetition_rate
        return min(max(0.0, (math.ceil(since) - since) * self._period), self._period)

    def _arrivals(self, t0: float, t1: float, offset: float) -> tuple[Floats, Floats]:
        """Return the avalanches that light and dark counts would start in each detector, ps after t0, sorted."""
        from .avalanches import blur, merged
        from .sources import SampleLight
        from .streams import poisson_photons

        rng, end = self._rng, (t1 - t0) * PS
        lit = [((low - t0) * PS, (high - t0) * PS, low, row) for low, high, row in self._exposure.pieces(t0, t1)]
        light = SampleLight(self._config, self._emitter, self._period, offset).streams(rng, lit)
        optics = self._config.optics
        shining = [
            ((low - t0) * PS, (high - t0) * PS, optics.reference_rate / PS, 0.0)
            for low, high, on in self._reference.pieces(t0, t1)
            if on
        ]
        if shining:
            room = int(_SPARE * optics.reference_rate * (t1 - t0))
            pieces = np.array(shining)
            light.append(poisson_photons(rng, pieces, self._period, offset, 0.0, optics.reference_width, room))
        arrivals = [np.empty(0), np.empty(0)]
        for stream in sorted(light, key=len):
            to_b = rng.integers(0, 2, len(stream), dtype=np.uint8).view(np.bool_)
            for channel, (detector, part) in enumerate(
                zip(self._detectors, (stream[~to_b], stream[to_b]), strict=True)
            ):
                blur(rng, part, detector.jitter, detector.jitter_tail, detector.tail_time)
                arrivals[channel] = merged(arrivals[channel], part) if len(arrivals[channel]) else part
        for channel, detector in enumerate(self._detectors):
            dark = np.array([(0.0, end, detector.dark_rate / PS, 0.0)])
            room = int(_SPARE * detector.dark_rate * (t1 - t0))
            arrivals[channel] = merged(arrivals[channel], poisson_photons(rng, dark, 0.0, 0.0, 0.0, 0.0, room))
        return arrivals[0], arrivals[1]
