"""Correlations and histograms of the simulated Time Tagger. Source: Time Tagger 2.22.6, classes of these names."""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._lags import lag_histogram
from ._swabian_device import CHANNEL_UNUSED, TimeTaggerBase
from ._swabian_hub import TIME_TAG
from ._swabian_iterators import IteratorBase


class Lags(IteratorBase):
    """Counts pairs of tags by their time difference click - start, in bins between some edges."""

    def __init__(self, tagger: TimeTaggerBase, click: int, start: int, edges: NDArray[np.int64]) -> None:
        self._click, self._start = click, click if start == CHANNEL_UNUSED else start
        self._edges = edges
        super().__init__(tagger, {self._click, self._start})

    def _forget(self) -> None:
        self._counts = np.zeros(len(self._edges) - 1, np.int64)
        self._tails: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * 2
        self._numbers = [0, 0]

    def _take(self, times: Any, channels: Any, types: Any, missed: Any) -> None:
        """Count the pairs of which at least one tag is new."""
        plain = types == TIME_TAG
        starts, clicks = (times[plain & (channels == channel)] for channel in (self._start, self._click))
        old_starts, old_clicks = self._tails
        all_clicks = np.concatenate([old_clicks, clicks])
        self._counts += lag_histogram(starts, all_clicks, self._edges)
        self._counts += lag_histogram(old_starts, clicks, self._edges)
        if self._start == self._click and self._edges[0] <= 0 < self._edges[-1]:
            self._counts[np.searchsorted(self._edges, 0, "right") - 1] -= len(starts)
        self._numbers = [self._numbers[0] + len(starts), self._numbers[1] + len(clicks)]
        reach = int(max(abs(self._edges[0]), abs(self._edges[-1])))
        last = int(times[-1]) if len(times) else 0
        self._tails = [kept[kept >= last - reach] for kept in (np.concatenate([old_starts, starts]), all_clicks)]

    def _expected(self) -> NDArray[np.float64]:
        """Return the counts of uncorrelated channels."""
        captured = max(1, self._captured)
        expected: NDArray[np.float64] = np.diff(self._edges) * (self._numbers[0] * self._numbers[1] / captured)
        return expected


class Correlation(Lags):
    """Correlation of `channel_1` (click) with `channel_2` (start), symmetric about zero."""

    def __init__(
        self,
        tagger: TimeTaggerBase,
        channel_1: int,
        channel_2: int = CHANNEL_UNUSED,
        binwidth: int = 1000,
        n_bins: int = 1000,
    ) -> None:
        # unverified: that bin n_bins // 2 is the one centred on zero
        edges = (np.arange(n_bins + 1, dtype=np.int64) - n_bins // 2) * int(binwidth) - int(binwidth) // 2
        self._index = (np.arange(n_bins, dtype=np.int64) - n_bins // 2) * int(binwidth)
        super().__init__(tagger, channel_1, channel_2, edges)

    def getData(self) -> NDArray[np.int32]:
        """Return the counts."""
        self._hub.advance()
        return self._counts.astype(np.int32)

    def getDataNormalized(self) -> NDArray[np.float64]:
        """Return g2."""
        self._hub.advance()
        return self._counts / np.maximum(self._expected(), 1e-300)

    def getIndex(self) -> NDArray[np.int64]:
        """Return the bins in ps."""
        return self._index


class Histogram(Lags):
    """Multiple-start multiple-stop histogram of the clicks after each start."""

    def __init__(
        self,
        tagger: TimeTaggerBase,
        click_channel: int,
        start_channel: int = CHANNEL_UNUSED,
        binwidth: int = 1000,
        n_bins: int = 1000,
    ) -> None:
        super().__init__(tagger, click_channel, start_channel, np.arange(n_bins + 1, dtype=np.int64) * int(binwidth))

    def getData(self) -> NDArray[np.int32]:
        """Return the counts."""
        self._hub.advance()
        return self._counts.astype(np.int32)

    def getIndex(self) -> NDArray[np.int64]:
        """Return the starts of the bins in ps."""
        return self._edges[:-1]


class ChannelGate:
    """Gates of `HistogramLogBins`; this stand-in has none."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotImplementedError("this stand-in has no gates")


class HistogramLogBinsData:
    """A snapshot of the histogram."""

    def __init__(self, counts: NDArray[np.int64], expected: NDArray[np.float64], captured: int) -> None:
        self._counts, self._expected, self.capture_duration = counts.astype(np.uint64), expected, captured

    def getCounts(self) -> NDArray[np.uint64]:
        """Return the counts."""
        return self._counts

    def getG2Normalization(self) -> NDArray[np.float64]:
        """Return the counts of uncorrelated channels."""
        return self._expected

    def getG2(self) -> NDArray[np.float64]:
        """Return g2."""
        return self._counts / np.maximum(self._expected, 1e-300)


class HistogramLogBins(Lags):
    """Histogram with logarithmic bins from 10^exp_start to 10^exp_stop s."""

    def __init__(
        self,
        tagger: TimeTaggerBase,
        click_channel: int,
        start_channel: int,
        exp_start: float,
        exp_stop: float,
        n_bins: int,
        click_gate: ChannelGate | None = None,
        start_gate: ChannelGate | None = None,
    ) -> None:
        edges = np.logspace(exp_start + 12, exp_stop + 12, n_bins + 1).astype(np.int64)
        super().__init__(tagger, click_channel, start_channel, edges)

    def getDataObject(self) -> HistogramLogBinsData:
        """Return a snapshot."""
        self._hub.advance()
        return HistogramLogBinsData(self._counts.copy(), self._expected(), self._captured)

    def getBinEdges(self) -> NDArray[np.int64]:
        """Return the edges in ps, one more than bins."""
        return self._edges
