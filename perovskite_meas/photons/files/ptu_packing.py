"""Events into 32-bit records of the generic PTU kinds, with overflow records where time goes on without events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MARKER = 64
"""Code of a record is 64 plus the marker's value, or the channel of a photon."""
_OVERFLOW = 127
_CODE_SHIFT = 25
_DELAY_SHIFT = 10


@dataclass
class Packer:
    """Pack events whose ticks (T2) or pulses (T3) never go back."""

    bits: int
    """Bits of a record that hold the tick (25) or the pulse (10)."""
    wraps: int = 0
    """Overflows so far."""

    def pack(
        self, counts: NDArray[np.int64], codes: NDArray[np.uint8], delays: NDArray[np.int32] | None = None
    ) -> NDArray[np.uint32]:
        """Return the records of these events, overflows before them included."""
        if not len(counts):
            return np.empty(0, "<u4")
        most = (1 << self.bits) - 1
        wraps = counts >> self.bits
        passed = np.diff(wraps, prepend=self.wraps)
        overflows = -(-passed // most)
        places = np.arange(len(counts)) + np.cumsum(overflows)
        # All overflow records are full but the last before each event.
        records = np.full(int(places[-1]) + 1, _OVERFLOW << _CODE_SHIFT | most, "<u4")
        gaps = np.flatnonzero(passed)
        rest = passed[gaps] - (overflows[gaps] - 1) * most
        records[places[gaps] - 1] = _OVERFLOW << _CODE_SHIFT | rest
        events = codes.astype(np.int64) << _CODE_SHIFT | counts & most
        if delays is not None:
            events |= delays.astype(np.int64) << _DELAY_SHIFT
        records[places] = events
        self.wraps = int(wraps[-1])
        return records
