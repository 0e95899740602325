"""A recording of every pulse on an energy meter, and what stands for it in a dry run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import HardwareFault, UsageError
from ...core.pulses import Shots
from ..attempt import in_words
from .energy_source import EnergySource

if TYPE_CHECKING:
    from .energy_meter import EnergyMeterAdapter

_QUIET = 0.95
"""Share of the time between two pulses for which the next one is not looked for."""


class EnergyRecordingOfHead:
    """Every pulse on an energy meter since its `with` block began.

    Args:
        meter: whose pulses.
        source: where they come from.
    """

    def __init__(self, meter: EnergyMeterAdapter, source: EnergySource) -> None:
        self._meter = meter
        self._source = source
        self._times: list[float] = []
        self._energies: list[float] = []
        self._heads: list[float] = []
        rate = meter.guard.pulses.rate
        self._expected = 1.0 / rate if rate else 0.0
        self._gap: float | None = None
        """Shortest time between two pulses as seen, in s."""
        self._open = True

    def wait(self, shots: int, timeout: float) -> int:
        """Wait until so many pulses have been seen in all, and return how many there are.

        Raises:
            HardwareFault: they did not come within `timeout` s, the head is over its range or unplugged.
        """
        clock, label = self._meter.clock, self._meter.label
        self._require_open()
        started = clock.now()
        deadline = started + timeout
        while len(self._heads) < shots:
            # Held against what the pauses below aim at: a rounding apart, a clock that only waiting moves would stand.
            if (now := clock.now()) >= deadline:
                self._add(self._source.last_look)
                if len(self._heads) >= shots:
                    break
                raise HardwareFault(
                    f"{label} saw {len(self._heads)} of {shots} pulses within {now - started:.3g} s: see that the "
                    "laser fires onto the head, that the head is plugged in, and that its trigger level is below the "
                    "pulses"
                )
            self._add(self._source.collect)
            for other in self._meter.table.pulse_recordings:
                if other is not self:
                    other.look()
            if len(self._heads) < shots:
                clock.sleep(min(self._pause(), max(0.0, deadline - clock.now())))
        return len(self._heads)

    def shots(self) -> Shots:
        """Return all pulses so far; asks the meter once more while the block lasts, if that need not wait."""
        self.look()
        return Shots(np.array(self._times), np.array(self._energies), np.array(self._heads))

    def look(self) -> None:
        """Ask for the pulses that have come, while the block lasts and if that need not wait for one."""
        if self._open and self._source.looks:
            self._add(self._source.collect)

    def end(self) -> None:
        """Collect no more."""
        self._open = False
        self._source.end()

    def _add(self, look: Callable[[], list[float]]) -> None:
        with in_words(self._meter.label):
            heads = look()
        now = self._meter.clock.now()
        if heads and self._times:
            gap = (now - self._times[-1]) / len(heads)
            self._gap = gap if self._gap is None else min(gap, self._gap)
        for head in heads:
            self._energies.append(self._meter.at_sample(head))
            self._heads.append(head)
            self._times.append(now)

    def _pause(self) -> float:
        """Return how long not to look, in s: pulses come at a steady rate, and every look takes the line's time."""
        if not self._source.looks:
            return 0.0
        poll: float = self._meter.option("poll")
        gap = self._expected if self._gap is None else self._gap
        due = self._times[-1] + _QUIET * gap if self._times else 0.0
        return max(poll, due - self._meter.clock.now())

    def _require_open(self) -> None:
        if not self._open:
            raise UsageError(f"{self._meter.label}: this recording has ended; wait for pulses within its `with` block")


class PlannedEnergyRecording(EnergyRecordingOfHead):
    """A recording in a dry run."""

    def wait(self, shots: int, timeout: float) -> int:
        """Let the pulses that are still missing come, with the planned energy."""
        meter, pulses = self._meter, self._meter.guard.pulses
        for _ in range(shots - len(self.shots().times)):
            meter.clock.sleep(1.0 / (pulses.rate or meter.fastest()))
            meter.table.planned_pulses.append(pulses.most or 0.0)
        return len(self.shots().times)
