"""The pulsed recordings of one run on one axis: one laser period, and delays that a tag file can hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..core.errors import HardwareFault, ReplyError
from ..core.tags import Tags

_DELAYS = 1 << 15
"""Delays that a T3 record can hold."""
_DRIFT = 1e-3
"""Share by which the laser's period may differ between recordings: rate meters miss it by some 1e-6 each time."""


class PulseAxis:
    """The laser's period, which the first T3 recording of a run fixes for all: one file and one set of bins have one.

    Pulse numbers and delays are what was measured; only the times that follow from them are worked out anew.
    """

    def __init__(self) -> None:
        self._period: float | None = None

    def put(self, tags: Tags, rate: float, who: str) -> Tags:
        """Return a recording with the run's period and, where needed, coarser delays; T2 recordings as they are.

        Args:
            tags: the recording.
            rate: laser pulses per second, for recordings that do not say their period; 0 if not known.
            who: recorded it, for messages.

        Raises:
            ReplyError: T3 tags without a period.
            HardwareFault: the laser's period has changed.
        """
        if tags.pulses is None or tags.dtimes is None:
            return tags
        own = tags.period or (1e12 / rate if rate > 0 else 0.0)
        if not (own > 0 and math.isfinite(own)):
            raise ReplyError(
                f"{who}: a T3 recording without the laser's period; let the driver say it, name the sync rate with "
                "`sync` in the bench file, or record in T2"
            )
        period = self._period = self._period or own
        if abs(own / period - 1) > _DRIFT:
            raise HardwareFault(
                f"{who}: the laser's period was {period / 1000:g} ns and is now {own / 1000:g} ns; check laser and sync"
            )
        coarser = max(0, math.ceil(math.log2(period / tags.resolution / _DELAYS)))
        if period == tags.period and not coarser:
            return tags
        resolution, dtimes = tags.resolution * 2**coarser, tags.dtimes >> coarser
        times = np.rint(tags.pulses * period + dtimes * resolution).astype(np.int64)
        return replace(tags, times=times, dtimes=dtimes, period=period, resolution=resolution)
