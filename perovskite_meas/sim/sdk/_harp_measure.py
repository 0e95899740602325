"""`sn.raw` and `sn.unfold`: the events of the simulated MultiHarp. Source: snAPI 1.2.5, classes Raw and Unfold."""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._harp_constants import BASE_RESOLUTION, MeasMode
from ._harp_records import T2Recorder, T3Recorder
from ._harp_run import Registered, Run

SIZE = 134217728
_EMPTY = np.empty(0, np.uint32)


class Measure:
    """What all measurements share; one runs at a time."""

    modes: tuple[MeasMode, ...] = (MeasMode.T2, MeasMode.T3)

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self._run: Run | None = None

    def isFinished(self) -> bool:
        """Return whether the measurement has ended; there may be data left to get."""
        self._poll()
        return self._run is not None and self._run.finished

    def stopMeasure(self) -> None:
        """End the measurement."""
        self._poll()
        if self._run is not None:
            self._run.stop()

    def _begin(self, milliseconds: int, *, waitFinished: bool, savePTU: bool) -> bool:
        """Start; False where the device cannot, as by the vendor's library."""
        mode = self.parent.deviceConfig["MeasMode"] if self.parent.ready else None
        if mode not in [one.value for one in self.modes]:
            self.parent.logPrint(f"{type(self).__name__} is not supported in MeasMode:", mode)
            return False
        if savePTU:
            self.parent.logPrint("this stand-in writes no PTU files")
            return False
        if self.parent.run is not None and not self.parent.run.finished:
            self.parent.logPrint("a measurement is running")
            return False
        self._run = self.parent.run = Run(self.parent.laboratory, self.parent.deviceConfig, milliseconds)
        self._reset()
        if waitFinished and milliseconds:
            for found in self._run.finish():
                self._take(found)
        return True

    def _poll(self) -> None:
        if self._run is not None:
            for found in self._run.advance():
                self._take(found)

    def _reset(self) -> None:
        """Forget the data of the measurement before."""
        raise NotImplementedError

    def _take(self, found: Registered) -> None:
        """Take in what was registered."""
        raise NotImplementedError


