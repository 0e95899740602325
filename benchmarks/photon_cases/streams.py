"""Simulated photons for the benchmarks."""

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.tags import Tags

Times = NDArray[np.int64]


def poisson(number: int, rate: float, seed: int = 1) -> tuple[Times, Times]:
    """Return two independent streams of `number` photons each at `rate` per s, in ps."""
    random = np.random.default_rng(seed)
    one, two = (np.cumsum(random.exponential(1e12 / rate, number)).astype(np.int64) for _ in range(2))
    return one, two


def merged(one: Times, two: Times) -> Tags:
    """Return both as a tagger delivers them."""
    times = np.concatenate((one, two))
    channels = np.repeat(np.array([0, 1], np.uint8), (len(one), len(two)))
    order = np.argsort(times, kind="stable")
    return Tags(times[order], channels[order], duration=int(times.max()) + 1)


def telegraph(number: int, seed: int = 1) -> tuple[Times, Times]:
    """Return about `number` photons of an emitter that blinks (20 kcps, 1 kcps; dwells of 0.02 to 1 s), and its steps.

    Dwell times follow a power law with exponent -3/2; all times in ps.
    """
    random = np.random.default_rng(seed)
    pieces, steps, clock, so_far, bright = [], [], 0.0, 0, True
    while so_far < number:
        dwell = 0.02 / (1 - random.random() * (1 - 0.02**0.5)) ** 2
        photons = np.sort(random.uniform(clock, clock + dwell, random.poisson(dwell * (2e4 if bright else 1e3))))
        pieces.append(photons)
        so_far += len(photons)
        clock += dwell
        steps.append(clock)
        bright = not bright
    ends = np.asarray(steps[:-1]) * 1e12
    return np.rint(np.concatenate(pieces) * 1e12).astype(np.int64), np.rint(ends).astype(np.int64)
