"""Small spectrometers of Ocean Optics (Ocean Insight) through the free module seabreeze."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import Clock, WallClock
from perovskite_meas.core.errors import CommunicationError, IdentityError, InstrumentError

from ._addressed import AddressedInstrument

if TYPE_CHECKING:
    from typing_extensions import Unpack

_FIRST_EXPOSURE = 0.1
"""s: set when the instrument is opened, because it cannot be read back."""


class OceanSpectrometer(AddressedInstrument):
    """Spectrometer with a wavelength axis of its own.

    It exposes all the time, and a reading is the exposure that ends next. One reading is therefore thrown away before
    each spectrum, so that the exposure begins after it was asked for; a spectrum takes up to twice its exposure. A
    reading waits in the vendor's module: Ctrl-C acts after it. Nothing is corrected: dark counts are in the spectrum.

    Source: seabreeze 2.11; not tried with a spectrometer.

    Args:
        name: name in the station.
        serial: serial number on the spectrometer; empty for the first one found.
        module: the vendor's module; `perovskite_meas.sim.sdk.seabreeze` on a virtual table.
        address: the same as `serial`, where a station file writes it as `address:`.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    serial: str = ""

    def __init__(
        self,
        name: str,
        serial: str = "",
        module: str = "seabreeze.spectrometers",
        address: str = "",
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, **kwargs)
        self.serial = serial or address
        self._device: Any = None
        self._vendor = self._import(module)
        try:
            self._open()
            self._add_parameters()
        except BaseException:
            self.close()
            raise
        self.log.info("connected to %s", self._where)

    @property
    def address(self) -> str:
        """The serial number: how the vendor's module finds the spectrometer."""
        return self.serial

    @property
    def clock(self) -> Clock:
        """The clock of the vendor's object where it has one (a virtual table), else the wall's."""
        clock = getattr(self._spectrometer, "clock", None)
        if callable(getattr(clock, "now", None)) and callable(getattr(clock, "sleep", None)):
            return cast(Clock, clock)
        return WallClock()

    def close(self) -> None:
        """Free the spectrometer; harmless if it is free already."""
        device = self.__dict__.pop("_device", None)
        if device is not None:
            device.close()
        super().close()

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model and serial number."""
        device = self._spectrometer
        return {
            "vendor": "Ocean Optics",
            "model": str(device.model),
            "serial": str(device.serial_number),
            "firmware": None,
        }

    def _import(self, module: str) -> Any:
        try:
            return importlib.import_module(module)
        except (ImportError, OSError) as error:
            raise CommunicationError(
                f"{self._where}: the vendor's module {module!r} cannot be imported: {error}; pip install seabreeze, or "
                "name another module with `module`"
            ) from error

    def _open(self) -> None:
        kind = self._vendor.Spectrometer
        try:
            self._device = kind.from_serial_number(self.serial) if self.serial else kind.from_first_available()
        except self._vendor.SeaBreezeError as error:
            raise self._not_found(error) from error
        self.serial = str(self._spectrometer.serial_number)

    def _not_found(self, error: Exception) -> InstrumentError:
        listed = [str(device.serial_number) for device in self._vendor.list_devices()]
        if self.serial and listed and self.serial not in listed and "No device" in str(error):
            return IdentityError(
                f"{self._where}: no spectrometer of this serial number; connected: {', '.join(listed)}; correct "
                "`serial` in the station file"
            )
        return CommunicationError(
            f"{self._where}: no spectrometer can be had ({error}); check its cable and its USB driver "
            "(`seabreeze_os_setup`), and that no other program has it open"
        )

    def _add_parameters(self) -> None:
        device = self._spectrometer
        shortest, longest = (micros * 1e-6 for micros in device.integration_time_micros_limits)
        pixels = len(device.wavelengths())
        self.spectrum: Parameter[NDArray[np.float64], Self] = self.add_parameter(
            "spectrum",
            label="Spectrum",
            unit="1",
            get_cmd=self._expose,
            vals=vals.Arrays(shape=(pixels,)),
            snapshot_value=False,
        )
        """One exposure: counts with the dark counts in them, shape (pixels,)."""
        self.wavelengths: Parameter[NDArray[np.float64], Self] = self.add_parameter(
            "wavelengths",
            label="Wavelengths",
            unit="nm",
            get_cmd=lambda: np.array(self._spectrometer.wavelengths(), np.float64),
            vals=vals.Arrays(shape=(pixels,)),
            snapshot_value=False,
        )
        """Wavelength of each pixel in AIR by the vendor's calibration, in nm, shape (pixels,)."""
        self.exposure_time: Parameter[float, Self] = self.add_parameter(
            "exposure_time",
            label="Exposure time",
            unit="s",
            set_cmd=self._set_exposure,
            initial_value=min(max(_FIRST_EXPOSURE, shortest), longest),
            vals=vals.Numbers(shortest, longest),
        )
        """Length of an exposure, in s, to whole us; as it was set, since it cannot be read back."""
        self.pixels: Parameter[int, Self] = self.add_parameter(
            "pixels", label="Pixels", unit="1", get_cmd=lambda: len(self._spectrometer.wavelengths())
        )
        """Number of points of a spectrum."""
        self.full_scale: Parameter[float, Self] = self.add_parameter(
            "full_scale", label="Full scale", unit="1", get_cmd=lambda: float(self._spectrometer.max_intensity)
        )
        """Greatest counts that the spectrometer tells; it may be saturated below."""

    def _set_exposure(self, seconds: float) -> None:
        try:
            self._spectrometer.integration_time_micros(round(seconds * 1e6))
        except self._vendor.SeaBreezeError as error:
            raise self._lost(f"the exposure of {seconds:g} s was refused", error) from error

    def _expose(self) -> NDArray[np.float64]:
        try:
            self._spectrometer.intensities()
            return np.array(self._spectrometer.intensities(), np.float64)
        except self._vendor.SeaBreezeError as error:
            raise self._lost("no spectrum came", error) from error

    def _lost(self, what: str, error: Exception) -> CommunicationError:
        return CommunicationError(f"{self._where}: {what} ({error}); check the cable, then open the instrument again")

    @property
    def _spectrometer(self) -> Any:
        if self.__dict__.get("_device") is None:
            raise CommunicationError(f"{self._where} is not open; load it again")
        return self._device

    @property
    def _where(self) -> str:
        return f"{self.name} ({type(self).__name__} {self.serial or 'without serial number'})"
