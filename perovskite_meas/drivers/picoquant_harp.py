"""PicoQuant time taggers (MultiHarp, HydraHarp, PicoHarp 330, TimeHarp 260) through the vendor's module snAPI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qcodes.instrument import InstrumentBaseKWArgs

from perovskite_meas.core.errors import CommunicationError, IdentityError, InstrumentError, UsageError
from perovskite_meas.core.tags import Tags

from ._harp import HarpSettings, said_yes
from ._records import Decoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

_BLOCK = 1 << 23
"""Records that the vendor's buffer holds: 33 million a second at one look every quarter of a second."""
_REGULAR = ("TimeOver", "Manual", "Unknown")
_LOST = ("FiFoOverrun", "QueueOverrun", "OverFlow", "OutOfMem")
_GONE = ("DataXferFail", "DataCheckFail", "SYSERROR", "TCSPCError")
"""Words of `StopReason` as they stand in the vendor's library; unverified: when it says which."""


class PicoQuantHarp(HarpSettings):
    """Time tagger of PicoQuant.

    Records are fetched raw, block by block, and decoded here. In T2 mode the sync input is switched off, because the
    laser's pulses would fill the stream. In T3 mode the resolution is the finest whose 32768 delays cover the laser's
    period, unless one was set; the period is that of the rate meter (0.1 s, 10 Hz steps) before the recording.
    Settings survive a change of mode, which initialises the device.

    Source: documentation of snAPI 1.2.5; fetching and decoding were tried with the vendor's library on files.
    Unverified with hardware: what the device says when it stops by itself, and that pulses and their rate are counted
    before the sync divider. CFD discriminators are not set by this driver.

    Args:
        name: name in the station.
        serial: serial number on the device; empty for the first one found.
        module: the vendor's module; `perovskite_meas.sim.sdk.snapi` on a virtual table.
        address: the same as `serial`, where a station file writes it as `address:`.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    package = "snAPI"

    def __init__(
        self,
        name: str,
        serial: str = "",
        module: str = "snAPI.Main",
        address: str = "",
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        self._api = None
        self._settings = {}
        self._resolution = None
        super().__init__(name, serial, module, address, **kwargs)

    def close(self) -> None:
        """Free the device; harmless if it is free already."""
        api = self.__dict__.pop("_api", None)
        if api is not None:
            api.closeDevice()
        super().close()

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and hardware version."""
        config = self._device().deviceConfig
        return {
            "vendor": "PicoQuant",
            "model": str(config["Model"]),
            "serial": str(config["ID"]),
            "firmware": str(config["Version"]),
        }

    def _open(self) -> None:
        api = self._vendor.snAPI()
        if not said_yes(api.getDevice(self.serial) if self.serial else api.getDevice()):
            raise self._not_found(api)
        self._api = api
        self._initialise("T2")
        self.serial = str(self._config("ID"))
        self._add_common(int(self._config("NumChans")), float(self._config("BaseResolution")))
        self._add_settings()

    def _not_found(self, api: Any) -> InstrumentError:
        api.getDeviceIDs()
        listed = [str(name) for name in api.deviceIDs if name]
        if any("busy" in name for name in listed):
            return CommunicationError(
                f"{self._where}: a device is in use by another program ({', '.join(listed)}); close that program or "
                "the other instrument of this device"
            )
        if listed and self.serial:
            return IdentityError(
                f"{self._where}: no device of this serial number; connected: {', '.join(listed)}; correct `serial` in "
                "the station file"
            )
        return CommunicationError(f"{self._where}: no device is connected; check USB cable, power and the USB driver")

    def _initialise(self, mode: str) -> None:
        api = self._device()
        done = said_yes(api.initDevice(getattr(self._vendor.MeasMode, mode)))
        if not (done and api.deviceConfig.get("IsInitialized", True)):
            raise CommunicationError(
                f"{self._where}: the initialisation in {mode} mode failed; check the cable, then open it again"
            )
        for setting in self._settings.values():
            setting()
        if mode == "T2":
            self._ask("switch off the sync input", api.device.setSyncChannelEnable, 0)

    def _set_mode(self, mode: str) -> None:
        with self._recording:
            self._initialise(mode)

    def _record(self, seconds: float) -> Iterator[Tags]:
        milliseconds = round(seconds * 1000)
        if abs(milliseconds - seconds * 1000) > 1e-6:
            raise UsageError(f"{self._where}: {seconds:g} s is no whole number of ms, in which this device counts")
        mode = str(self.mode.get())
        period = self._period() if mode == "T3" else None
        raw, decoder, clock = self._device().raw, Decoder(mode), self.clock
        self._ask("start a recording", raw.startBlock, milliseconds, _BLOCK)
        finished, fetched = False, 0
        try:
            start, waits = clock.now(), self._waits(seconds)
            while not finished:
                next(waits)
                upto = min(round((clock.now() - start) * 1e12), milliseconds * 10**9)
                finished = bool(raw.isFinished())
                block = raw.getBlock()
                fetched += len(block)
                yield self._tags(decoder, block, period, upto)
        finally:
            if not finished:
                raw.stopMeasure()
        block = raw.getBlock()
        fetched += len(block)
        yield self._last(self._tags(decoder, block, period, milliseconds * 10**9), fetched)

    def _period(self) -> float:
        """Return the laser's period in ps, covered by the resolution."""
        rate = self._get_sync_rate()
        if not rate:
            raise self._no_sync()
        self._cover(1e12 / rate)
        return 1e12 / rate

    def _tags(self, decoder: Decoder, records: Any, period: float | None, upto: int) -> Tags:
        """Decode a block, which the next one overwrites."""
        found = decoder.decode(records)
        unit = float(self._config("BaseResolution" if period is None else "Resolution"))
        step = unit if period is None else period
        times = found.counter * step if period is None else found.counter * step + found.delays * unit
        tags = Tags(
            times=np.rint(times).astype(np.int64),
            channels=found.channels,
            duration=upto,
            resolution=unit,
            marker_times=np.rint(found.marker_counter * step).astype(np.int64),
            marker_values=found.marker_values,
        )
        return tags if period is None else replace(tags, pulses=found.counter, dtimes=found.delays, period=period)

    def _last(self, piece: Tags, fetched: int) -> Tags:
        """Return the last piece as the device's reason to stop makes it, and the number of records that it sent."""
        api = self._device()
        api.getMeasDescription()
        reason = str(api.measDescription["StopReason"])
        if reason in _LOST:
            self._overflow = True
            return replace(piece, overflow=True, duration=round(api.measDescription["StopAfter"] * 1e9))
        if reason == "SyncLost":
            raise self._no_sync()
        if reason in _GONE:
            raise CommunicationError(
                f"{self._where}: the recording broke off ({reason}); check USB cable and power, then open it again"
            )
        if reason not in _REGULAR:
            raise self._fault(f"the recording stopped by itself ({reason})", "look it up in the device's manual")
        sent = int(api.measDescription.get("NumRecs", fetched))
        if fetched < sent:
            self.log.warning("%s: %d of %d records were lost in the buffer", self._where, sent - fetched, sent)
            self._overflow = True
        return replace(piece, overflow=self._overflow)
