"""TTTR records of PicoQuant's Harps as 32-bit words -> tags; generic T2 and T3 formats (HydraHarp 2 and later).

Source: PicoQuant, TTTR record formats (snAPI documentation, "TCSPC specific record formats"; PTU file format).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_OVERFLOW_CODE = 0x3F
_SYNC_CODE = 0
_LAST_MARKER = 15


class Decoded(NamedTuple):
    """Events of one block of records."""

    counter: NDArray[np.int64]
    """T2: units of the base resolution; T3: number of the laser pulse. Since the start of the measurement."""
    delays: NDArray[np.int32]
    """T3: units of the resolution; T2: empty."""
    channels: NDArray[np.uint8]
    """Inputs, counted from 0."""
    marker_counter: NDArray[np.int64]
    marker_values: NDArray[np.uint8]
    syncs: NDArray[np.int64]
    """T2: counter values of the pulses on the sync input."""


class Decoder:
    """Decodes a stream block by block and keeps the overflows from one block to the next.

    Args:
        mode: "T2" or "T3".

    Examples:
        >>> decoder = Decoder("T3")
        >>> decoder.decode(np.array([0xFE000002, 0x02000C01], np.uint32)).counter
        array([2049])
    """

    def __init__(self, mode: str) -> None:
        self._is_t3 = mode == "T3"
        self._bits = 10 if self._is_t3 else 25
        self._overflows = 0

    def decode(self, records: NDArray[np.uint32]) -> Decoded:
        """Return the events of a block of records, shape (n,); the records are not kept."""
        words = np.asarray(records, np.uint32)
        codes = (words >> np.uint32(25)) & np.uint32(0x3F)
        low = (words & np.uint32((1 << self._bits) - 1)).astype(np.int64)
        special = words >= np.uint32(1 << 31)
        counter = self._unwrap(special & (codes == _OVERFLOW_CODE), low)
        photons = ~special
        delays = np.empty(0, np.int32)
        if self._is_t3:
            delays = ((words[photons] >> np.uint32(10)) & np.uint32(0x7FFF)).astype(np.int32)
        marks = special & (codes > 0) & (codes <= _LAST_MARKER)
        return Decoded(
            counter[photons],
            delays,
            codes[photons].astype(np.uint8),
            counter[marks],
            codes[marks].astype(np.uint8),
            counter[special & (codes == _SYNC_CODE)],
        )

    def _unwrap(self, overflows: NDArray[np.bool_], low: NDArray[np.int64]) -> NDArray[np.int64]:
        # an overflow record that says 0 is one of the first firmware, which wrote one record for each
        steps = np.where(overflows, np.maximum(low, 1), 0)
        turns = self._overflows + np.cumsum(steps)
        if len(turns):
            self._overflows = int(turns[-1])
        return (turns << self._bits) + low
