"""A counting detector: gate, dead time, dark counts, shot noise, afterpulses."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from perovskite_meas.core.errors import UsageError

from .exposure import KEPT
from .noise import Floats

if TYPE_CHECKING:
    from perovskite_meas.core.clock import Clock

    from .base import TableConfig

_SLACK = 1e-6


class Followed(Protocol):
    """Light that is followed in the order of time."""

    @property
    def forgotten(self) -> float:
        """Clock time (s) until which nothing is remembered."""

    def advance(self, t: float) -> None:
        """Follow the light up to `t`, in s."""


class Emitting(Followed, Protocol):
    """Light that falls on a counting detector."""

    def emission(self, t0: float, t1: float) -> tuple[Floats, Floats]:
        """Return (seconds, mean cps) of every lit piece within [t0, t1], shapes (n,)."""


def reach(exposure: Followed, now: float, t0: float, t1: float) -> None:
    """Follow the light through the gate [t0, t1].

    Raises:
        UsageError: a gate that ends in the future, or began before what is remembered.
    """
    if t1 > now + _SLACK:
        raise UsageError(f"a gate that ends at {t1:.6f} s cannot be read at {now:.6f} s")
    exposure.advance(t1)
    if t0 < exposure.forgotten:
        raise UsageError(
            f"a gate that began {now - t0:.0f} s ago, with light since: only the last {KEPT:g} s are remembered"
        )


class Detector:
    """An avalanche photodiode with its pulses.

    Args:
        exposure: the emission.
        config: the world file.
        rng: of this detector alone.
        lock: of the world.
        clock: of the world.
    """

    def __init__(
        self, exposure: Emitting, config: TableConfig, rng: np.random.Generator, lock: threading.RLock, clock: Clock
    ) -> None:
        self._exposure, self._rng, self._lock, self._clock = exposure, rng, lock, clock
        self._dead = config.dead_time * 1e-9
        self._dark, self._afterpulsing = config.dark_rate, config.afterpulsing

    def counts(self, t0: float, t1: float) -> int:
        """Return the counts registered in the gate [t0, t1]; clock time in s, t1 not in the future.

        Raises:
            UsageError: a gate that ends in the future, or began before what is remembered.
        """
        with self._lock:
            reach(self._exposure, self._clock.now(), t0, t1)
            primary = int(self._rng.poisson(self.expected(t0, t1)))
            return primary + int(self._rng.binomial(primary, self._afterpulsing))

    def expected(self, t0: float, t1: float) -> float:
        """Return the mean of the registered primary counts in a gate that the exposure has reached.

        Non-paralysable dead time: a rate R is registered as R/(1 + R td).
        """
        seconds, rates = self._exposure.emission(t0, t1)
        seconds = np.append(seconds, max(0.0, t1 - t0 - float(np.sum(seconds))))
        rates = np.append(rates, 0.0) + self._dark
        return float(np.sum(seconds * rates / (1.0 + rates * self._dead)))
