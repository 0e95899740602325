"""Stand-in for `seabreeze.spectrometers`: the small spectrometer of the virtual table, an HR2000+ of Ocean Optics.

Covered, by the names and meanings of seabreeze 2.11: list_devices, SeaBreezeError, and of Spectrometer everything but
trigger_mode, features and f. This spectrometer has neither dark pixels nor coefficients of its nonlinearity, so that
corrections are refused, as the vendor's module does for such a model.

The spectrometer runs freely, and a reading is the exposure that ends next: it may have begun before it was asked for.
Unverified: that this is so for every model, and the texts of errors of the transport.

A serial number is the name of a virtual table, whose World has a part `ocean`, or the path of its folder.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import SimClock
from .laboratory import Laboratory, find, serials

__all__ = ["SeaBreezeError", "Spectrometer", "list_devices"]

_PORT = "ocean"
_LIMITS = (1000, 655350000)
"""us"""


class SeaBreezeError(Exception):
    """The vendor's error."""


class SeaBreezeDevice:
    """A spectrometer on the cable.

    Args:
        laboratory: where it stands.
    """

    model = "HR2000PLUS"

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self.serial_number = laboratory.serial
        self._ready_in: Any = None

    @property
    def is_open(self) -> bool:
        """Whether anybody has it open."""
        return self.laboratory.bay.taken

    def open(self) -> None:
        """Open it; harmless if it is open here already."""
        if self.laboratory.bay.faults.unplugged or not self.laboratory.bay.take(self):
            raise SeaBreezeError("[USB] could not open the device")
        self._ready_in = self.laboratory.world

    def close(self) -> None:
        """Free it."""
        self.laboratory.bay.give_back(self)
        self._ready_in = None

    def port(self) -> Any:
        """Return the World's part.

        Raises:
            SeaBreezeError: it is not open, or its cable is out.
        """
        if self._ready_in is None:
            raise SeaBreezeError("device not opened")
        if self._ready_in is not self.laboratory.world or self.laboratory.bay.faults.unplugged:
            raise SeaBreezeError("Error: Data transfer error")
        return self.laboratory.port

    def __repr__(self) -> str:
        return f"<SeaBreezeDevice {self.model}:{self.serial_number}>"


def list_devices() -> list[SeaBreezeDevice]:
    """Return what is connected: the packaged virtual tables that have such a spectrometer."""
    found = [find(serial, _PORT) for serial in serials(_PORT)]
    return [SeaBreezeDevice(one) for one in found if one is not None and not one.bay.faults.unplugged]


class Connection:
    """What the vendor's class says of its device."""

    _device: SeaBreezeDevice

    @property
    def serial_number(self) -> str:
        """The serial number."""
        return self._device.serial_number

    @property
    def model(self) -> str:
        """The model."""
        return self._device.model

    def open(self) -> None:
        """Open the connection."""
        self._device.open()

    def close(self) -> None:
        """Close the connection."""
        self._device.close()

    def __repr__(self) -> str:
        return f"<Spectrometer {self.model}:{self.serial_number}>"


class Spectrometer(Connection):
    """The vendor's class.

    Args:
        device: one of `list_devices`.
    """

    def __init__(self, device: SeaBreezeDevice) -> None:
        self._device = device
        self.open()
        self._wavelengths = np.asarray(device.port().wavelengths(), np.float64)
        self._exposure, self._since = 0.1, self.clock.now()

    @classmethod
    def from_first_available(cls) -> Spectrometer:
        """Open the first one that nobody has open."""
        for device in list_devices():
            if not device.is_open:
                return cls(device)
        raise SeaBreezeError("No unopened device found.")

    @classmethod
    def from_serial_number(cls, serial: str | None = None) -> Spectrometer:
        """Open that of a serial number."""
        if serial is None:
            return cls.from_first_available()
        laboratory = find(str(serial), _PORT)
        if laboratory is None or laboratory.bay.faults.unplugged:
            raise SeaBreezeError(f"No device attached with serial number '{serial}'.")
        if laboratory.bay.taken:
            raise SeaBreezeError("Device already opened.")
        return cls(SeaBreezeDevice(laboratory))

    @property
    def clock(self) -> SimClock:
        """The simulated time; the vendor's class has no clock."""
        return self._device.laboratory.clock

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return int(self._device.laboratory.port.pixels)

    @property
    def max_intensity(self) -> float:
        """The greatest intensity that can be returned."""
        return float(self._device.port().full_scale)

    @property
    def integration_time_micros_limits(self) -> tuple[int, int]:
        """Shortest and longest integration time in us."""
        return _LIMITS

    def integration_time_micros(self, integration_time_micros: int) -> None:
        """Set the integration time in us."""
        if not _LIMITS[0] <= integration_time_micros <= _LIMITS[1]:
            raise SeaBreezeError("[Fix] Specified integration time is out of range.")
        self._device.port()
        self._exposure, self._since = integration_time_micros * 1e-6, self.clock.now()

    def wavelengths(self) -> NDArray[np.float64]:
        """Return the wavelength of each pixel in nm (air)."""
        return self._wavelengths

    def intensities(self, correct_dark_counts: bool = False, correct_nonlinearity: bool = False) -> NDArray[np.float64]:
        """Return the exposure that ends next."""
        if correct_dark_counts:
            raise SeaBreezeError("This device does not support dark count correction.")
        if correct_nonlinearity:
            raise SeaBreezeError("This device does not support nonlinearity correction.")
        self._device.port()
        clock, faults = self.clock, self._device.laboratory.bay.faults
        run = max(0, math.floor((clock.now() - self._since) / self._exposure + 1e-9))
        begin = self._since + run * self._exposure
        end = begin + self._exposure
        clock.sleep(max(0.0, end - clock.now()))
        if faults.endless:
            raise SeaBreezeError("Error: Data transfer error")
        port = self._device.port()
        with self._device.laboratory.world.lock:
            counts = np.asarray(port.spectrum(begin, min(end, clock.now())), np.float64)
        return np.full_like(counts, port.full_scale) if faults.flooded else counts

    def spectrum(self, correct_dark_counts: bool = False, correct_nonlinearity: bool = False) -> NDArray[np.float64]:
        """Return wavelengths and intensities, shape (2, pixels)."""
        return np.vstack((self._wavelengths, self.intensities(correct_dark_counts, correct_nonlinearity)))
