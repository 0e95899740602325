"""`sn.histogram`, `sn.timeTrace` and `sn.correlation`: what snAPI works out of the stream by itself.

Source: snAPI 1.2.5, classes of these names. Not covered: sequence mode, FCS, hardware histogramming beyond its result.
"""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._harp_constants import BASE_RESOLUTION, INPUTS, MeasMode
from ._harp_measure import Measure
from ._harp_run import Registered
from ._lags import lag_histogram


class Collected(Measure):
    """A measurement that keeps all events by channel: sync 0, first input 1."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._events: list[Registered] = []

    def _reset(self) -> None:
        self._events = []

    def _take(self, found: Registered) -> None:
        self._events.append(found)

    def _times(self, channel: int) -> NDArray[np.int64]:
        """Return the times of a channel in ps."""
        if channel == 0:
            found = [one.syncs for one in self._events]
        else:
            found = [one.times[one.channels == channel - 1] for one in self._events]
        return np.concatenate([np.empty(0, np.int64), *found])

    def _span(self) -> int:
        return self._events[-1].stop if self._events else 0


class Histogram(Collected):
    """Histograms of the delay after the sync (T3, Histogram) or after a reference channel (T2)."""

    modes = (MeasMode.Histogram, MeasMode.T2, MeasMode.T3)

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._reference, self._bins, self._width = 0, 65536, BASE_RESOLUTION

    def setRefChannel(self, channel: int = 0) -> None:
        """Set the reference channel of T2; 0 is the sync."""
        self._reference = channel

    def setNumBins(self, numBins: int = 10000) -> bool:
        """Set the number of bins of T2."""
        self._bins = numBins
        return True

    def setBinWidth(self, binWidth: int | None = None) -> None:
        """Set the width of the bins of T2 in ps."""
        self._width = float(binWidth or BASE_RESOLUTION)

    def measure(self, acqTime: int = 1000, waitFinished: bool = True, savePTU: bool = False) -> bool:
        """Measure for `acqTime` ms."""
        return self._begin(acqTime, waitFinished=waitFinished, savePTU=savePTU)

    def clearMeasure(self) -> None:
        """Forget the events so far."""
        self._poll()
        self._events = []

    def getData(self) -> tuple[NDArray[np.uint32], NDArray[Any]]:
        """Return counts (sync and inputs, bins) and the starts of the bins in ps."""
        self._poll()
        config = self.parent.deviceConfig
        if config["MeasMode"] == MeasMode.T2.value:
            edges = np.rint(np.arange(self._bins + 1) * self._width).astype(np.int64)
            starts = self._times(self._reference)
            data = [lag_histogram(starts, self._times(channel), edges) for channel in range(INPUTS + 1)]
            return np.array(data, np.uint32), np.arange(self._bins) * self._width
        number = int(config["NumBins"]) if config["MeasMode"] == MeasMode.Histogram.value else 32768
        counts = np.zeros((INPUTS + 1, number), np.uint32)
        for found in self._events:
            bins = np.floor(found.delays / config["Resolution"]).astype(np.int64)
            for index in range(INPUTS):
                chosen = bins[found.channels == index]
                counts[1 + index] += np.bincount(chosen[chosen < number], minlength=number).astype(np.uint32)
        return counts, np.arange(number) * config["Resolution"]


class TimeTrace(Collected):
    """Count rates over time."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._bins, self._history = 10000, 10.0

    def setNumBins(self, numBins: int = 10000) -> None:
        """Set the number of bins."""
        self._bins = numBins

    def setHistorySize(self, historySize: float = 1) -> None:
        """Set the length of the trace in s."""
        self._history = historySize

    def measure(self, acqTime: int = 1000, waitFinished: bool = False, savePTU: bool = False) -> bool:
        """Measure for `acqTime` ms."""
        return self._begin(acqTime, waitFinished=waitFinished, savePTU=savePTU)

    def getData(self, normalized: bool = True) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return counts (sync and inputs, bins), per second if `normalized`, and the starts of the bins in s."""
        self._poll()
        width = self._history / self._bins
        last = int(self._span() * 1e-12 / width)
        edges = np.arange(last - self._bins, last + 1) * width
        data = [np.histogram(self._times(channel) * 1e-12, edges)[0] for channel in range(INPUTS + 1)]
        return np.array(data) / (width if normalized else 1), edges[:-1]


class Correlation(Collected):
    """Second-order correlation on a linear axis."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._pair, self._window, self._width, self._normalised = (1, 2), 1000.0, 1000.0, True

    def setG2Parameters(
        self,
        startChannel: int,
        stopChannel: int,
        windowSize: float,
        binWidth: float | None = None,
        normalization: bool = True,
    ) -> None:
        """Set channels (first input 1), half-width of the window and width of the bins in ps."""
        self._pair, self._window = (startChannel, stopChannel), windowSize
        self._width, self._normalised = float(binWidth or self.parent.deviceConfig["Resolution"]), normalization

    def measure(self, acqTime: int = 1000, waitFinished: bool = False, savePTU: bool = False) -> bool:
        """Measure for `acqTime` ms."""
        return self._begin(acqTime, waitFinished=waitFinished, savePTU=savePTU)

    def getG2Data(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the correlation and the starts of the bins in s; an autocorrelation is without self pairs."""
        self._poll()
        number = int(2 * self._window / self._width)
        edges = np.rint(-self._window + np.arange(number + 1) * self._width).astype(np.int64)
        starts, clicks = (self._times(channel) for channel in self._pair)
        counts = lag_histogram(starts, clicks, edges).astype(np.float64)
        if self._pair[0] == self._pair[1]:
            counts[np.searchsorted(edges, 0, "right") - 1] -= len(starts)
        if self._normalised:
            counts *= self._span() / (self._width * max(1, len(starts)) * max(1, len(clicks)))
        return counts, edges[:-1] * 1e-12
