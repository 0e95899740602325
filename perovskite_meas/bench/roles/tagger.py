"""A time tagger over a parameter that records, and a length to record."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...core.errors import HardwareFault, ReplyError, UsageError
from ...core.tags import Tags
from ..calibrations import PulseCalibration, quantity
from ..pulse_axis import PulseAxis
from .base import Option, RoleAdapter, RoleSpec, Table

MARKS = range(1, 15)
USES = ("signal", "monitor", "trigger")


class TaggerAdapter(RoleAdapter):
    """Records photons one by one, keeps them in the run folder, and blocks the light when there are too many."""

    options: ClassVar = {
        "use": Option("target", "parameter whose value is one recording (core Tags)", required=True),
        "time": Option("target", "length of a recording, in s", required=True),
        "mode": Option("target", "T2 or T3; where it can be told, T3 is used with laser pulses on the sync"),
        "sync": Option("target", "laser pulses per second on the sync input, in Hz"),
        "dead_time": Option("quantity", "dead time of each detector", unit="ns", least=0),
        "jitter": Option("quantity", "1-sigma timing jitter of one detector", unit="ps", least=0),
        "signal": Option("quantity", "channel of the emission, counted from 0", default=0, least=0),
        "monitor": Option("quantity", "channel of a detector that sees the laser alone", least=0),
        "trigger": Option("quantity", "channel of the pulse at the start of every ramp of a delay line", least=0),
    }

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._seconds: float | None = None
        self._sync: float | None = None
        self._axis = PulseAxis()
        self._channels = self._checked_channels()

    def begin(self) -> None:
        """Ask for the sync and set the length of a recording anew: a hand may have changed either."""
        self._seconds = self._sync = None
        self._axis = PulseAxis()

    def inputs(self) -> dict[str, int]:
        """Return channel by use, as the bench states it: 'signal', and where there are such, 'monitor', 'trigger'."""
        return dict(self._channels)

    def sync_rate(self) -> float:
        """Return the laser pulses per second on the sync input, in Hz; 0 where there are none."""
        if self._sync is None:
            self._sync = self._read_sync()
            if "mode" in self.handles:
                self.handles["mode"].set("T3" if self._sync > 0 else "T2")
        return self._sync

    def acquire(self, seconds: float, mark: int = 1) -> Tags:
        """Record for `seconds` and return the tags.

        Raises:
            LimitError: more photons per second on a detector, or more dose, than allowed; the light is off.
            HardwareFault: the tagger lost events, or the laser's period changed.
            TagStorageError: the recording could not be kept.
        """
        if not seconds > 0 or mark not in MARKS:
            raise UsageError(f"{self.label}: record for more than 0 s with a mark of 1 to 14; got {seconds} s, {mark}")
        rate = self.sync_rate()
        self.guard.watch(ahead=seconds)
        started = self.clock.now()
        tags = self._axis.put(self._take(seconds), rate, self.label)
        self.table.recordings.append("photons", tags, mark, started)
        if tags.overflow:
            raise HardwareFault(
                f"{self.label} lost events in a recording of {len(tags)} photons: less light, or filter the sync"
            )
        for channel, count in enumerate(np.bincount(tags.channels, minlength=1)):
            self.guard.check_rate(count / (tags.duration * 1e-12), f"{self.label}, {self._named(channel)}")
        return tags

    def facts(self) -> dict[str, Any]:
        """Return dead time and jitter where they are stated, and the inputs where there is more than the emission."""
        units = {"dead_time": "ns", "jitter": "ps"}
        stated = {name: self.option(name) for name in units}
        facts: dict[str, Any] = {
            name: quantity((value, 0.0), units[name]) for name, value in stated.items() if value is not None
        }
        return facts | ({"inputs": self.inputs()} if len(self._channels) > 1 else {})

    def _named(self, channel: int) -> str:
        """Return an input as messages call it: by its use where the bench states several, else as a detector."""
        uses = {number: use for use, number in self._channels.items()} if len(self._channels) > 1 else {}
        return f"{uses.get(channel, f'detector {channel + 1}')} (input {channel})"

    def _checked_channels(self) -> dict[str, int]:
        stated = {use: self.option(use) for use in USES if self.option(use) is not None}
        numbers = list(stated.values())
        if any(number != int(number) for number in numbers) or len(set(numbers)) < len(numbers):
            shown = ", ".join(f"{use}: {number:g}" for use, number in stated.items())
            raise UsageError(f"{self.label}: {shown}: give each use a channel of its own, a whole number from 0 up")
        return {use: int(number) for use, number in stated.items()}

    def _read_sync(self) -> float:
        return float(self.handles["sync"].get()) if "sync" in self.handles else 0.0

    def _take(self, seconds: float) -> Tags:
        if seconds != self._seconds:
            self._seconds = None
            self.handles["time"].set(seconds)
            self._seconds = seconds
        tags = self.handles["use"].get()
        if not isinstance(tags, Tags):
            raise ReplyError(f"{self.label}: a recording is a Tags object; got {type(tags).__name__}")
        if tags.duration <= 0:
            raise ReplyError(f"{self.label}: the recording says that it lasted {tags.duration} ps")
        return tags


class PlannedTagger(TaggerAdapter):
    """The same in a dry run: the time passes, and what would be recorded is not known."""

    def _read_sync(self) -> float:
        pulse = self.table.calibrations.get("pulse")
        return pulse.repetition_rate[0] if isinstance(pulse, PulseCalibration) and "sync" in self.handles else 0.0

    def _take(self, seconds: float) -> Tags:
        self.clock.sleep(seconds + 0.05)
        none, rate = np.empty(0, np.int64), self.sync_rate()
        pulsed = rate > 0
        return Tags(
            times=none,
            channels=np.empty(0, np.uint8),
            duration=round(seconds * 1e12),
            pulses=none if pulsed else None,
            dtimes=np.empty(0, np.int32) if pulsed else None,
            period=1e12 / rate if pulsed else None,
        )


TaggerAdapter.twin = PlannedTagger
