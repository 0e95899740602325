"""Cosmic rays on a sensor: when, where and how bright follows from the seed alone."""

from __future__ import annotations

import math

import numpy as np

from ..noise import Floats, generator

_LEAST, _MOST = 1e3, 1e5
"""Electrons of one event (PHYSICS 2)."""
_WIDEST = 3
_KEPT = 64
"""Minutes whose events are not drawn anew."""


class Cosmics:
    """Events at random, each on one to three neighbouring pixels.

    Args:
        seed: of the world.
        name: of the camera.
        per_minute: mean number on the whole sensor.
        pixels: of the sensor.
    """

    def __init__(self, seed: int, name: str, per_minute: float, pixels: int) -> None:
        self._seed, self._name, self._rate, self._pixels = seed, name, per_minute, pixels
        self._minutes: dict[int, list[tuple[float, int, Floats]]] = {}

    def electrons(self, t0: float, t1: float) -> Floats:
        """Return what the events in [t0, t1) (clock time, s) leave, electrons, shape (pixels,)."""
        found = np.zeros(self._pixels)
        if self._rate <= 0.0:
            return found
        for minute in range(math.floor(t0 / 60.0), math.floor(t1 / 60.0) + 1):
            for t, place, parts in self._minute(minute):
                if t0 <= t < t1:
                    hit = found[place : place + len(parts)]
                    hit += parts[: len(hit)]
        return found

    def _minute(self, minute: int) -> list[tuple[float, int, Floats]]:
        """Return (clock time in s, first pixel, electrons from there on) of each event of one minute."""
        if minute not in self._minutes:
            if len(self._minutes) >= _KEPT:
                del self._minutes[next(iter(self._minutes))]
            rng = generator(self._seed, f"{self._name}/cosmics/{minute}")
            events = self._minutes[minute] = []
            for _ in range(int(rng.poisson(self._rate))):
                t = 60.0 * (minute + float(rng.random()))
                place = int(rng.integers(self._pixels))
                energy = _LEAST * math.exp(float(rng.random()) * math.log(_MOST / _LEAST))
                parts = rng.dirichlet(np.ones(int(rng.integers(1, _WIDEST + 1))))
                events.append((t, place, energy * parts))
        return self._minutes[minute]
