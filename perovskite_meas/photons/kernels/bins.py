"""The bin of a lag: a product and a shift where these are exact, a division where they are not."""

from __future__ import annotations

import numpy as np

from ...core.compiled import inlined

Whole = int | np.int64 | np.uint64
"""A whole number of a compiled loop, whose types are those of the machine."""

Factors = tuple[np.uint64, np.uint64, np.uint64]
"""Factor, shift and bin width: what `bin_of` needs; a factor of 0 means division."""


def factors(width: int, span: int) -> Factors:
    """Return the numbers with which `bin_of` is exact for every offset from 0 up to `span`, both in ps.

    With m = ceil(2^s / width) and e = m * width - 2^s, floor(x * m / 2^s) = floor(x / width) for every x < span
    where e * span <= 2^s (Granlund and Montgomery, PLDI 1994); the product must fit 64 bits.
    """
    if width & (width - 1) == 0:
        return np.uint64(1), np.uint64(width.bit_length() - 1), np.uint64(width)
    for shift in range(62, 0, -1):
        factor = -(-(1 << shift) // width)
        if factor * span < 1 << 64:
            excess = factor * width - (1 << shift)
            if excess * span <= 1 << shift:
                return np.uint64(factor), np.uint64(shift), np.uint64(width)
            break
    return np.uint64(0), np.uint64(0), np.uint64(width)


@inlined
def bin_of(offset: np.uint64, factor: np.uint64, shift: np.uint64, width: np.uint64) -> np.uint64:
    """Return offset // width; the offset counts in ps from the lower edge of the first bin."""
    if factor != 0:
        return (offset * factor) >> shift
    return offset // width
