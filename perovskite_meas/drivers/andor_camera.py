"""Andor CCD cameras (iDus, Newton and others) behind a spectrograph, through the C functions of Andor's library."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import Clock, WallClock
from perovskite_meas.core.errors import CommunicationError, HardwareFault

from ._andor import ACQUIRING, IDLE, SUCCESS, TEMPERATURES, Sdk, find_camera, word
from ._andor_series import SINGLE_SCAN, AndorSeries

if TYPE_CHECKING:
    from typing_extensions import Unpack

_FULL_VERTICAL_BINNING, _INTERNAL = 0, 0
_SHUTTER_AUTO, _SHUTTER_TIME, _KEEP_COOLING = 0, 30, 1
"""The time is in ms, for cameras that have a shutter."""
_LONGEST, _SHORTEST = 1.0, 0.01
"""s between two looks at a running exposure: half of what is left of it, within these bounds."""
_LATE = 5.0
"""s, and a tenth of the exposure, after which an exposure that does not end is given up."""


class AndorCamera(AndorSeries):
    """CCD camera that bins all rows into one spectrum (full vertical binning).

    `spectrum` is one exposure. `armed` takes a series of frames meanwhile, with a trigger for each if wanted.
    Gain and shift speeds stay as the library chooses them. An exposure is watched, not waited for in the library, so
    that an exception or Ctrl-C aborts it. Closing the instrument leaves the cooler as it is where the camera can.

    Source: names, arguments and codes of the C functions as public wrappers of the library use them; not tried with a
    camera. On Linux the library is `libandor.so`.

    Args:
        name: name in the station.
        library: the shared library, or a Python module whose `load(serial)` returns its functions, such as
            `perovskite_meas.sim.sdk.atmcd` on a virtual table.
        serial: serial number on the camera; empty for the only one.
        address: the same as `serial`, where a station file writes it as `address:`.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    serial: str = ""

    def __init__(
        self,
        name: str,
        library: str = "atmcd64d.dll",
        serial: str = "",
        address: str = "",
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, **kwargs)
        self.serial = serial or address
        self._open_sdk: Sdk | None = None
        try:
            self._open_sdk, self.serial = find_camera(library, self.serial, self._where)
            self._set_up()
        except BaseException:
            self.close()
            raise
        self._add_parameters()
        self._add_series_parameters()
        self.log.info("connected to %s", self._where)

    @property
    def address(self) -> str:
        """The serial number: how the library finds the camera."""
        return self.serial

    @property
    def clock(self) -> Clock:
        """The clock of the library where it has one (a virtual table), else the wall's."""
        clock = getattr(self._sdk.functions, "clock", None)
        if callable(getattr(clock, "now", None)) and callable(getattr(clock, "sleep", None)):
            return cast(Clock, clock)
        return WallClock()

    def close(self) -> None:
        """Free the camera; harmless if it is free already."""
        sdk: Sdk | None = self.__dict__.pop("_open_sdk", None)
        if sdk is not None:
            if self._armed:
                sdk.code("AbortAcquisition")
                self._armed = False
            sdk.code("ShutDown")
        super().close()

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        model = ctypes.create_string_buffer(260)
        self._sdk.call("GetHeadModel", model)
        numbers = [ctypes.c_int() for _ in range(6)]
        self._sdk.call("GetHardwareVersion", *map(ctypes.byref, numbers))
        return {
            "vendor": "Andor",
            "model": model.value.decode("ascii", "replace"),
            "serial": str(self._sdk.integer("GetCameraSerialNumber")),
            "firmware": f"{numbers[4].value}.{numbers[5].value}",
        }

    def _set_up(self) -> None:
        sdk, width, height = self._sdk, ctypes.c_int(), ctypes.c_int()
        sdk.call("GetDetector", ctypes.byref(width), ctypes.byref(height))
        self._pixels = width.value
        self._full_scale = 2 ** sdk.integer("GetBitDepth", ctypes.c_int(0)) - 1
        coldest, warmest = ctypes.c_int(), ctypes.c_int()
        sdk.call("GetTemperatureRange", ctypes.byref(coldest), ctypes.byref(warmest))
        self._range = (coldest.value, warmest.value)
        sdk.call("SetAcquisitionMode", ctypes.c_int(SINGLE_SCAN))
        sdk.call("SetReadMode", ctypes.c_int(_FULL_VERTICAL_BINNING))
        sdk.call("SetTriggerMode", ctypes.c_int(_INTERNAL))
        for name, *values in (
            ("SetShutter", 1, _SHUTTER_AUTO, _SHUTTER_TIME, _SHUTTER_TIME),
            ("SetCoolerMode", _KEEP_COOLING),
        ):
            code = sdk.code(str(name), *(ctypes.c_int(int(value)) for value in values))
            if code != SUCCESS:  # not every camera has them
                self.log.info("%s: %s said %s", self._where, name, word(code))

    def _add_parameters(self) -> None:
        self.spectrum: Parameter[NDArray[np.int32], Self] = self.add_parameter(
            "spectrum",
            label="Spectrum",
            unit="1",
            get_cmd=self._expose,
            vals=vals.Arrays(shape=(self._pixels,), valid_types=(np.integer,)),
            snapshot_value=False,
        )
        """One exposure with all rows binned: counts as the converter gave them, shape (pixels,)."""
        self.exposure_time: Parameter[float, Self] = self.add_parameter(
            "exposure_time",
            label="Exposure time",
            unit="s",
            get_cmd=lambda: self._timings()[0],
            set_cmd=self._set_exposure,
            vals=vals.Numbers(0, 36000),
        )
        """Length of an exposure, in s; the camera takes the nearest that it can."""
        self.temperature: Parameter[float, Self] = self.add_parameter(
            "temperature", label="Temperature", unit="degC", get_cmd=lambda: self._get_temperature()[0]
        )
        """Temperature of the sensor, in degC."""
        self.temperature_status: Parameter[str, Self] = self.add_parameter(
            "temperature_status",
            label="Temperature status",
            get_cmd=lambda: self._get_temperature()[1],
            vals=vals.Enum(*TEMPERATURES.values()),
        )
        """Whether the sensor is at `set_temperature`, as the camera says."""
        self.set_temperature: Parameter[int, Self] = self.add_parameter(
            "set_temperature",
            label="Set temperature",
            unit="degC",
            set_cmd=lambda celsius: self._sdk.call("SetTemperature", ctypes.c_int(celsius)),
            vals=vals.Ints(*self._range),
        )
        """Temperature to cool to while `cooler` is on, in whole degC; cannot be read back."""
        self.cooler: Parameter[bool, Self] = self.add_parameter(
            "cooler",
            label="Cooler",
            get_cmd=lambda: bool(self._sdk.integer("IsCoolerOn")),
            set_cmd=lambda on: self._sdk.call("CoolerON" if on else "CoolerOFF"),
            vals=vals.Bool(),
        )
        """Whether the cooler is on."""
        self.pixels: Parameter[int, Self] = self.add_parameter(
            "pixels", label="Pixels", unit="1", get_cmd=lambda: self._pixels
        )
        """Number of columns, each of which is one point of the spectrum."""
        self.full_scale: Parameter[int, Self] = self.add_parameter(
            "full_scale", label="Full scale", unit="1", get_cmd=lambda: self._full_scale
        )
        """Counts at which the converter is saturated."""

    def _expose(self) -> NDArray[np.int32]:
        self._require_disarmed()
        sdk, clock = self._sdk, self.clock
        exposure, cycle = self._timings()
        late = clock.now() + cycle + _LATE + exposure / 10
        counts = np.zeros(self._pixels, np.int32)
        sdk.call("StartAcquisition")
        try:
            end = clock.now() + cycle
            while (status := sdk.integer("GetStatus")) == ACQUIRING:
                if clock.now() > late:
                    raise HardwareFault(
                        f"{self._where}: an exposure of {exposure:g} s did not end and was aborted; check the trigger "
                        "and the cable, then open the instrument again"
                    )
                clock.sleep(min(_LONGEST, max((end - clock.now()) / 2, _SHORTEST)))
            if status != IDLE:
                raise sdk.error("GetStatus", status)
        except BaseException:
            self._abort()
            raise
        pointer = counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        sdk.call("GetAcquiredData", pointer, ctypes.c_uint(counts.size))
        return counts

    def _set_exposure(self, seconds: float) -> None:
        self._sdk.call("SetExposureTime", ctypes.c_float(seconds))
        found = self._timings()[0]
        if abs(found - seconds) > 1e-3 + 0.01 * seconds:
            raise HardwareFault(
                f"{self._where}: the camera exposes {found:g} s where {seconds:g} s were asked for; ask for what it can"
            )

    def _get_temperature(self) -> tuple[float, str]:
        value = ctypes.c_int()
        code = self._sdk.code("GetTemperature", ctypes.byref(value))
        if code not in TEMPERATURES:
            raise self._sdk.error("GetTemperature", code)
        return float(value.value), TEMPERATURES[code]

    @property
    def _sdk(self) -> Sdk:
        sdk: Any = self.__dict__.get("_open_sdk")
        if sdk is None:
            raise CommunicationError(f"{self._where} is not open; load it again")
        return cast(Sdk, sdk)

    @property
    def _where(self) -> str:
        return f"{self.name} ({type(self).__name__} {self.serial or 'without serial number'})"
