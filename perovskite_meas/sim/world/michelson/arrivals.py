"""Photons of a light whose brightness changes."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.compiled import compiled
from perovskite_meas.core.errors import UsageError

from ..noise import Floats
from ..photons.streams import grown

_PS = 1e12


def arrivals(rng: np.random.Generator, rates: Floats, step: float, begin: float = 0.0) -> Floats:
    """Return the arrival times of Poissonian photons, ps, sorted.

    Args:
        rng: the source of all chance.
        rates: mean photons per second in each cell of the time grid (its middle, or its mean), shape (n,).
        step: length of a cell, s.
        begin: of the first cell, ps.
    """
    rates = np.ascontiguousarray(rates, dtype=float)
    if not len(rates):
        return np.empty(0)
    if not np.min(rates) >= 0.0:
        raise UsageError(f"a rate of {np.min(rates)} per second is no rate: they are numbers from 0 up")
    mean = float(np.sum(rates)) * step
    room = int(mean + 6.0 * math.sqrt(mean) + 64.0)
    return _arrivals(rng, rates / _PS, step * _PS, begin, room)


@compiled
def _arrivals(rng: np.random.Generator, rates: Floats, step: float, begin: float, room: int) -> Floats:
    """Walk through the cells with exponential steps in the number expected."""
    times = np.empty(room)
    found = 0
    ahead = rng.standard_exponential()
    for cell in range(len(rates)):
        rate = rates[cell]
        left = rate * step
        while ahead < left:
            left -= ahead
            if found >= len(times):
                times = grown(times)
            times[found] = begin + (cell + 1) * step - left / rate
            found += 1
            ahead = rng.standard_exponential()
        ahead -= left
    return times[:found]
