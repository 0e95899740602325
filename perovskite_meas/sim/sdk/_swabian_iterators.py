"""Measurements of the simulated Time Tagger: what all share, and rates. Source: Time Tagger 2.22.6, IteratorBase."""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._swabian_device import TimeTaggerBase
from ._swabian_hub import FIRST_VIRTUAL, TIME_TAG, Batch
from .stream import LONGEST


class IteratorBase:
    """A measurement; it starts when it is made, unless it is synchronised with others.

    Attributes:
        running: whether it takes in tags, as of the last look.
        channels: of the tags that it needs.
    """

    def __init__(self, tagger: TimeTaggerBase, channels: Collection[int]) -> None:
        self.tagger, self.channels, self.running = tagger, tuple(channels), False
        self._hub = tagger.hub
        self._begin, self._end, self._captured = 0, float("inf"), 0
        self._hub.add(self)
        self._forget()
        tagger.register(self)
        if tagger.auto_start:
            self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.running = False

    def start(self) -> None:
        """Take in tags from now on."""
        self._hub.advance()
        self._begin, self._end, self.running = self._hub.now, float("inf"), True

    def startFor(self, capture_duration: float, clear: bool = True) -> None:
        """Take in tags for so many ps."""
        self._hub.advance()
        if clear:
            self.clear()
        self._begin, self.running = self._hub.now, True
        self._end = self._begin + int(capture_duration)

    def stop(self) -> None:
        """Take in no more tags."""
        self._hub.advance()
        self.running = False

    def abort(self) -> None:
        """Stop and forget."""
        self.running = False
        self.clear()

    def clear(self) -> None:
        """Forget the tags so far."""
        self._hub.advance()
        self._captured = 0
        self._forget()

    def isRunning(self) -> bool:
        """Return whether tags are taken in."""
        self._hub.advance()
        return self.running

    def waitUntilFinished(self, timeout: int = -1) -> bool:
        """Let time pass until the measurement has ended, at most `timeout` ms; return whether it has.

        Raises:
            RuntimeError: the line to the device is dead; the vendor's would wait for ever.
        """
        clock = self._hub.clock
        deadline = float("inf") if timeout < 0 else clock.now() + timeout / 1000
        while self.isRunning() and clock.now() < deadline:
            if self._hub.cut:
                raise RuntimeError("The connection to the Time Tagger was lost.")
            clock.sleep(min(LONGEST, deadline - clock.now(), max(1e-3, (self._end - self._hub.now) * 1e-12)))
        return not self.isRunning()

    def getCaptureDuration(self) -> int:
        """Return for how many ps tags were taken in."""
        self._hub.advance()
        return self._captured

    def getConfiguration(self) -> dict[str, Any]:
        """Return name and channels."""
        return {"name": type(self).__name__, "channels": list(self.channels)}

    def feed(self, batch: Batch) -> None:
        """Take in those of the next tags that fall in the measurement."""
        inside = (batch.times >= self._begin) & (batch.times < self._end)
        mine = inside & (np.isin(batch.channels, self.channels) | (batch.types != TIME_TAG))
        start, stop = max(batch.start, self._begin), int(min(batch.stop, self._end))
        self._captured += max(0, stop - start)
        self._take(batch.times[mine], batch.channels[mine], batch.types[mine], batch.missed[mine])
        if batch.stop >= self._end:
            self.running = False

    def _forget(self) -> None:
        """Start with no data."""
        raise NotImplementedError

    def _take(
        self,
        times: NDArray[np.int64],
        channels: NDArray[np.int32],
        types: NDArray[np.uint8],
        missed: NDArray[np.uint16],
    ) -> None:
        """Take in tags."""
        raise NotImplementedError


class Countrate(IteratorBase):
    """Average rates."""

    def __init__(self, tagger: TimeTaggerBase, channels: Sequence[int]) -> None:
        self._wanted = np.array(list(channels), np.int32)
        super().__init__(tagger, channels)

    def getData(self) -> NDArray[np.float64]:
        """Return the rates in Hz."""
        self._hub.advance()
        return self._counts / (self._captured * 1e-12) if self._captured else np.zeros(len(self._wanted))

    def getCountsTotal(self) -> NDArray[np.int64]:
        """Return the counts."""
        self._hub.advance()
        return self._counts.copy()

    def _forget(self) -> None:
        self._counts = np.zeros(len(self._wanted), np.int64)

    def _take(self, times: Any, channels: Any, types: Any, missed: Any) -> None:
        for place, channel in enumerate(self._wanted):
            here = channels == channel
            self._counts[place] += np.count_nonzero(here & (types == TIME_TAG)) + int(missed[here].sum(dtype=np.int64))


class Counter(IteratorBase):
    """Counts in successive bins of `binwidth` ps; the last `n_values` are kept."""

    def __init__(
        self, tagger: TimeTaggerBase, channels: Sequence[int], binwidth: int = 1000000000, n_values: int = 1
    ) -> None:
        self._wanted, self._width, self._number = list(channels), int(binwidth), int(n_values)
        super().__init__(tagger, channels)

    def getData(self, rolling: bool = True) -> NDArray[np.int32]:
        """Return the counts of shape (channels, n_values), the latest bin last."""
        self._hub.advance()
        full = int(self._captured // self._width)
        shown = np.zeros((len(self._wanted), self._number), np.int32)
        for bin_ in range(max(0, full - self._number), full):
            place = bin_ % self._number if not rolling else self._number - full + bin_
            shown[:, place] = self._bins.get(bin_, 0)
        return shown

    def getDataNormalized(self, rolling: bool = True) -> NDArray[np.float64]:
        """Return the rates in Hz; NaN where a bin is not complete."""
        data = self.getData(rolling) / (self._width * 1e-12)
        full = int(self._captured // self._width)
        if full < self._number:
            missing = slice(0, self._number - full) if rolling else slice(full, None)
            data[:, missing] = np.nan
        return data

    def getDataTotalCounts(self) -> NDArray[np.uint64]:
        """Return all counts in complete bins."""
        self._hub.advance()
        full = int(self._captured // self._width)
        total = sum((counts for bin_, counts in self._bins.items() if bin_ < full), np.zeros(len(self._wanted)))
        return np.asarray(total, np.uint64)

    def getIndex(self) -> NDArray[np.int64]:
        """Return the starts of the bins in ps."""
        return np.arange(self._number, dtype=np.int64) * self._width

    def _forget(self) -> None:
        self._bins: dict[int, NDArray[np.int64]] = {}
        self._zero: int | None = None

    def _take(self, times: Any, channels: Any, types: Any, missed: Any) -> None:
        if self._zero is None:
            self._zero = self._begin
        bins = (times - self._zero) // self._width
        for place, channel in enumerate(self._wanted):
            here = (channels == channel) & (types == TIME_TAG)
            for bin_, count in zip(*np.unique(bins[here], return_counts=True), strict=True):
                self._bins.setdefault(int(bin_), np.zeros(len(self._wanted), np.int64))[place] += count


class Combiner:
    """A virtual channel that repeats the tags of others."""

    def __init__(self, tagger: TimeTaggerBase, channels: Sequence[int]) -> None:
        self._channel = FIRST_VIRTUAL + len(tagger.hub.unions)
        tagger.hub.unions[self._channel] = tuple(channels)

    def getChannel(self) -> int:
        """Return the number of the virtual channel."""
        return self._channel
