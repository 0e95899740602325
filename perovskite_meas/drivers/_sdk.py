"""What drivers of time taggers share: a vendor's Python module instead of a wire, and recordings as tags."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import Clock, WallClock
from perovskite_meas.core.errors import CommunicationError, HardwareFault
from perovskite_meas.core.tags import Tags, joined

from ._delays import DelayHistogram

if TYPE_CHECKING:
    from typing_extensions import Unpack

GATE = 0.1
"""s over which rates are measured."""
POLL = 0.25
"""s between two looks at a running recording: the vendor's buffer holds much more than arrives in it."""
LATE = 2.0
"""s, and a tenth of the recording, after its end until it is given up."""


class SdkTagger(DelayHistogram):
    """A time tagger that a vendor's Python module drives.

    A subclass opens the device in `_open`, which ends with `_add_common(inputs)`, and records in `_record`.

    Args:
        name: name in the station.
        serial: serial number; empty for the only one.
        module: the vendor's module by name; a stand-in's on a virtual table.
        address: the same as `serial`, where a station file writes it as `address:`.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    package: ClassVar[str] = ""
    """What to install for the vendor's module."""
    serial: str = ""

    def __init__(
        self, name: str, serial: str, module: str, address: str, **kwargs: Unpack[InstrumentBaseKWArgs]
    ) -> None:
        super().__init__(name, **kwargs)
        self.serial = serial or address
        self._module_name = module
        self._recording = threading.RLock()
        self._overflow = False
        try:
            self._vendor: Any = self._import(module)
            self._open()
        except BaseException:
            self.close()
            raise
        self.log.info("connected to %s", self._where)

    @property
    def clock(self) -> Clock:
        """The clock of the vendor's object where it has one (a virtual table), else the wall's."""
        clock = getattr(self._device(), "clock", None)
        if callable(getattr(clock, "now", None)) and callable(getattr(clock, "sleep", None)):
            return cast(Clock, clock)
        return WallClock()

    @property
    def address(self) -> str:
        """The serial number: how the vendor's library finds the device."""
        return self.serial

    def stream(self, seconds: float) -> Iterator[Tags]:
        """Record for `seconds` and yield the tags piece by piece while they come; times continue.

        The `duration` of a piece is the time up to which the recording is complete; pieces may be empty. Leaving
        the iteration, by an exception or Ctrl-C too, stops the recording.

        Raises:
            UsageError: the length or the resolution does not fit; nothing was recorded.
            CommunicationError: the device does not answer or does not come to an end.
            HardwareFault: there is no laser on the sync input (T3), or the device stopped by itself.
        """
        self.acquisition_time.validate(seconds)
        with self._recording:
            self._overflow = False
            yield from self._record(seconds)

    def acquire(self, seconds: float) -> Tags:
        """Record for `seconds` and return all tags; raises like `stream`."""
        return joined(list(self.stream(seconds)))

    def _add_common(self, inputs: int, resolution: float) -> None:
        """Add the parameters that every tagger has."""
        self.acquisition_time: Parameter[float, Self] = self.add_parameter(
            "acquisition_time",
            label="Acquisition time",
            unit="s",
            set_cmd=None,
            initial_value=1.0,
            vals=vals.Numbers(1e-3, 3.6e5),
            docstring="Length of the recordings of `tags` and `histogram`.",
        )
        self.mode: Parameter[str, Self] = self.add_parameter(
            "mode",
            label="Mode",
            set_cmd=self._set_mode,
            initial_value="T2",
            vals=vals.Enum("T2", "T3"),
            docstring="T2: times alone; T3: times after the laser pulses on the sync input.",
        )
        self.tags: Parameter[Tags, Self] = self.add_parameter(
            "tags",
            label="Tags",
            unit="ps",
            get_cmd=lambda: self.acquire(float(self.acquisition_time.get())),
            snapshot_value=False,
            docstring="One recording; a get records for `acquisition_time`.",
        )
        self.overflow: Parameter[bool, Self] = self.add_parameter(
            "overflow",
            label="Overflow",
            get_cmd=lambda: self._overflow,
            vals=vals.Bool(),
            docstring="Whether the last recording lost events because more came than could be transferred.",
        )
        self.sync_rate: Parameter[float, Self] = self.add_parameter(
            "sync_rate",
            label="Sync rate",
            unit="Hz",
            get_cmd=self._get_sync_rate,
            snapshot_get=False,
            docstring="Laser pulses per second on the sync input, over 0.1 s; 0 without a laser.",
        )
        self.count_rates: Parameter[NDArray[np.float64], Self] = self.add_parameter(
            "count_rates",
            label="Count rates",
            unit="Hz",
            get_cmd=self._get_count_rates,
            vals=vals.Arrays(shape=(inputs,)),
            snapshot_get=False,
            docstring="Rate of each detector input, over 0.1 s.",
        )
        self._add_histogram(inputs, max(100.0, resolution))

    def _import(self, module: str) -> Any:
        try:
            return importlib.import_module(module)
        except (ImportError, OSError) as error:
            raise CommunicationError(
                f"{self._where}: the vendor's module {module!r} cannot be imported: {error}; "
                f"pip install {self.package}, with the device's driver, or name another module with `module`"
            ) from error

    def _waits(self, seconds: float) -> Iterator[None]:
        """Yield every `POLL` seconds until the end of a recording, then more often until it is given up."""
        clock = self.clock
        end = clock.now() + seconds
        while (left := end - clock.now()) > 0:
            clock.sleep(min(POLL, left))
            yield
        while clock.now() < end + LATE + seconds / 10:
            clock.sleep(0.02)
            yield
        raise CommunicationError(
            f"{self._where}: a recording of {seconds:g} s did not end; check the cable and that the device is on, "
            "then open the instrument again"
        )

    @property
    def _where(self) -> str:
        return f"{self.name} ({type(self).__name__} {self.serial or 'without serial number'})"

    def _fault(self, what: str, advice: str) -> HardwareFault:
        return HardwareFault(f"{self._where}: {what}; {advice}")

    def _no_sync(self) -> HardwareFault:
        return self._fault(
            "no laser pulses on the sync input", "check laser, cable and sync_trigger_level, or set mode to 'T2'"
        )

    # What a subclass does -----------------------------------------------------------------------------

    def _open(self) -> None:
        raise NotImplementedError

    def _device(self) -> Any:
        raise NotImplementedError

    def _record(self, seconds: float) -> Iterator[Tags]:
        raise NotImplementedError

    def _set_mode(self, mode: str) -> None:
        raise NotImplementedError

    def _get_sync_rate(self) -> float:
        raise NotImplementedError

    def _get_count_rates(self) -> NDArray[np.float64]:
        raise NotImplementedError
