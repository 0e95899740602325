"""Photons that come too soon after one of their own channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.compiled import compiled

Ints = NDArray[np.int64]
Channels = NDArray[np.uint8]


@compiled
def spaced(times: Ints, channels: Channels, least: int, extends: bool) -> NDArray[np.bool_]:
    """Return which photons come at least `least` ps after the last one of their channel, shape (n,).

    That last one is the last that was kept, or with `extends` the last of all.
    """
    kept = np.empty(times.size, np.bool_)
    last = np.zeros(256, np.int64)
    seen = np.zeros(256, np.bool_)
    for i in range(times.size):
        channel = channels[i]
        keep = not seen[channel] or times[i] - last[channel] >= least
        kept[i] = keep
        if keep or extends:
            last[channel] = times[i]
            seen[channel] = True
    return kept