class Raw(Measure):
    """Records as the hardware sends them; the array of a block is overwritten by the next one."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._size, self._blockwise, self._number = 0, False, 0
        self._waiting: list[NDArray[np.uint32]] = []
        self._buffer = _EMPTY

    def measure(self, acqTime: int = 1000, size: int = SIZE, waitFinished: bool = True, savePTU: bool = False) -> bool:
        """Measure into memory for `acqTime` ms."""
        self._size, self._blockwise = size, False
        return self._begin(acqTime, waitFinished=waitFinished, savePTU=savePTU)

    def startBlock(self, acqTime: int = 1000, size: int = SIZE, savePTU: bool = False) -> bool:
        """Start to measure for `acqTime` ms; the records are fetched block by block."""
        self._size, self._blockwise = size, True
        return self._begin(acqTime, waitFinished=False, savePTU=savePTU)

    def getBlock(self) -> NDArray[np.uint32]:
        """Return the records since the last block."""
        self._poll()
        self._number = 0
        self._store()
        return self.getData()

    def getData(self, numRead: int | None = None) -> NDArray[np.uint32]:
        """Return the records of the measurement, or of the last block."""
        if not self._blockwise:
            self._poll()
            self._store()
        return self._buffer[: numRead or self._number]

    def numRead(self) -> int:
        """Return how many records `getData` returns."""
        return self._number

    def isSpecial(self, data: Any) -> Any:
        """Return whether a record is no photon."""
        return (0x80000000 & data) != 0

    def timeTag_T2(self, data: Any) -> Any:
        """Return the time of a T2 record."""
        return 0x01FFFFFF & data

    def nSync_T3(self, data: Any) -> Any:
        """Return the pulse of a T3 record."""
        return 0x000003FF & data

    def dTime_T3(self, data: Any) -> Any:
        """Return the delay of a T3 record."""
        return 0x00007FFF & (data >> 10)

    def channel(self, data: Any) -> Any:
        """Return the channel of a record; the first input is 1."""
        return ((data >> 25) & 0x3F) + 1

    def isMarker(self, data: Any) -> Any:
        """Return whether a record is a marker."""
        return self.isSpecial(data) and 1 <= self.channel(data) - 1 <= 15

    def _reset(self) -> None:
        config = self.parent.deviceConfig
        self._t2 = T2Recorder() if config["MeasMode"] == MeasMode.T2.value else None
        self._t3 = T3Recorder()
        self._resolution = float(config["Resolution"])
        self._waiting, self._number = [], 0
        self._buffer = np.empty(self._size, np.uint32)

    def _take(self, found: Registered) -> None:
        if self._t2 is not None:
            times = np.concatenate([found.times, found.syncs]) / BASE_RESOLUTION
            channels = np.concatenate([found.channels, np.zeros(len(found.syncs), np.uint8)])
            is_sync = np.arange(len(times)) >= len(found.times)
            order = np.argsort(times, kind="stable")
            units = np.floor(times[order]).astype(np.int64)
            records = self._t2.encode(units, channels[order], is_sync[order], int(found.stop // BASE_RESOLUTION))
        else:
            delays = np.floor(found.delays / self._resolution).astype(np.int64)
            records = self._t3.encode(found.pulses, delays, found.channels, found.last_pulse)
        if self._run is not None:
            self._run.records += len(records)
        held = sum(map(len, self._waiting)) + (0 if self._blockwise else self._number)
        if held + len(records) > self._size:
            self.parent.logPrint("WRN RawStore buffer overrun - clearing!")
            self._waiting, self._number = [], 0 if not self._blockwise else self._number
            records = records[: self._size]
        self._waiting.append(records)

    def _store(self) -> None:
        for records in self._waiting:
            self._buffer[self._number : self._number + len(records)] = records
            self._number += len(records)
        self._waiting = []


class Unfold(Measure):
    """Times and channels (sync 0, first input 1) of the events; in T3 a time is pulse * 32768 + delay."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._waiting: list[tuple[NDArray[np.uint64], NDArray[np.uint8]]] = []
        self._data = (np.empty(0, np.uint64), np.empty(0, np.uint8))
        self._blockwise = False

    def measure(self, acqTime: int = 1000, size: int = SIZE, waitFinished: bool = True, savePTU: bool = False) -> bool:
        """Measure into memory for `acqTime` ms; `size` is not acted upon."""
        self._blockwise = False
        return self._begin(acqTime, waitFinished=waitFinished, savePTU=savePTU)

    def startBlock(self, acqTime: int = 1000, size: int = SIZE, savePTU: bool = False) -> bool:
        """Start to measure for `acqTime` ms; the events are fetched block by block."""
        self._blockwise = True
        return self._begin(acqTime, waitFinished=False, savePTU=savePTU)

    def getBlock(self) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """Return times and channels of the events since the last block."""
        self._poll()
        self._data = self._joined([])
        return self._data

    def getData(self, numRead: int | None = None) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """Return times and channels of the measurement, or of the last block."""
        if not self._blockwise:
            self._poll()
            self._data = self._joined([self._data])
        times, channels = self._data
        return times[: numRead or len(times)], channels[: numRead or len(times)]

    def numRead(self) -> int:
        """Return how many events `getData` returns."""
        return len(self._data[0])

    def nSync_T3(self, times: Any) -> Any:
        """Return the pulses of T3 times."""
        return (times.astype(np.int64) >> 15).astype(np.uint64)

    def dTime_T3(self, times: Any) -> Any:
        """Return the delays of T3 times."""
        return (0x7FFF & times.astype(np.int64)).astype(np.uint64)

    def _reset(self) -> None:
        self._waiting, self._data = [], (np.empty(0, np.uint64), np.empty(0, np.uint8))

    def _take(self, found: Registered) -> None:
        config = self.parent.deviceConfig
        if config["MeasMode"] == MeasMode.T2.value:
            times = np.concatenate([found.times, found.syncs])
            channels = np.concatenate([found.channels + np.uint8(1), np.zeros(len(found.syncs), np.uint8)])
            order = np.argsort(times, kind="stable")
            times, channels = times[order], channels[order]
        else:
            delays = np.floor(found.delays / config["Resolution"]).astype(np.int64)
            fits = delays < 1 << 15
            times = (found.pulses[fits] << 15) | delays[fits]
            channels = found.channels[fits] + np.uint8(1)
        self._waiting.append((times.astype(np.uint64), channels.astype(np.uint8)))

    def _joined(self, before: list[tuple[NDArray[np.uint64], NDArray[np.uint8]]]) -> Any:
        pieces = [*before, *self._waiting]
        self._waiting = []
        if not pieces:
            return np.empty(0, np.uint64), np.empty(0, np.uint8)
        return np.concatenate([times for times, _ in pieces]), np.concatenate([one for _, one in pieces])
