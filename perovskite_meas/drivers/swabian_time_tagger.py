"""Swabian Instruments Time Taggers through the vendor's module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, IdentityError
from perovskite_meas.core.tags import Tags

from ._pulses import PulseCounter
from ._sdk import GATE, LATE, SdkTagger

if TYPE_CHECKING:
    from typing_extensions import Unpack

_ROOM = 1 << 22
"""Tags that the stream's buffer holds: 16 million a second at one look every quarter of a second."""
_STRAY = 5
"""Photons without a laser pulse in one piece that are no sign of a lost sync."""
_SETTINGS: tuple[tuple[Any, ...], ...] = (
    ("input_delay", "Delay", "ps", "InputDelay", vals.Ints(-(10**9), 10**9), int),
    ("dead_time", "Dead time", "ps", "Deadtime", vals.Ints(0, 10**9), int),
    ("trigger_level", "Trigger level", "V", "TriggerLevel", vals.Numbers(-5, 5), float),
)


class SwabianTimeTagger(SdkTagger):
    """Time Tagger 20, Ultra or X.

    Tags are fetched from a TimeTagStream. In T3 mode the conditional filter lets of the laser's pulses only the first
    one after each photon pass, and the pulse before it is worked out with the period (see `_pulses`); the filter is off
    outside of recordings. `tags` of T3 hold `resolution` 1 ps and the mean period in the first quarter of a second.
    Source: Time Tagger documentation, "Conditional Filter" and API of 2.22.6. Not tried with hardware; unverified:
    what the vendor's module raises when the connection is lost.

    Args:
        name: name in the station.
        serial: serial number on the device; empty for the first one found.
        module: the vendor's module; `perovskite_meas.sim.sdk.time_tagger` on a virtual table.
        address: the same as `serial`, where a station file writes it as `address:`.
        inputs: channels of the detectors; the first one is channel 0 of the tags. Negative: falling edges.
        sync: channel of the laser's pulses.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    package = "Swabian-TimeTagger"
    _tagger: Any = None

    def __init__(
        self,
        name: str,
        serial: str = "",
        module: str = "Swabian.TimeTagger",
        address: str = "",
        inputs: Sequence[int] = (1, 2),
        sync: int = 8,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        self._channels, self._sync = [int(channel) for channel in inputs], int(sync)
        super().__init__(name, serial, module, address, **kwargs)

    def close(self) -> None:
        """Free the device; harmless if it is free already."""
        tagger = self.__dict__.pop("_tagger", None)
        if tagger is not None:
            self._vendor.freeTimeTagger(tagger)
        super().close()

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        with self._talking("tell who it is"):
            tagger = self._device()
            return {
                "vendor": "Swabian Instruments",
                "model": str(tagger.getModel()),
                "serial": str(tagger.getSerial()),
                "firmware": str(tagger.getFirmwareVersion()),
            }

    def _open(self) -> None:
        try:
            self._tagger = self._vendor.createTimeTagger(self.serial)
        except RuntimeError as error:
            raise self._refused(error) from error
        self.serial = str(self._tagger.getSerial())
        self._add_common(len(self._channels), 1.0)
        self.resolution: Parameter[float, Self] = self.add_parameter(
            "resolution", label="Resolution", unit="ps", get_cmd=lambda: 1.0
        )
        """Step of times and delays."""
        for number, channel in enumerate(self._channels, 1):
            for name, *rest in _SETTINGS:
                self._add_setting(f"{name}_{number}", f"input {number} (channel {channel})", channel, *rest)
        where = f"the sync (channel {self._sync})"
        self._add_setting("sync_delay", where, self._sync, *_SETTINGS[0][1:])
        self._add_setting("sync_trigger_level", where, self._sync, *_SETTINGS[2][1:])

    def _add_setting(self, name: str, where: str, channel: int, what: str, unit: str, word: str, *kind: Any) -> None:
        validator, parser = kind

        def put(value: float) -> None:
            with self._talking(f"set {name}"):
                getattr(self._device(), f"set{word}")(channel, parser(value))

        self.add_parameter(
            name,
            label=f"{what} of {where}",
            unit=unit,
            get_cmd=partial(self._read, name, f"get{word}", channel, parser),
            set_cmd=put,
            vals=validator,
            docstring=f"{what} of {where}.",
        )

    def _read(self, name: str, call: str, channel: int, parser: Any) -> Any:
        with self._talking(f"read {name}"):
            return parser(getattr(self._device(), call)(channel))

    def _refused(self, error: RuntimeError) -> Exception:
        text = str(error)
        if "licen" in text.lower():
            return CommunicationError(
                f"{self._where}: no licence ({text}); ask the vendor, and connect the device once"
            )
        if "serial number" in text:
            known = ", ".join(self._vendor.scanTimeTagger()) or "none"
            return IdentityError(
                f"{self._where}: {text} Free devices: {known}; correct `serial` in the station file, or close the "
                "program that has it open"
            )
        return CommunicationError(
            f"{self._where}: {text} Check USB cable and power, and close other programs and instruments that use it"
        )

    def _device(self) -> Any:
        if self._tagger is None:
            raise CommunicationError(f"{self._where} is not open; load it again")
        return self._tagger

    @contextmanager
    def _talking(self, what: str) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise CommunicationError(
                f"{self._where} failed to {what}: {error}; check USB cable and power, then open it again"
            ) from error

    def _tidy(self, what: str, call: Callable[[], object]) -> None:
        """Clean up without hiding why it is time to."""
        try:
            call()
        except RuntimeError as error:
            self.log.warning("%s could not %s: %s", self._where, what, error)

    def _set_mode(self, mode: str) -> None:
        """Take note: the mode is one of the recording, not of the device."""

    def _get_sync_rate(self) -> float:
        return float(self._rates([self._sync])[0])

    def _get_count_rates(self) -> NDArray[np.float64]:
        return self._rates(self._channels)

    def _rates(self, channels: list[int]) -> NDArray[np.float64]:
        with self._recording, self._talking("measure rates"):
            meter = self._vendor.Countrate(self._device(), channels)
            meter.startFor(round(GATE * 1e12))
            self.clock.sleep(GATE)
            try:
                wait_until(self.clock, lambda: not meter.isRunning(), timeout=LATE, what=self._where)
            except TimeoutError as error:
                raise CommunicationError(f"{self._where}: no tags come; check USB cable and power") from error
            finally:
                meter.stop()
            return np.asarray(meter.getData(), np.float64)

    def _record(self, seconds: float) -> Iterator[Tags]:
        counter = None
        with self._talking("record"):
            tagger, channels = self._device(), list(self._channels)
            if self.mode.get() == "T3":
                rate = self._get_sync_rate()
                if not rate:
                    raise self._no_sync()
                counter = PulseCounter(rate, GATE)
                tagger.setConditionalFilter(channels, [self._sync])
                channels.append(self._sync)
            try:
                yield from self._pieces(tagger, self._vendor.TimeTagStream(tagger, _ROOM, channels), seconds, counter)
            finally:
                if counter is not None:
                    self._tidy("clear the filter", tagger.clearConditionalFilter)

    def _pieces(self, tagger: Any, stream: Any, seconds: float, counter: PulseCounter | None) -> Iterator[Tags]:
        tagger.sync()
        tagger.clearOverflows()
        length, period, ended = round(seconds * 1e12), None, False
        start, waits = self.clock.now(), self._waits(seconds)
        stream.startFor(length)
        try:
            while not ended:
                next(waits)
                upto = min(round((self.clock.now() - start) * 1e12), length)
                ended = not stream.isRunning()
                buffer = stream.getData()
                lost = bool(buffer.hasOverflows) or buffer.size >= _ROOM or bool(tagger.getOverflowsAndClear())
                self._overflow = self._overflow or lost
                piece = self._tags(buffer, length if ended else upto, counter, period)
                period = piece.period
                yield piece
        finally:
            self._tidy("stop the recording", stream.stop)

    def _tags(self, buffer: Any, upto: int, counter: PulseCounter | None, period: float | None) -> Tags:
        """Return the tags of a buffer; `period` is the one of the pieces before."""
        events = np.asarray(buffer.getEventTypes()) == 0
        times = np.asarray(buffer.getTimestamps(), np.int64)[events] - int(buffer.tStart)
        found = np.asarray(buffer.getChannels())[events]
        channels = np.zeros(len(times), np.uint8)
        for index, channel in enumerate(self._channels):
            channels[found == channel] = index
        if counter is None:
            return Tags(times, channels, upto, overflow=self._overflow)
        laser = found == self._sync
        photons = counter.add(times[~laser], channels[~laser], times[laser], upto)
        if photons.orphans:
            self.log.warning("%s: %d photons without a laser pulse are left out", self._where, photons.orphans)
            if photons.orphans > max(_STRAY, len(photons.pulses)) and not self._overflow:
                raise self._no_sync()
        period = period or counter.period
        rounded = np.rint(photons.pulses * period + photons.delays).astype(np.int64)
        return Tags(rounded, photons.channels, upto, photons.pulses, photons.delays, period, overflow=self._overflow)
