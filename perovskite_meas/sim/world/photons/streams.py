"""Light without a dot's memory: Poissonian photons, uniform in time or on pulses."""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.compiled import compiled

from ..noise import Floats

BEGIN, END, RATE, BLEACHING = range(4)
"""Columns of the pieces: ps, ps, photons per ps at the begin, 1/ps."""


@compiled
def grown(times: Floats) -> Floats:
    """Return the same times with as much room again."""
    more = np.empty(2 * len(times))
    more[: len(times)] = times
    return more


@compiled
def poisson_photons(
    rng: np.random.Generator,
    pieces: Floats,
    period: float,
    offset: float,
    lifetime: float,
    width: float,
    room: int,
) -> Floats:
    """Return the times of Poissonian photons, in ps, in the order of their pulses.

    Args:
        rng: the source of all chance.
        pieces: constant rates, in the order of time; columns as above, shape (n, 4).
        period: of the pulses that the photons follow, ps; 0 for photons at any time.
        offset: time of pulse 0, ps.
        lifetime: mean of the exponential delay after the pulse, ps.
        width: 1-sigma of the pulse, ps.
        room: photons to expect; more are fine.
    """
    times = np.empty(max(room, 16))
    found = 0
    for piece in range(len(pieces)):
        begin, end = pieces[piece, BEGIN], pieces[piece, END]
        rate, bleaching = pieces[piece, RATE], pieces[piece, BLEACHING]
        if rate <= 0.0:
            continue
        now = begin
        while True:
            now += rng.standard_exponential() / rate
            if now >= end:
                break
            if bleaching > 0.0 and rng.random() >= math.exp(-bleaching * (now - begin)):
                continue
            moment = now
            if period > 0.0:
                moment = offset + math.floor((now - offset) / period) * period
                if moment < begin:
                    continue
                if lifetime > 0.0:
                    moment += lifetime * rng.standard_exponential()
                if width > 0.0:
                    moment += width * rng.standard_normal()
            if found >= len(times):
                times = grown(times)
            times[found] = moment
            found += 1
    return times[:found]
