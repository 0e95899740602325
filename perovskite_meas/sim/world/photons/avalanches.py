"""Two avalanche photodiodes: jitter, dead time, afterpulses, and the flash that one sees of the other.

The order is that of PHYSICS 2: jitter, sort, dead time, afterpulses (which are dead-timed like photons).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.compiled import compiled

from ..noise import Floats
from .streams import grown

FAST, SLOW = 50e3, 1e6
"""ps: an afterpulse follows the dead time by one or the other of these, in the mean, half of them each."""
FLASH = (2e3, 10e3)
"""ps: how long the light of an avalanche takes to the other detector."""
_PENDING = 4096


@compiled
def blur(rng: np.random.Generator, times: Floats, jitter: float, tail: float, tail_time: float) -> None:
    """Add the jitter of a detector to nearly sorted times (ps), in place, and sort them."""
    for place in range(len(times)):
        moment = times[place]
        if jitter > 0.0:
            moment += jitter * rng.standard_normal()
        if tail > 0.0 and rng.random() < tail:
            moment += tail_time * rng.standard_exponential()
        before = place - 1
        while before >= 0 and times[before] > moment:
            times[before + 1] = times[before]
            before -= 1
        times[before + 1] = moment


@compiled
def merged(first: Floats, second: Floats) -> Floats:
    """Return two sorted streams as one."""
    both = np.empty(len(first) + len(second))
    i, j = 0, 0
    for place in range(len(both)):
        if j >= len(second) or (i < len(first) and first[i] <= second[j]):
            both[place] = first[i]
            i += 1
        else:
            both[place] = second[j]
            j += 1
    return both


@compiled
def registered(
    rng: np.random.Generator, a: Floats, b: Floats, dead: Floats, afterpulsing: Floats, crosstalk: float
) -> tuple[Floats, Floats]:
    """Return the pulses of both detectors, ps, given what reaches them, ps, sorted.

    Args:
        rng: the source of all chance.
        a: avalanches that light or a dark count would start in detector a.
        b: in detector b.
        dead: dead times, ps, shape (2,); non-paralysable.
        afterpulsing: probabilities that an avalanche is followed by another, shape (2,).
        crosstalk: probability that an avalanche starts one in the other detector.
    """
    out_a, out_b = np.empty(len(a) + len(a) // 8 + 16), np.empty(len(b) + len(b) // 8 + 16)
    found_a, found_b = 0, 0
    last = np.full(2, -np.inf)
    pending, side = np.empty(_PENDING), np.empty(_PENDING, dtype=np.int64)
    waiting, earliest, i, j = 0, np.inf, 0, 0
    while True:
        next_a = a[i] if i < len(a) else np.inf
        next_b = b[j] if j < len(b) else np.inf
        if waiting and earliest <= next_a and earliest <= next_b:
            which = 0
            for place in range(1, waiting):
                if pending[place] < pending[which]:
                    which = place
            now, detector = pending[which], side[which]
            waiting -= 1
            pending[which], side[which] = pending[waiting], side[waiting]
            earliest = np.inf
            for place in range(waiting):
                earliest = min(earliest, pending[place])
        elif next_a <= next_b:
            if i >= len(a):
                break
            now, detector = next_a, 0
            i += 1
        else:
            now, detector = next_b, 1
            j += 1
        if now - last[detector] < dead[detector]:
            continue
        last[detector] = now
        if detector == 0:
            if found_a >= len(out_a):
                out_a = grown(out_a)
            out_a[found_a] = now
            found_a += 1
        else:
            if found_b >= len(out_b):
                out_b = grown(out_b)
            out_b[found_b] = now
            found_b += 1
        if rng.random() < afterpulsing[detector] and waiting < _PENDING:
            mean = FAST if rng.random() < 0.5 else SLOW
            pending[waiting] = now + dead[detector] + mean * rng.standard_exponential()
            side[waiting] = detector
            earliest = min(earliest, pending[waiting])
            waiting += 1
        if crosstalk > 0.0 and rng.random() < crosstalk and waiting < _PENDING:
            pending[waiting] = now + FLASH[0] + (FLASH[1] - FLASH[0]) * rng.random()
            side[waiting] = 1 - detector
            earliest = min(earliest, pending[waiting])
            waiting += 1
    return out_a[:found_a], out_b[:found_b]


@compiled
def collated(
    a: Floats, b: Floats, delay_a: float, delay_b: float, length: float, period: float, offset: float
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], Floats]:
    """Return times (whole ps), channels, syncs and delays (ps) of the pulses of both detectors, by time.

    Args:
        a: pulses of detector a, ps, sorted.
        b: of detector b.
        delay_a: of its cable, ps.
        delay_b: of its cable, ps.
        length: of the recording, ps; later pulses are left out, and so are those before the first sync.
        period: of the laser, ps; 0 without sync.
        offset: of the first sync, ps.
    """
    room = len(a) + len(b)
    times, channels = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint8)
    pulsed = period > 0.0
    syncs, delays = np.empty(room if pulsed else 0, dtype=np.int64), np.empty(room if pulsed else 0)
    i, j, found = 0, 0, 0
    first = offset if pulsed else 0.0
    while i < len(a) or j < len(b):
        next_a = a[i] + delay_a if i < len(a) else np.inf
        next_b = b[j] + delay_b if j < len(b) else np.inf
        now = min(next_a, next_b)
        if next_a <= next_b:
            channel, i = 0, i + 1
        else:
            channel, j = 1, j + 1
        if now >= length:
            break
        if now < first:
            continue
        times[found], channels[found] = math.floor(now), channel
        if pulsed:
            sync = math.floor((now - offset) / period)
            delay = now - (offset + sync * period)
            if delay < 0.0:
                sync, delay = sync - 1, delay + period
            if delay >= period:
                sync, delay = sync + 1, max(delay - period, 0.0)
            syncs[found], delays[found] = sync, delay
        found += 1
    kept = found if pulsed else 0
    return times[:found], channels[:found], syncs[:kept], delays[:kept]
