"""The simulated Time Tagger Ultra: settings. Source: Time Tagger 2.22.6, classes TimeTaggerSource and TimeTagger.

Trigger levels are kept and not acted upon: the detectors of the virtual table give clean pulses.
"""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..clock import SimClock
from ._swabian_hub import CHANNELS, DEAD_TIME, SYNC, Hub
from .laboratory import Laboratory

CHANNEL_UNUSED = -134217728
_LEVELS = (-2.5, 2.5)
_LONGEST_DEAD_TIME = 2147 * 10**6


class TimeTaggerSource:
    """Delays, dead times, filter and overflows."""

    hub: Hub

    def setInputDelay(self, channel: int, delay: int) -> None:
        """Delay a channel by so many ps."""
        self._checked(channel).delays[channel] = int(delay)

    def getInputDelay(self, channel: int) -> int:
        """Return the delay of a channel in ps."""
        return self._checked(channel).delays.get(channel, 0)

    def setDeadtime(self, channel: int, deadtime: int) -> int:
        """Set the dead time of a channel in ps; return the one reached."""
        hub = self._checked(channel)
        if deadtime > _LONGEST_DEAD_TIME:
            raise RuntimeError(f"The deadtime {deadtime} is too long")
        hub.dead_times[channel] = max(DEAD_TIME, int(deadtime))
        return hub.dead_times[channel]

    def getDeadtime(self, channel: int) -> int:
        """Return the dead time of a channel in ps."""
        return self._checked(channel).dead_times.get(channel, DEAD_TIME)

    def setConditionalFilter(self, trigger: Sequence[int], filtered: Sequence[int]) -> None:
        """Let only the first event of the filtered channels after each trigger pass; here the sync's alone."""
        hub = self._checked(*trigger, *filtered)
        if set(filtered) - {SYNC}:
            raise NotImplementedError(f"this stand-in filters channel {SYNC} alone, the laser's; got {list(filtered)}")
        hub.advance()
        hub.trigger, hub.filtered = tuple(trigger), tuple(filtered)

    def clearConditionalFilter(self) -> None:
        """Let everything pass."""
        self.setConditionalFilter([], [])

    def getConditionalFilterTrigger(self) -> list[int]:
        """Return the triggers of the filter."""
        return list(self.hub.trigger)

    def getConditionalFilterFiltered(self) -> list[int]:
        """Return the filtered channels."""
        return list(self.hub.filtered)

    def getOverflows(self) -> int:
        """Return how often tags were lost."""
        hub = self._checked()
        hub.advance()
        return hub.overflows

    def getOverflowsAndClear(self) -> int:
        """Return how often tags were lost, and count anew."""
        found = self.getOverflows()
        self.hub.overflows = 0
        return found

    def clearOverflows(self) -> None:
        """Count the overflows anew."""
        self.getOverflowsAndClear()

    def _checked(self, *channels: int) -> Hub:
        hub = self.__dict__.get("hub")
        if hub is None:
            raise RuntimeError("The Time Tagger was freed.")
        found: Hub = hub
        if found.cut:
            raise RuntimeError("The connection to the Time Tagger was lost.")
        for channel in channels:
            if not 1 <= abs(channel) <= CHANNELS:
                raise RuntimeError(f"Channel {channel} does not exist.")
        return found


class TimeTaggerBase(TimeTaggerSource):
    """What a measurement needs of a tagger."""

    auto_start = True

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @property
    def clock(self) -> SimClock:
        """The simulated time; the vendor's object has no clock."""
        return self.hub.laboratory.clock

    def __enter__(self) -> TimeTaggerBase:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Free the device; nothing more can be asked of it."""
        hub: Hub | None = self.__dict__.pop("hub", None)
        if hub is not None:
            hub.laboratory.bay.give_back(self)

    def register(self, measurement: Any) -> None:
        """Take note of a new measurement."""

    def getInvertedChannel(self, channel: int) -> int:
        """Return the channel of the other edge."""
        return -channel

    def isUnusedChannel(self, channel: int) -> bool:
        """Return whether this means no channel."""
        return channel == CHANNEL_UNUSED

    def sync(self, timeout: int = -1) -> bool:
        """Wait until all settings hold; they do at once."""
        self._checked()
        return True

    def getConfiguration(self) -> dict[str, Any]:
        """Return all settings."""
        hub = self._checked()
        return {
            "delays": dict(hub.delays),
            "dead times": dict(hub.dead_times),
            "conditional filter": {"trigger": list(hub.trigger), "filtered": list(hub.filtered)},
        }


class TimeTagger(TimeTaggerBase):
    """A Time Tagger Ultra; made by `createTimeTagger`."""

    def __init__(self, laboratory: Laboratory) -> None:
        super().__init__(Hub(laboratory))
        self._levels: dict[int, float] = {}
        self._test: set[int] = set()

    def getSerial(self) -> str:
        """Return the serial number."""
        return self._checked().laboratory.serial

    def getModel(self) -> str:
        """Return the model."""
        self._checked()
        return "Time Tagger Ultra"

    def getFirmwareVersion(self) -> str:
        """Return the version of the firmware."""
        self._checked()
        return "TT-Ultra, FW 3"

    def getChannelList(self) -> list[int]:
        """Return all channels; falling edges are negative."""
        return [*range(1, CHANNELS + 1), *range(-1, -CHANNELS - 1, -1)]

    def setTriggerLevel(self, channel: int, voltage: float) -> None:
        """Set the trigger level in V."""
        self._checked(channel)
        self._levels[abs(channel)] = min(max(float(voltage), _LEVELS[0]), _LEVELS[1])

    def getTriggerLevel(self, channel: int) -> float:
        """Return the trigger level in V."""
        self._checked(channel)
        return self._levels.get(abs(channel), 0.5)

    def getTriggerLevelRange(self, channel: int) -> tuple[float, float]:
        """Return the lowest and the highest trigger level in V."""
        return _LEVELS

    def setTestSignal(self, channels: int | Sequence[int], enabled: bool) -> None:
        """Keep that the test signal is wanted; it gives no tags here."""
        several = [channels] if isinstance(channels, int) else list(channels)
        self._checked(*several)
        self._test = self._test | set(several) if enabled else self._test - set(several)

    def getTestSignal(self, channel: int) -> bool:
        """Return whether the test signal is wanted."""
        return channel in self._test

    def reset(self) -> None:
        """Return to the settings as delivered."""
        hub = self._checked()
        hub.delays.clear()
        hub.dead_times.clear()
        hub.trigger = hub.filtered = ()
        hub.overflows = 0
        self._levels.clear()
        self._test.clear()
