"""Pairs of photons that know their laser pulse, counted without ever rounding a photon's time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.compiled import compiled, inlined

Ints = NDArray[np.int64]
Delays = NDArray[np.int32]

_HALF = 26
_HALF_MASK = (1 << _HALF) - 1
_FULL_MASK = (1 << 2 * _HALF) - 1


@compiled
def count_by_pulse(first: Ints, second: Ints, farthest: int) -> Ints:
    """Return the pairs by second - first from -farthest to farthest, shape (2 farthest + 1,); both sorted."""
    counts = np.zeros(2 * farthest + 1, np.int64)
    begin = 0
    for i in range(first.size):
        base = first[i] - farthest
        while begin < second.size and second[begin] < base:
            begin += 1
        j = begin
        while j < second.size:
            lag = second[j] - base
            if lag > 2 * farthest:
                break
            counts[lag] += 1
            j += 1
    return counts


@compiled
def count_by_lag(
    pulses1: Ints,
    delays1: Delays,
    pulses2: Ints,
    delays2: Delays,
    nearest: int,
    farthest: int,
    period: tuple[int, int],
    unit: tuple[int, int],
    shift: int,
    low: int,
    width: int,
    bins: int,
) -> Ints:
    """Return the pairs per bin of pulse lag * period + delay lag * unit, shape (bins,).

    A number x stands for x[0] + x[1] / 2^shift; `low` and `width` are whole in the same unit as x[0].

    Args:
        pulses1: pulse of each first photon, sorted.
        delays1: its delay.
        pulses2: likewise of the second photons.
        delays2: likewise.
        nearest: lowest pulse lag at which a pair can lie in the window.
        farthest: highest one.
        period: between pulses.
        unit: of the delays.
        shift: bits of the small part.
        low: start of the window.
        width: of a bin.
        bins: how many.
    """
    counts = np.zeros(bins, np.int64)
    inverse = 1.0 / width
    high = width * bins
    begin = 0
    for i in range(pulses1.size):
        base = pulses1[i] + nearest
        while begin < pulses2.size and pulses2[begin] < base:
            begin += 1
        j = begin
        while j < pulses2.size:
            step = pulses2[j] - pulses1[i]
            if step > farthest:
                break
            delay = np.int64(delays2[j]) - np.int64(delays1[i])
            carry = (step * period[1] + delay * unit[1]) >> shift
            above = step * period[0] + delay * unit[0] + carry - low
            if above >= 0 and above < high:
                index = int(above * inverse)
                below = above - index * width
                counts[index + int(below >= width) - int(below < 0)] += 1
            j += 1
    return counts


@inlined
def _times_fraction(number: int, fraction: int, shift: int) -> int:
    """Return ceil(number * fraction / 2^shift) for number and fraction < 2^53 and shift <= 52; needs 106 bits."""
    n1, n0 = number >> _HALF, number & _HALF_MASK
    f1, f0 = fraction >> _HALF, fraction & _HALF_MASK
    middle = n1 * f0 + n0 * f1
    low = n0 * f0 + ((middle & _HALF_MASK) << _HALF)
    high = n1 * f1 + (middle >> _HALF) + (low >> 2 * _HALF)
    low &= _FULL_MASK
    return (high << (2 * _HALF - shift)) + ((low + (1 << shift) - 1) >> shift)


@compiled
def fold(times: Ints, whole: int, fraction: int, shift: int) -> tuple[Ints, Delays]:
    """Return the pulse before each time and the whole ps since it; the period is whole + fraction / 2^shift ps.

    Exact for times from 0 to 2^53: the pulse is floor(time / period), the delay floor(time - pulse * period).
    """
    pulses = np.empty(times.size, np.int64)
    delays = np.empty(times.size, np.int32)
    period = whole + fraction / np.float64(1 << shift)
    for i in range(times.size):
        time = times[i]
        pulse = int(time / period) + 1
        delay = time - pulse * whole - _times_fraction(pulse, fraction, shift)
        while delay < 0:
            pulse -= 1
            delay = time - pulse * whole - _times_fraction(pulse, fraction, shift)
        pulses[i] = pulse
        delays[i] = delay
    return pulses, delays
