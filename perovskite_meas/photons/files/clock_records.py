"""Loops over the records of recorders whose coarse clock is their own, and the times of pulsed photons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.compiled import compiled
from .ptu_records import Bytes, Delays, Ints, Records


@compiled
def timeharp_200(
    records: Records,
    state: Ints,
    wrap: int,
    counted: bool,
    clocks: Ints,
    channels: Bytes,
    delays: Delays,
    marks: Ints,
    values: Bytes,
) -> tuple[np.int64, np.int64]:
    """Decode unused (1), valid (1), route (2), data (12), clock (16); return the numbers of photons and of markers.

    Source: file demos of the TimeHarp 200 as used by libpicoquant th_v50_tttr.c (bit 11 of an invalid record's data
    means overflow, its lowest three bits are the markers).
    """
    base = state[0]
    k = m = np.uint64(0)
    for index in range(len(records)):
        record = np.int64(records[np.uint64(index)])
        clock = record & 0xFFFF
        data = (record >> 16) & 0xFFF
        is_valid = (record >> 30) & 1
        base += (1 - is_valid) * (data >> 11) * wrap
        clocks[k] = base + clock
        channels[k] = np.uint8((record >> 28) & 3)
        delays[k] = np.int32(data)
        k += np.uint64(is_valid)
        if is_valid == 0 and data < 0x800:
            marks[m] = base + clock
            values[m] = np.uint8(data & 7)
            m += np.uint64(data & 7 > 0)
    state[0] = base
    return np.int64(k), np.int64(m)


@compiled
def spc_fifo(
    records: Records,
    state: Ints,
    wrap: int,
    counted: bool,
    clocks: Ints,
    channels: Bytes,
    delays: Delays,
    marks: Ints,
    values: Bytes,
) -> tuple[np.int64, np.int64]:
    """Decode invalid, overflow, gap, mark (1 each), ADC (12), route (4), clock (12); return numbers as above.

    An invalid overflow record without a mark holds the number of overflows in its lower 28 bits. The ADC counts
    backwards (start is the photon, stop the laser): the delay is 4095 - ADC. Source: The bh TCSPC Handbook, FIFO data
    format of the SPC-134/130/140/150/830, as described in phconvert's bhreader.
    """
    base = state[0]
    k = m = np.uint64(0)
    for index in range(len(records)):
        record = np.int64(records[np.uint64(index)])
        flags = record >> 28
        clock = record & 0xFFF
        if flags & 4:
            base += wrap * (record & 0xFFFFFFF) if flags & 8 and not flags & 1 else wrap
        state[1] |= (flags >> 1) & 1
        clocks[k] = base + clock
        channels[k] = np.uint8((record >> 12) & 15)
        delays[k] = np.int32(4095 - ((record >> 16) & 0xFFF))
        k += np.uint64(flags & 9 == 0)
        if flags & 1:
            marks[m] = base + clock
            values[m] = np.uint8((record >> 12) & 15)
            m += np.uint64(values[m] > 0)
    state[0] = base
    return np.int64(k), np.int64(m)


@compiled
def pulse_times(
    pulses: Ints,
    delays: Delays,
    whole_period: int,
    rest_of_period: float,
    whole_resolution: int,
    rest_of_resolution: float,
    times: NDArray[np.int64],
) -> None:
    """Write round(pulse * period + delay * resolution); the whole parts are multiplied as whole numbers."""
    if rest_of_period == 0 and rest_of_resolution == 0:
        for i in range(len(pulses)):
            times[i] = pulses[i] * whole_period + delays[i] * whole_resolution
    else:
        for i in range(len(pulses)):
            rest = pulses[i] * rest_of_period + delays[i] * rest_of_resolution
            times[i] = pulses[i] * whole_period + delays[i] * whole_resolution + np.int64(np.rint(rest))
