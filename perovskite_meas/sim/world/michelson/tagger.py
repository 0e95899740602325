"""The detectors of the Michelson table: the tagger's inputs, and the light on the counting detector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.clock import Clock
from perovskite_meas.core.errors import UsageError

from ..detector import reach
from ..exposure import Exposure
from ..noise import Floats
from ..photons.tagger import LONGEST, Events
from .config import MichelsonConfig
from .light import DetectedLight, Grid, Rates
from .trigger import Trigger

INPUTS = ("signal", "monitor", "trigger")
"""What is on the inputs of the tagger, by channel."""

Number = TypeVar("Number", bound=np.generic)

_CHUNK = 30.0
"""s: longer recordings are worked out in pieces, so that the grid does not fill the memory."""
_PS = 1e12


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


class InterferenceTagger:
    """Signal, monitor and trigger on one time tagger without a sync.

    Args:
        exposure: the light on the sample.
        light: on all detectors.
        trigger: of the piezo controller.
        config: the world file.
        rng: of these detectors alone.
        lock: of the world.
        clock: of the world.

    Attributes:
        inputs: names of what is on the inputs; the index is the channel.
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
        self._exposure, self._light, self._trigger = exposure, light, trigger
        self._detectors = config.timing("signal"), config.timing("monitor")
        self._rng, self._lock, self._clock = rng, lock, clock

    def sync_rate(self, t: float) -> float:
        """Return the laser pulses per second on the sync input: there is no cable."""
        return 0.0

    def record(self, t0: float, t1: float) -> Events:
        """Return what the inputs see in [t0, t1] (clock time, s; t1 not in the future).

        The photons follow from the light in that time; each recording draws its own.

        Raises:
            UsageError: a recording that ends in the future, begins before what is remembered, or is too long.
        """
        if t1 - t0 > LONGEST:
            raise UsageError(f"a recording of {t1 - t0:.0f} s is too long; at most {LONGEST:g} s at a time")
        with self._lock:
            reach(self._exposure, self._clock.now(), t0, t1)
            return self._record(t0, max(t0, t1))

    def rates(self, t0: float, t1: float) -> tuple[float, ...]:
        """Return the counts per second of each input in [t0, t1], with their shot noise.

        Raises:
            UsageError: as for `record`.
        """
        with self._lock:
            reach(self._exposure, self._clock.now(), t0, t1)
            lasting = t1 - t0
            if lasting <= 0.0:
                return (0.0,) * len(INPUTS)
            light = np.zeros(2)
            for grid, found in chunks(self._light, t0, t1):
                light += np.array([found.signal, found.monitor]) @ np.diff(grid.edges) / lasting
            seen = []
            for detector, mean in zip(self._detectors, light.tolist(), strict=True):
                rate = mean + detector.dark_rate
                rate *= (1.0 + detector.afterpulsing) / (1.0 + rate * detector.dead_time * 1e-9)
                seen.append(float(self._rng.poisson(rate * lasting)) / lasting)
            return (*seen, len(self._trigger.times(t0, t1)) / lasting)

    def _record(self, t0: float, t1: float) -> Events:
        from ..photons.avalanches import blur, collated, registered

        arrived = []
        for detector, parts in zip(self._detectors, self._arrivals(t0, t1), strict=True):
            photons = np.concatenate(parts) if parts else np.empty(0)
            if detector.jitter or detector.jitter_tail:
                blur(self._rng, photons, detector.jitter, detector.jitter_tail, detector.tail_time)
            arrived.append(photons)
        first, second = self._detectors
        dead = np.array([first.dead_time, second.dead_time]) * 1e3
        after = np.array([first.afterpulsing, second.afterpulsing])
        a, b = registered(self._rng, arrived[0], arrived[1], dead, after, 0.0)
        length = (t1 - t0) * _PS
        collected = collated(a, b, first.delay * 1e3, second.delay * 1e3, length, 0.0, 0.0)
        times, channels = collected[:2]
        pulses = np.floor(np.clip((self._trigger.times(t0, t1) - t0) * _PS, 0.0, length)).astype(np.int64)
        places = np.searchsorted(times, pulses)
        marks = np.full(len(pulses), INPUTS.index("trigger"), dtype=np.uint8)
        return Events(_inserted(times, places, pulses), _inserted(channels, places, marks), None, None, 0.0)

    def _arrivals(self, t0: float, t1: float) -> tuple[list[Floats], list[Floats]]:
        """Return the avalanches that light and dark counts would start in signal and monitor, ps after t0."""
        from .arrivals import arrivals

        signal: list[Floats] = []
        monitor: list[Floats] = []
        for grid, found in chunks(self._light, t0, t1):
            for detector, rates, parts in zip(self._detectors, found, (signal, monitor), strict=True):
                wanted = rates + detector.dark_rate
                for begin, end, step in grid.runs():
                    since = (float(grid.edges[begin]) - t0) * _PS
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
