"""The spectrometer: a camera, with a monochromator before it or without."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from ...core.air import to_vacuum
from ...core.errors import HardwareFault, ReplyError, UsageError
from ...core.roles import Spectrum
from ..calibrations import Calibration, quantity
from ..spectral_calibrations import SpectralCalibration
from .base import Option, RoleAdapter, RoleSpec, Table

_ROOM = 20.0
"""degC taken for a sensor that does not tell."""
_CELSIUS = re.compile(r"([-+]?\d+(?:\.\d*)?)\s*(?:deg\s?C|°C)?")
_POLL = 5.0
"""s between two looks at a sensor that cools."""


def celsius(stated: object) -> float | None:
    """Return a temperature written as -60 or '-60 degC', in degC; None where it is not one."""
    found = _CELSIUS.fullmatch(str(stated).strip())
    return None if found is None else float(found[1])


def _impossible(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    """Return which options cannot be."""
    found = {}
    pixels, cold, axis = options["pixels"], options["cold_below"], options["axis"]
    if pixels is not None and pixels != int(pixels):
        found["pixels"] = f"must be a whole number; got {pixels:g}"
    if cold is not None and celsius(cold) is None:
        found["cold_below"] = f"{cold!r} is no temperature; write it like '-60 degC'"
    if axis not in ("air", "vacuum", None):
        found["axis"] = f"must be air or vacuum; got {axis!r}"
    named = calibrations.get(options["calibration"])
    if named is not None and not isinstance(named, SpectralCalibration):
        found["calibration"] = f"calibration {options['calibration']!r} is not one for a spectrometer; name another"
    return found


class SpectrometerAdapter(RoleAdapter):
    """Exposes a cold camera once and tells the wavelength in vacuum of each pixel.

    Where the bench names a monochromator, the role is a `SpectrographAdapter`, which can move its window; where it
    says how the camera is armed, an `ArmedSpectrometerAdapter`, which takes frames while other things happen.
    """

    options: ClassVar = {
        "use": Option("target", "one exposure: counts per pixel, shape (pixels,)", required=True),
        "exposure": Option("target", "exposure time, in s", required=True),
        "temperature": Option("target", "of the sensor, in degC"),
        "monochromator": Option("target", "dial of the monochromator, in nm"),
        "grating": Option("target", "number of the grating that is in"),
        "wavelengths": Option("target", "of the pixels in nm, for instruments that know their own axis"),
        "calibration": Option("calibration", "a wavelength calibration; not with `wavelengths`"),
        "pixels": Option("quantity", "along the spectrum", required=True, least=2),
        "axis": Option("setting", "whether `wavelengths` are in air or in vacuum", default="air"),
        "accuracy": Option("quantity", "1-sigma of `wavelengths`", unit="nm", default=0.1, least=0),
        "cold_below": Option("setting", "temperature of the sensor above which nothing is exposed, in degC"),
        "cooling": Option("quantity", "longest wait for a cold sensor, in the dark", unit="s", default=1800.0, least=0),
        "gain": Option("quantity", "electrons per count", least=1e-6),
        "share": Option("quantity", "electrons on the camera per count of the counter", least=0),
        "read_noise": Option("quantity", "1-sigma of one pixel, in electrons", least=0),
        "full_scale": Option("quantity", "counts at which a pixel is saturated", least=1),
        "approach": Option("quantity", "way up to every dial of the monochromator", unit="nm", default=2.0, least=0),
        "repeatability": Option("quantity", "1-sigma of where the grating arrives", unit="nm", least=0),
        "settle": Option("quantity", "wait after each move of the grating", unit="s", default=0.5, least=0),
        "armed": Option("target", "whether it takes frames; true starts, false stops it"),
        "frames": Option("target", "how many frames it takes once armed"),
        "frames_taken": Option("target", "how many of them are there"),
        "series": Option("target", "the frames so far, shape (frames, pixels)"),
        "trigger": Option("target", "what a frame begins with"),
        "external": Option("setting", "value of `trigger` for the laser's trigger", default="external"),
        "internal": Option("setting", "value of `trigger` for frames one after another", default="internal"),
        "frame_time": Option("quantity", "least time between two triggers beside the exposure", unit="s", least=0),
    }
    checks: ClassVar = (_impossible,)
    variants: ClassVar[Mapping[tuple[bool, bool], type[SpectrometerAdapter]]] = {}
    """What is made of it, by whether the bench names a monochromator, and how the camera is armed."""

    def __new__(cls, role: RoleSpec, table: Table) -> Self:
        """Return what the bench describes: procedures tell the variants apart by their class."""
        made = cls.variants.get(("monochromator" in role.targets, "armed" in role.targets), cls)
        return cast("Self", object.__new__(made))

    def __init__(self, role: RoleSpec, table: Table) -> None:
        if ("wavelengths" in role.targets) == (role.options["calibration"] is not None):
            raise UsageError(
                "a spectrometer needs its axis from one place: state `calibration` (of kind wavelength), or "
                "`wavelengths` for an instrument that knows its own"
            )
        if "monochromator" in role.targets and "wavelengths" in role.targets:
            raise UsageError(
                "the axis behind a `monochromator` follows its dial by calibration: state `calibration` in place of "
                "`wavelengths`"
            )
        super().__init__(role, table)
        self._pixels = int(self.option("pixels"))
        self._cold = None if self.option("cold_below") is None else celsius(self.option("cold_below"))
        self._was_cold = False
        self._own_axis: NDArray[np.float64] | None = None

    def begin(self) -> None:
        """Look anew at sensor and axis: a hand may have changed them."""
        self._was_cold = False
        self._own_axis = None

    def pixels(self) -> int:
        """Return the number of pixels."""
        return self._pixels

    def wavelengths(self) -> NDArray[np.float64]:
        """Return the wavelength in vacuum of each pixel, in nm, shape (pixels,), calibrated or its own."""
        if "wavelengths" not in self.handles:
            found: SpectralCalibration = self.calibration(self.option("calibration"))
            return found.wavelengths(found.centre, self._pixels)
        if self._own_axis is None:
            own = self._array(self.handles["wavelengths"].get(), "axis")
            self._own_axis = to_vacuum(own) if self.option("axis") == "air" else own
        return self._own_axis

    def expose(self, seconds: float) -> Spectrum:
        """Expose once and return the spectrum as read.

        Raises:
            HardwareFault: the sensor is warmer than `cold_below`.
            ReplyError: not one finite count per pixel.
            LimitError: more dose than allowed; the light is off.
        """
        if not seconds > 0:
            raise UsageError(f"{self.label}: an exposure of {seconds} s must be longer than 0 s")
        sensor = self._require_cold()
        self.guard.watch(ahead=seconds)
        counts, exposure = self._take(seconds)
        return self._spectrum(counts, exposure, sensor)

    def facts(self) -> dict[str, Any]:
        """Return what is stated of the camera."""
        units = {"gain": "1", "share": "1", "read_noise": "1", "full_scale": "1", "repeatability": "nm"}
        units["frame_time"] = "s"
        return {
            name: quantity((self.option(name), 0.0), unit)
            for name, unit in units.items()
            if self.option(name) is not None
        }

    def axis_facts(self) -> dict[str, Any]:
        """Return the calibration of the axis; where the instrument knows its own, how well."""
        name = self.option("calibration")
        if name is not None:
            return dict(self.calibration(name).facts())
        return {"offset": quantity((0.0, self.option("accuracy")), "nm"), "source": self.role.targets["wavelengths"]}

    def _spectrum(self, counts: NDArray[np.float64], exposure: float, sensor: float) -> Spectrum:
        full = self.option("full_scale")
        return Spectrum(counts, exposure, 0 if full is None else int(np.count_nonzero(counts >= full)), sensor)

    def _require_cold(self) -> float:
        """Return the temperature of the sensor; at first it may still be cooling, which is waited for in the dark."""
        if "temperature" not in self.handles:
            return _ROOM
        started = self.clock.now()
        while (sensor := float(self.handles["temperature"].get())) > (math.inf if self._cold is None else self._cold):
            waited = self.clock.now() - started
            if self._was_cold or self.guard.light_on or waited >= self.option("cooling"):
                raise HardwareFault(
                    f"{self.label}: the sensor is at {sensor:.1f} degC, warmer than {self._cold:g} degC (option "
                    f"`cold_below`){f' after {waited:.0f} s' if waited > 1 else ''}: switch its cooler on, see to its "
                    "heat sink, and wait in the dark"
                )
            self.clock.sleep(min(_POLL, max(self.option("cooling") - waited, 0.1)))
        self._was_cold = True
        return sensor

    def _take(self, seconds: float) -> tuple[NDArray[np.float64], float]:
        exposure = self._set_exposure(seconds)
        return self._array(self.handles["use"].get(), "exposure"), exposure

    def _set_exposure(self, seconds: float) -> float:
        """Set the exposure and return the one that the camera then has, in s."""
        self.handles["exposure"].set(seconds)
        exposure = float(self.handles["exposure"].get())
        if not exposure > 0:
            raise ReplyError(f"{self.label}: the exposure was set to {seconds:g} s but reads {exposure:g} s")
        return exposure

    def _array(self, answer: Any, what: str) -> NDArray[np.float64]:
        found = np.asarray(answer, np.float64)
        if found.shape != (self._pixels,) or not np.isfinite(found).all():
            raise ReplyError(
                f"{self.label}: the {what} is not one finite number for each of {self._pixels} pixels but of shape "
                f"{found.shape}; state the right `pixels`, and bin the sensor fully over its height"
            )
        return found
