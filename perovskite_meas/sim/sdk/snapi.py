"""Stand-in for `snAPI.Main`, PicoQuant's Python module for their Harps: a MultiHarp 150 4P on the virtual table.

Covered, by the names and meanings of snAPI 1.2.5: class snAPI (exitAPI, getDeviceIDs, getDevice, initDevice,
closeDevice, getDeviceConfig, getMeasDescription, deviceConfig, measDescription, deviceIDs, logPrint), `device` (count
rates, sync period, edge triggers, offsets, dead times, enabling, sync divider, binning), `raw` (measure, blocks, T2 and
T3 records of the hardware), `unfold`, `histogram`, `timeTrace`, `correlation` (g2). Whatever else the vendor's module
has raises AttributeError here: manipulators, filters, White Rabbit, ini files, markers, FCS; `getFileDevice` and PTU
files are refused with False.

Names, argument lists and return values were compared with the vendor's module without hardware. Unverified: what
`StopReason` says after a lost plug, a lost sync and a full FIFO (the words are those in the vendor's library), how a
busy device is listed, and that an initialisation resets all settings.

A serial number is the name of a virtual table. Inputs 1, 2, ... hold the detectors of the World's part `tagger`.
"""

# ruff: noqa: N801, N802 - the vendor's own names

from __future__ import annotations

import logging
from typing import Any

from ..clock import SimClock
from ._harp_constants import LibType, LogLevel, MeasMode, RefSource, TrigMode, fresh_config
from ._harp_device import Device
from ._harp_measure import Raw, Unfold
from ._harp_results import Correlation, Histogram, TimeTrace
from ._harp_run import Run
from .laboratory import Laboratory, find, serials

__all__ = ["LibType", "LogLevel", "MeasMode", "RefSource", "TrigMode", "snAPI"]

_log = logging.getLogger(__name__)
_PLACES = 8
"""Devices that the vendor's library lists."""


class snAPI:
    """The vendor's main class.

    Args:
        systemIni: not used.
        libType: not used; scripts for versions before 1.0.4 give it.
    """

    def __init__(self, systemIni: str | None = None, libType: LibType | None = None) -> None:
        self.deviceIDs: list[str] = []
        self.deviceConfig: Any = ()
        self.measDescription: Any = ()
        self.run: Run | None = None
        self._laboratory: Laboratory | None = None
        self._ready_in: Any = None
        self.device = Device(self)
        self.raw = Raw(self)
        self.unfold = Unfold(self)
        self.histogram = Histogram(self)
        self.timeTrace = TimeTrace(self)
        self.correlation = Correlation(self)

    @property
    def laboratory(self) -> Laboratory:
        """The laboratory of the device that was got."""
        if self._laboratory is None:
            raise AttributeError("no device was got")
        return self._laboratory

    @property
    def clock(self) -> SimClock:
        """The simulated time; the vendor's module has no clock."""
        return self.laboratory.clock

    @property
    def ready(self) -> bool:
        """Whether a device was got and initialised and is still there."""
        laboratory = self._laboratory
        return laboratory is not None and self._ready_in is not None and not laboratory.bay.faults.unplugged

    def exitAPI(self) -> None:
        """Free the device."""
        self.closeDevice()

    def getDeviceIDs(self) -> bool:
        """List the serial numbers of what is connected in `deviceIDs`; a device in use elsewhere is marked so."""
        names = [self._listed(serial) for serial in serials()]
        self.deviceIDs = (names + [""] * _PLACES)[:_PLACES]
        return True

    def getDevice(self, *dev: str | int) -> bool:
        """Get the first device, or that of a serial number or place in the list; False if it cannot be had."""
        found: str | int = dev[0] if dev else ""
        if isinstance(found, int):
            self.getDeviceIDs()
            found = self.deviceIDs[found] if 0 <= found < _PLACES else "?"
        serial = found or next(iter(serials()), "")
        laboratory = find(serial) if serial else None
        if laboratory is None or laboratory.bay.faults.unplugged or not laboratory.bay.take(self):
            self.logPrint(f'Device "{serial}" not found!')
            return False
        self._laboratory = laboratory
        self._ready_in = None
        self.deviceConfig = fresh_config(serial, MeasMode.Histogram) | {"IsInitialized": False}
        return True

    def getFileDevice(self, path: str) -> bool:
        """Refuse: this stand-in replays no files."""
        self.logPrint(f"{path}: this stand-in replays no files")
        return False

    def initDevice(self, measMode: MeasMode = MeasMode.T2, refSrc: RefSource = RefSource.Internal) -> bool:
        """Initialise the device in a measurement mode; every setting is as delivered."""
        if self._laboratory is None or self._laboratory.bay.faults.unplugged:
            return False
        self.deviceConfig = fresh_config(self._laboratory.serial, measMode)
        self._ready_in = self._laboratory.world
        self.run = None
        return True

    def closeDevice(self, allDevices: bool = True) -> None:
        """Free the device; nothing if none was got."""
        if self._laboratory is not None:
            self._laboratory.bay.give_back(self)
        self._laboratory = self._ready_in = self.run = None
        self.deviceConfig = ()

    def getDeviceConfig(self) -> bool:
        """Refresh `deviceConfig`, which is always fresh; False without a device."""
        return self._laboratory is not None

    def getMeasDescription(self) -> bool:
        """Refresh `measDescription` of the last measurement; times in ms; False if there was none."""
        if self.run is None:
            return False
        rate = float(self.device.getCountRates()[0])
        self.measDescription = {
            "AcqTime": self.run.milliseconds,
            "AveSyncRate": rate,
            "AveSyncPeriod": 1 / rate if rate else 0.0,
            "StopReason": self.run.reason,
            "StopAfter": self.run.stopped_after,
            "WarningsFlag": 0,
            "NumRecs": self.run.records,
        }
        return True

    def logPrint(self, *args: object, **kwargs: object) -> None:
        """Log."""
        _log.info("%s", " ".join([*map(str, args), *(f"{name}={value}" for name, value in kwargs.items())]))

    def _listed(self, serial: str) -> str:
        laboratory = find(serial)
        if laboratory is None or laboratory.bay.faults.unplugged:
            return ""
        return "MH_Port 0 (busy)" if laboratory.bay.taken and not laboratory.bay.take(self) else serial
