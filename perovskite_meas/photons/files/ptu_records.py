"""Loops over the records of PicoQuant's recorders (.ptu and the older .ht2, .ht3, .pt2, .pt3).

Each loop writes every record to the next free place of the output and moves on only if it was a photon: at low rates
every fourth record is an overflow, which no branch prediction foresees. Places are counted without sign, which saves
the test for negative ones. `state` carries over from one stretch of
records to the next: see `State` in `decoding`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.compiled import compiled

Records = NDArray[np.uint32]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Delays = NDArray[np.int32]

_BLOCK = np.uint64(16)
_SPECIAL = np.uint32(0x80000000)


@compiled
def harp_t2(
    records: Records,
    state: Ints,
    wrap: int,
    counted: bool,
    times: Ints,
    channels: Bytes,
    delays: Delays,
    marks: Ints,
    values: Bytes,
) -> tuple[np.int64, np.int64]:
    """Decode special (1), channel (6), time (25); return the numbers of photons and of markers."""
    base, sync_channel = state[0], state[3]
    count_mask = np.int64(0x1FFFFFF) if counted else np.int64(0)
    k = m = np.uint64(0)
    index = np.uint64(0)
    length = np.uint64(len(records))
    is_calm = True
    while index < length:
        stop = min(index + _BLOCK, length)
        special = np.uint32(0) if is_calm else _SPECIAL
        if is_calm:
            for place in range(index, stop):
                special |= records[np.uint64(place)]
        if special < _SPECIAL:
            # Nothing but photons: a loop without conditions, several records at a time.
            for offset in range(stop - index):
                record = records[index + np.uint64(offset)]
                times[k + np.uint64(offset)] = base + np.int64(record & np.uint32(0x1FFFFFF))
                channels[k + np.uint64(offset)] = np.uint8(record >> np.uint32(25))
            k += stop - index
            index = stop
            continue
        before = k + stop - index
        while index < stop:
            record = np.int64(records[index])
            index += np.uint64(1)
            code = record >> 25
            tick = record & 0x1FFFFFF
            count = tick & count_mask
            base += np.int64(code == 127) * wrap * (count + np.int64(count == 0))
            times[k] = base + tick
            channels[k] = np.uint8(code)
            k += np.uint64(code < 64)
            if 64 <= code < 127:
                if code == 64:
                    state[4] = base + tick
                    if sync_channel >= 0:
                        channels[k] = np.uint8(sync_channel)
                        k += np.uint64(1)
                elif code <= 79:
                    marks[m] = base + tick
                    values[m] = np.uint8(code - 64)
                    m += np.uint64(1)
                else:
                    state[2] += 1
        is_calm = k == before
    state[0] = base
    return np.int64(k), np.int64(m)


@compiled
def harp_t3(
    records: Records,
    state: Ints,
    wrap: int,
    counted: bool,
    pulses: Ints,
    channels: Bytes,
    delays: Delays,
    marks: Ints,
    values: Bytes,
) -> tuple[np.int64, np.int64]:
    """Decode special (1), channel (6), delay (15), sync count (10); return the numbers of photons and of markers."""
    base = state[0]
    count_mask = np.int64(1023) if counted else np.int64(0)
    k = m = np.uint64(0)
    for index in range(len(records)):
        record = np.int64(records[np.uint64(index)])
        code = record >> 25
        pulse = record & 1023
        count = pulse & count_mask
        base += np.int64(code == 127) * wrap * (count + np.int64(count == 0))
        pulses[k] = base + pulse
        channels[k] = np.uint8(code)
        delays[k] = np.int32((record >> 10) & 0x7FFF)
        k += np.uint64(code < 64)
        if 64 <= code < 127:
            if 65 <= code <= 79:
                marks[m] = base + pulse
                values[m] = np.uint8(code - 64)
                m += np.uint64(1)
            else:
                state[2] += 1
    state[0] = base
    return np.int64(k), np.int64(m)


@compiled
def pico_t2(
    records: Records,
    state: Ints,
    wrap: int,
    counted: bool,
    times: Ints,
    channels: Bytes,
    delays: Delays,
    marks: Ints,
    values: Bytes,
) -> tuple[np.int64, np.int64]:
    """Decode channel (4), time (28); return the numbers of photons and of markers.

    Both inputs of this recorder are alike: channel 0 is a detector. A marker's value overwrites the lowest four bits
    of its time.
    """
    base = state[0]
    k = m = np.uint64(0)
    for index in range(len(records)):
        record = np.int64(records[np.uint64(index)])
        code = record >> 28
        tick = record & 0xFFFFFFF
        value = tick & 15
        is_special = code == 15
        base += np.int64(is_special and value == 0) * wrap
        times[k] = base + tick
        channels[k] = np.uint8(code)
        k += np.uint64(code <= 4)
        if code > 4:
            if is_special:
                marks[m] = base + tick - value
                values[m] = np.uint8(value)
                m += np.uint64(value > 0)
            else:
                state[2] += 1
    state[0] = base
    return np.int64(k), np.int64(m)


@compiled
def pico_t3(
    records: Records,
    state: Ints,
    wrap: int,
    counted: bool,
    pulses: Ints,
    channels: Bytes,
    delays: Delays,
    marks: Ints,
    values: Bytes,
) -> tuple[np.int64, np.int64]:
    """Decode channel (4, detectors from 1), delay (12), sync count (16); return numbers of photons and markers."""
    base = state[0]
    k = m = np.uint64(0)
    for index in range(len(records)):
        record = np.int64(records[np.uint64(index)])
        code = record >> 28
        delay = (record >> 16) & 0xFFF
        pulse = record & 0xFFFF
        is_special = code == 15
        base += np.int64(is_special and delay == 0) * wrap
        pulses[k] = base + pulse
        channels[k] = np.uint8(code - 1)
        delays[k] = np.int32(delay)
        is_photon = 1 <= code <= 4
        k += np.uint64(is_photon)
        if not is_photon:
            if is_special and delay <= 15:
                marks[m] = base + pulse
                values[m] = np.uint8(delay)
                m += np.uint64(delay > 0)
            else:
                state[2] += 1
    state[0] = base
    return np.int64(k), np.int64(m)
