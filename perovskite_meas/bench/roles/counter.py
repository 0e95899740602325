"""A gated photon counter."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ...core.errors import ReplyError, UsageError
from ...core.roles import Count
from ..calibrations import quantity
from .base import Option, RoleAdapter, RoleSpec, Table


class CounterAdapter(RoleAdapter):
    """Counts photons in a gate, and blocks the light when there are too many."""

    options: ClassVar = {
        "use": Option("target", "counts of one gate; asking starts the gate", required=True),
        "gate": Option("target", "length of the gate, in s"),
        "dead_time": Option("quantity", "dead time of detector and counter", unit="ns", least=0),
    }

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._counts = self.handles["use"]
        self._gate = self.handles.get("gate")
        self._dwell: float | None = None
        self._live = 0.0

    def begin(self) -> None:
        """Set the gate anew at the first count of a run: a hand may have changed it."""
        self._dwell = None

    def count(self, dwell: float) -> Count:
        """Count for `dwell` s and return counts and live time (the gate as the instrument keeps it).

        Raises:
            LimitError: more counts per second, or more dose, than allowed; the light is off.
        """
        if not dwell > 0:
            raise UsageError(f"{self.label}: dwell = {dwell} s must be longer than 0 s")
        self.guard.watch(ahead=dwell)
        counts, live = self._take(dwell)
        self.guard.check_rate(counts / live, self.label)
        return Count(counts, live)

    def facts(self) -> dict[str, Any]:
        """Return the dead time, where it is stated."""
        dead_time = self.option("dead_time")
        return {} if dead_time is None else {"dead_time": quantity((dead_time, 0.0), "ns")}

    def _take(self, dwell: float) -> tuple[float, float]:
        if dwell != self._dwell:
            self._live = dwell
            if self._gate is not None:
                self._dwell = None
                self._gate.set(dwell)
                self._live = float(self._gate.get())
                if not self._live > 0:
                    raise ReplyError(f"{self.label}: the gate was set to {dwell:g} s but reads {self._live:g} s")
            self._dwell = dwell
        return float(self._counts.get()), self._live


class PlannedCounter(CounterAdapter):
    """The same in a dry run: the gate passes, and what it would count is not known."""

    def _take(self, dwell: float) -> tuple[float, float]:
        self.clock.sleep(dwell + 0.015)
        return math.nan, dwell


CounterAdapter.twin = PlannedCounter
