"""A ramp of the fine axis while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...core.clock import Clock
from ...core.errors import ReplyError, UsageError
from ...core.ramp import Ramp, RampRecord
from ..handle import Handle

if TYPE_CHECKING:
    from .fine_axis import FineAxis

_CYCLES = 3
"""Cycles after which the recorder is asked: the first one is not used."""


class RampOnAxis:
    """A ramp that runs; `core.roles.RunningRamp`."""

    def __init__(self, axis: FineAxis, ramp: Ramp, record: Handle | None, clock: Clock, label: str) -> None:
        self._axis = axis
        self._ramp = ramp
        self._handle = record
        self._clock = clock
        self._label = label
        self._started = clock.now()
        self._record: RampRecord | None = None

    @property
    def period(self) -> float:
        """Seconds of one cycle, as the controller keeps it."""
        return self._ramp.period

    @property
    def forward(self) -> float:
        """Seconds of the forward part."""
        return self._ramp.forward

    def positions(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mirror travel from the middle, in um, at these times of the forward part, in s, shape (n,).

        Raises:
            UsageError: a time outside the forward part.
            ReplyError: the recorder does not hold a whole cycle after the first.
            HardwareFault: the axis does not follow.
        """
        if np.any(times < 0) or np.any(times > self.forward * (1 + 1e-9)):
            raise UsageError(f"{self._label}: a ramp's positions are known from 0 s to {self.forward:g} s of its cycle")
        if self._handle is None:
            return self._axis.um(self._ramp.at(times))
        if self._record is None:
            self._record = self._recorded(self._handle)
        record = self._record
        several = [np.interp(start + times, *record) for start in self._cycles(record)]
        return self._axis.um(np.mean(several, axis=0))

    def _recorded(self, handle: Handle) -> RampRecord:
        self._clock.sleep(self._started + _CYCLES * self.period - self._clock.now())
        self._axis.check_state()
        record = handle.get()
        if not isinstance(record, RampRecord):
            raise ReplyError(f"{self._label}: {handle.name} is to give a RampRecord; got {type(record).__name__}")
        if not self._cycles(record):
            held = f"{record.times[-1]:g} s" if len(record.times) else "nothing"
            raise ReplyError(
                f"{self._label}: the recorder holds {held}, but a whole cycle after the first one ends "
                f"{self.period + self.forward:g} s after the start; record more points or less often"
            )
        return record

    def _cycles(self, record: RampRecord) -> list[float]:
        """Return the starts of the cycles after the first whose forward part was recorded whole, in s."""
        if len(record.times) < 2:
            return []
        step = (record.times[-1] - record.times[0]) / (len(record.times) - 1)
        last = int((record.times[-1] + step - self.forward) / self.period)
        return [number * self.period for number in range(1, last + 1) if number * self.period >= record.times[0]]
