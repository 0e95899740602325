"""TTTR records of a MultiHarp, 32 bit: what the hardware puts on the USB bus.

T2: special (1), channel (6), time (25, units of the base resolution). T3: special (1), channel (6), delay (15, units
of the resolution), sync (10). Special with channel 63: so many overflows of time or sync; special with channel 0:
a pulse on the sync input (T2 only). Source: PicoQuant, TTTR record formats, generic T2 and T3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_T2_BITS, _T3_BITS = 25, 10
_SPECIAL = np.uint32(1 << 31)
_OVERFLOW = _SPECIAL | np.uint32(63 << 25)
_DELAYS = 1 << 15
"""Delays that a T3 record can hold; later photons are not recorded."""


class Recorder:
    """Turns events into records; counts the overflows from one piece to the next.

    Args:
        bits: of the counter in a record, 25 in T2 and 10 in T3.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._turns = 0

    def _with_overflows(self, counter: NDArray[np.int64], payload: NDArray[np.uint32], end: int) -> NDArray[np.uint32]:
        """Return records with overflows between them and up to the counter's value `end`."""
        turns = np.append(counter, max(end, int(counter[-1]) if len(counter) else end)) >> self._bits
        steps = np.diff(turns, prepend=self._turns)
        largest = (1 << self._bits) - 1
        several = -(-steps // largest)
        lengths = several + 1
        ends = np.cumsum(lengths)
        out = np.full(int(ends[-1]), _OVERFLOW | np.uint32(largest), np.uint32)
        last = ends[steps > 0] - 2
        out[last] = _OVERFLOW | (steps - (several - 1) * largest)[steps > 0].astype(np.uint32)
        low = (counter & largest).astype(np.uint32)
        out[ends[:-1] - 1] = payload | low
        self._turns = int(turns[-1])
        return out[:-1]


class T2Recorder(Recorder):
    """Records of T2 mode."""

    def __init__(self) -> None:
        super().__init__(_T2_BITS)

    def encode(
        self, times: NDArray[np.int64], channels: NDArray[np.uint8], is_sync: NDArray[np.bool_], end: int
    ) -> NDArray[np.uint32]:
        """Return the records of events; `times` and `end` in units of the base resolution."""
        payload = channels.astype(np.uint32) << np.uint32(25)
        payload[is_sync] = _SPECIAL
        return self._with_overflows(times, payload, end)


class T3Recorder(Recorder):
    """Records of T3 mode."""

    def __init__(self) -> None:
        super().__init__(_T3_BITS)

    def encode(
        self, pulses: NDArray[np.int64], delays: NDArray[np.int64], channels: NDArray[np.uint8], end: int
    ) -> NDArray[np.uint32]:
        """Return the records of photons; delays in units of the resolution, `end` the last pulse so far."""
        fits = (delays >= 0) & (delays < _DELAYS)
        pulses, delays, channels = pulses[fits], delays[fits], channels[fits]
        payload = (channels.astype(np.uint32) << np.uint32(25)) | (delays.astype(np.uint32) << np.uint32(10))
        return self._with_overflows(pulses, payload, end)
