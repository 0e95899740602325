"""`sn.device`: settings and rate meters of the simulated MultiHarp. Source: snAPI 1.2.5, class Device.

A setting outside its range is refused with False, as by the vendor's library. The trigger levels are kept and not
acted upon: the detectors of the virtual table give clean pulses.
"""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._harp_constants import BASE_RESOLUTION, BIN_STEPS, EARLIEST, GATE, INPUTS, LATEST, TrigMode


class SyncSettings:
    """Settings of the sync input."""

    parent: Any

    def setSyncDiv(self, syncDiv: int = 1) -> bool:
        """Set the divider of the sync input; the counts of pulses and the rate are those before it (unverified)."""
        return self._put("SyncDiv", syncDiv, syncDiv in (1, 2, 4, 8, 16))

    def setSyncTrigMode(self, syncTrigMode: TrigMode = TrigMode.Edge) -> bool:
        """Choose the discriminator; this device has an edge trigger alone."""
        return self._put("SyncTrigMode", syncTrigMode.name, syncTrigMode is TrigMode.Edge)

    def setSyncEdgeTrig(self, syncTrigLvl: int = -50, syncTrigEdge: int = 1) -> bool:
        """Set trigger level in mV and edge (0 falling, 1 rising)."""
        fits = -1200 <= syncTrigLvl <= 1200 and syncTrigEdge in (0, 1)
        return self._put("SyncTrigLvl", syncTrigLvl, fits) and self._put("SyncTrigEdge", syncTrigEdge, True)

    def setSyncChannelOffset(self, syncChannelOffset: int = 0) -> bool:
        """Set the delay in ps."""
        return self._put("SyncChannelOffset", syncChannelOffset, EARLIEST <= syncChannelOffset <= LATEST)

    def setSyncChannelEnable(self, syncChannelEnable: int = 1) -> bool:
        """Let the pulses into the T2 stream, or not."""
        return self._put("SyncChannelEnable", syncChannelEnable, syncChannelEnable in (0, 1))

    def _put(self, name: str, value: object, fits: bool) -> bool:
        if fits and self.parent.ready:
            self.parent.deviceConfig[name] = value
            return True
        return False


class InputSettings:
    """Settings of the detector inputs; channels count from 0, -1 is all of them."""

    parent: Any

    def setInputTrigMode(self, channel: int = -1, trigMode: TrigMode = TrigMode.Edge) -> bool:
        """Choose the discriminator; this device has an edge trigger alone."""
        return self._put_input(channel, trigMode is TrigMode.Edge, TrigMode=trigMode.name)

    def setInputEdgeTrig(self, channel: int = -1, trigLvl: int = -50, trigEdge: int = 1) -> bool:
        """Set trigger level in mV and edge (0 falling, 1 rising)."""
        fits = -1200 <= trigLvl <= 1200 and trigEdge in (0, 1)
        return self._put_input(channel, fits, TrigLvl=trigLvl, TrigEdge=trigEdge)

    def setInputChannelOffset(self, channel: int = -1, chanOffs: int = 0) -> bool:
        """Set the delay in ps."""
        return self._put_input(channel, EARLIEST <= chanOffs <= LATEST, ChanOffs=chanOffs)

    def setInputChannelEnable(self, channel: int = -1, chanEna: int = 1) -> bool:
        """Switch an input on or off."""
        return self._put_input(channel, chanEna in (0, 1), ChanEna=chanEna)

    def setInputDeadTime(self, channel: int = -1, deadTime: int = 800) -> bool:
        """Set the dead time in ps; up to 800 it is off."""
        return self._put_input(channel, 800 <= deadTime <= 160000, DeadTime=deadTime)

    def _put_input(self, channel: int, fits: bool, **values: object) -> bool:
        if not (fits and self.parent.ready):
            return False
        inputs = self.parent.deviceConfig["ChansCfg"]
        if not -1 <= channel < len(inputs):
            return False
        for one in inputs if channel == -1 else [inputs[channel]]:
            one.update(values)
        return True


class Device(SyncSettings, InputSettings):
    """`sn.device`."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def getCountRates(self) -> NDArray[np.int64]:
        """Return the rates in Hz of the sync and of each input over the last 0.1 s; zeros if the device is gone."""
        rates = np.zeros(INPUTS + 1, np.int64)
        if not self.parent.ready:
            return rates
        laboratory, faults = self.parent.laboratory, self.parent.laboratory.bay.faults
        now = laboratory.clock.now()
        port = laboratory.world.port("tagger")
        if not faults.sync_lost:
            rates[0] = round(round(port.sync_rate(now) * GATE) / GATE)
        start = max(0.0, now - GATE)
        if now > start:
            config = self.parent.deviceConfig["ChansCfg"]
            for index, rate in enumerate(port.rates(start, now)):
                if index not in faults.dead and config[index]["ChanEna"]:
                    rates[1 + index] = round(rate)
        return rates

    def getSyncPeriod(self) -> float:
        """Return the time between two pulses in s while a measurement runs, else 0; unverified: its unit."""
        run = self.parent.run
        rate = float(self.getCountRates()[0])
        if run is None or run.finished or not rate:
            return 0.0
        step = BASE_RESOLUTION * 1e-12
        return float(round(1 / rate / step) * step)

    def getNumAllChannels(self) -> int:
        """Return the number of channels of a measurement: the sync and the inputs."""
        return 1 + INPUTS

    def setBinning(self, binning: int = 0) -> bool:
        """Make the resolution of T3 and histograms 2^binning times the base resolution."""
        if not self._put("Binning", binning, 0 <= binning <= BIN_STEPS):
            return False
        self.parent.deviceConfig["Resolution"] = BASE_RESOLUTION * 2**binning
        return True
