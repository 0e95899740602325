"""The detectors of the Michelson table: the tagger's inputs, and the light on the counting detector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.clock import Clock

from ..exposure import Exposure
from ..noise import Floats
from ..photons.detectors import PS, DetectorPair, Events
from .config import MichelsonConfig
from .light import DetectedLight, Grid, Rates
from .trigger import Trigger

INPUTS = ("signal", "monitor", "trigger")
"""What is on the inputs of the tagger, by channel."""

Number = TypeVar("Number", bound=np.generic)

_CHUNK = 30.0
"""s: longer recordings are worked out in pieces, so that the grid does not fill the memory."""


class SignalLight:
    """The light behind the sample, as a counting detector wants it.

    Args:
        exposure: the light on the sample.
        light: on all detectors.
    """

    def __init__(self, exposure: Exposure, light: DetectedLight) -> None:
        self._exposure, self._light = exposure, light

    @property
    def forgotten(self) -> float:
        """Clock time (s) until which nothing is remembered."""
        return self._exposure.forgotten

    def advance(self, t: float) -> None:
        """Follow the light up to `t`, in s."""
        self._exposure.advance(t)

    def emission(self, t0: float, t1: float) -> tuple[Floats, Floats]:
        """Return (seconds, mean cps) of every piece of [t0, t1], shapes (n,)."""
        seconds, rates = [np.empty(0)], [np.empty(0)]
        for grid, found in chunks(self._light, t0, t1):
            seconds.append(np.diff(grid.edges))
            rates.append(found.signal)
        return np.concatenate(seconds), np.concatenate(rates)


class InterferenceTagger(DetectorPair):
    """Signal, monitor and trigger on one time tagger without a sync.

    Args:
        exposure: the light on the sample.
        light: on all detectors.
        trigger: of the piezo controller.
        config: the world file.
        rng: of these detectors alone.
        lock: of the world.
        clock: of the world.
    """

    inputs = INPUTS

    def __init__(
        self,
        exposure: Exposure,
        light: DetectedLight,
        trigger: Trigger,
        config: MichelsonConfig,
        rng: np.random.Generator,
        lock: threading.RLock,
        clock: Clock,
    ) -> None:
        super().__init__(exposure, (config.timing("signal"), config.timing("monitor")), rng, lock, clock)
        self._detected, self._trigger = light, trigger

    def sync_rate(self, t: float) -> float:
        """Return the laser pulses per second on the sync input: there is no cable."""
        return 0.0

    def rates(self, t0: float, t1: float) -> tuple[float, ...]:
        """Return the counts per second of each input in [t0, t1], with their shot noise.

        Raises:
            UsageError: as for `record`.
        """
        with self._lock:
            lasting = t1 - t0
            pulses = len(self._trigger.times(t0, t1)) / lasting if lasting > 0.0 else 0.0
            return (*super().rates(t0, t1), pulses)

    def _light(self, t0: float, t1: float) -> tuple[float, float]:
        signal, monitor = 0.0, 0.0
        for grid, found in chunks(self._detected, t0, t1):
            seconds = np.diff(grid.edges)
            signal += float(found.signal @ seconds) / (t1 - t0)
            monitor += float(found.monitor @ seconds) / (t1 - t0)
        return signal, monitor

    def _record(self, t0: float, t1: float) -> Events:
        from ..photons.avalanches import blur, collated

        arrived = []
        for detector, parts in zip(self._detectors, self._arrivals(t0, t1), strict=True):
            photons = np.concatenate(parts) if parts else np.empty(0)
            if detector.jitter or detector.jitter_tail:
                blur(self._rng, photons, detector.jitter, detector.jitter_tail, detector.tail_time)
            arrived.append(photons)
        a, b = self._registered(arrived[0], arrived[1], 0.0)
        length = (t1 - t0) * PS
        collected = collated(a, b, *self._delays, length, 0.0, 0.0)
        times, channels = collected[:2]
        pulses = np.floor(np.clip((self._trigger.times(t0, t1) - t0) * PS, 0.0, length)).astype(np.int64)
        places = np.searchsorted(times, pulses)
        marks = np.full(len(pulses), INPUTS.index("trigger"), dtype=np.uint8)
        return Events(_inserted(times, places, pulses), _inserted(channels, places, marks), None, None, 0.0)

    def _arrivals(self, t0: float, t1: float) -> tuple[list[Floats], list[Floats]]:
        """Return the avalanches that light and dark counts would start in signal and monitor, ps after t0."""
        from .arrivals import arrivals

        signal: list[Floats] = []
        monitor: list[Floats] = []
        for grid, found in chunks(self._detected, t0, t1):
            for detector, rates, parts in zip(self._detectors, found, (signal, monitor), strict=True):
                wanted = rates + detector.dark_rate
                for begin, end, step in grid.runs():
                    since = (float(grid.edges[begin]) - t0) * PS
                    parts.append(arrivals(self._rng, wanted[begin:end], step, since))
        return signal, monitor


def _inserted(column: NDArray[Number], places: NDArray[np.intp], few: NDArray[Number]) -> NDArray[Number]:
    """Return a long column with a few entries put in; faster than numpy's own insert."""
    parts = np.split(column, places)
    return np.concatenate([piece for i, part in enumerate(parts) for piece in (part, few[i : i + 1])])


def chunks(light: DetectedLight, t0: float, t1: float) -> Iterator[tuple[Grid, Rates]]:
    """Yield the light of [t0, t1] (clock time, s) in pieces of bounded length."""
    begin = t0
    while begin < t1:
        end = min(begin + _CHUNK, t1)
        grid = light.grid(begin, end)
        yield grid, light.rates(grid)
        begin = end
