"""An energy meter: the energy of every single pulse, with or without the calibration that tells it at the sample."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ...core.errors import HardwareFault, UsageError
from ...core.units import show
from ..attempt import Bracket, in_words
from ..calibrations import quantity
from .base import Option, RoleAdapter, RoleSpec, Table
from .energy_recording import EnergyRecordingOfHead, PlannedEnergyRecording
from .energy_source import EnergySource, PlannedPulses, source_of
from .unread import drop_unread

_OVER_RANGE = 1e30
"""SCPI instruments say 9.9E37 where a reading is out of range."""
_BEYOND = 1.1
"""Share of the full scale that heads may show a little above it."""
_ROOM = 2.0
"""Full scale over the energy that is expected: pulses vary."""


class EnergyMeterAdapter(RoleAdapter):
    """Records every pulse on a head: by the head's own stream where it has one, else by asking for each."""

    options: ClassVar = {
        "use": Option("target", "energy of the next pulse on the head, in J", required=True),
        "new": Option("target", "whether a pulse has come that was not read yet"),
        "stream": Option("target", "energies of the pulses since it was last asked, in J"),
        "streaming": Option("target", "whether pulses are collected for `stream`"),
        "range": Option("target", "highest energy of the head's present range, in J"),
        "calibration": Option("calibration", "an energy_at_sample calibration"),
        "accuracy": Option("quantity", "relative 1-sigma of the head's own calibration", least=0),
        "noise": Option("quantity", "relative 1-sigma of one reading", least=0),
        "fastest": Option("quantity", "highest rate at which no pulse is missed", unit="Hz", required=True, least=1e-3),
        "poll": Option("quantity", "time between two looks", unit="s", default=0.005, least=1e-4),
    }

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        if "streaming" in role.targets and "stream" not in role.targets:
            raise UsageError("`streaming` starts the `stream` of a head; state `stream` too, or leave it out")
        self._wanted: float | None = None
        self._full: float | None = None
        self._running: EnergyRecordingOfHead | None = None

    def begin(self) -> None:
        """End a recording that was left running, drop unread replies, and choose the range anew."""
        self._wanted = self._full = self._running = None
        self._source().end()
        drop_unread(self.handles["use"].owner)

    def expect(self, joule: float) -> None:
        """Choose the range for pulses of about this energy at the sample, in J, with room for twice as much.

        Raises:
            UsageError: no energy, or a recording runs.
            HardwareFault: the head has no such range.
        """
        if not 0 < joule < math.inf:
            raise UsageError(f"{self.label}: {joule} J is no energy of a pulse; expect one above 0 J")
        wanted = _ROOM * self._on_head(joule)
        handle = self.handles.get("range")
        if handle is None or wanted == self._wanted:
            return
        if self._running is not None:
            raise UsageError(f"{self.label}: the range cannot change while pulses are recorded; choose it before")
        self._wanted = self._full = None
        with in_words(self.label):
            handle.set(wanted)
            full = float(handle.get())
        if not full >= wanted * (1 - 1e-3):
            raise HardwareFault(
                f"{self.label}: its range was set for {show(wanted, 'J')} on the head but reads {show(full, 'J')}; "
                "take a head for higher energies, or put a filter before it and measure its calibration again"
            )
        self._wanted, self._full = wanted, full

    def recording(self) -> Bracket[EnergyRecordingOfHead]:
        """Record every pulse for the duration of a `with` block.

        Raises:
            UsageError: one runs already.
        """
        return Bracket(self._begin_recording, {"the recording of pulses did not end": self._end_recording},
                       self._require_idle)  # fmt: skip

    def fastest(self) -> float:
        """Return the highest pulse rate of which every pulse is read, in Hz."""
        return float(self.option("fastest"))

    def facts(self) -> dict[str, Any]:
        """Return the head's own accuracy and its noise, both relative 1-sigmas, where they are stated."""
        stated = {name: self.option(name) for name in ("accuracy", "noise")}
        return {name: quantity((value, 0.0), "1") for name, value in stated.items() if value is not None}

    def at_sample(self, head: float) -> float:
        """Return the energy at the sample in J for a reading of the head; refuse one that is none.

        Raises:
            HardwareFault: the head is over its range, or not there.
        """
        if not math.isfinite(head) or abs(head) > _OVER_RANGE or self._is_beyond(head):
            shown = "" if self._full is None else f" in its range of {show(self._full, 'J')}"
            raise HardwareFault(
                f"{self.label} reads {show(head, 'J')}{shown}, which means over range: attenuate, or let it expect "
                "pulses of more energy; where no light is on it, see that the head is plugged in"
            )
        name = self.option("calibration")
        return head if name is None else float(self.calibration(name).energy(head))

    def _is_beyond(self, head: float) -> bool:
        return self._full is not None and head > _BEYOND * self._full

    def _on_head(self, joule: float) -> float:
        name = self.option("calibration")
        return joule if name is None else float(self.calibration(name).reading(joule))

    def _source(self) -> EnergySource:
        return source_of(self.handles, self.label)

    def _require_idle(self) -> None:
        if self._running is not None:
            raise UsageError(f"{self.label}: pulses are being recorded already; end that recording first")

    def _begin_recording(self) -> EnergyRecordingOfHead:
        source = self._source()
        self._running = EnergyRecordingOfHead(self, source)
        with in_words(self.label):
            source.begin()
        self.table.pulse_recordings.append(self._running)
        return self._running

    def _end_recording(self) -> None:
        ended, self._running = self._running, None
        if ended in self.table.pulse_recordings:
            self.table.pulse_recordings.remove(ended)
        if ended is not None:
            ended.end()


class PlannedEnergyMeter(EnergyMeterAdapter):
    """The same in a dry run: pulses come when one of the table's meters waits for them, at the planned rate."""

    def begin(self) -> None:
        """Choose the range anew."""
        self._wanted = self._full = self._running = None

    def _is_beyond(self, head: float) -> bool:
        return False  # the worst case stands for an energy that nobody has set

    def _begin_recording(self) -> EnergyRecordingOfHead:
        self._running = PlannedEnergyRecording(self, PlannedPulses(self.table.planned_pulses, self._on_head))
        return self._running


EnergyMeterAdapter.twin = PlannedEnergyMeter
