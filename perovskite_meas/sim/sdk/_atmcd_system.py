"""Functions of Andor's library that open a camera, say what it is, cool it, and set what can hardly be set."""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

import ctypes
from typing import Any

from . import _atmcd_calls as c
from ._atmcd_calls import c_function, store
from ._atmcd_camera import BUFFERED, COLDEST, LONGEST, READOUT, WARMEST

ROWS = 256
SERIAL = 14001
_FIRST_HANDLE = 100
_HS_SPEED, _VS_SPEED, _GAIN, _PIXEL = 0.1, 64.0, 1.0, 15.0
_BITS = 16
_INT, _FLOAT = ctypes.c_int, ctypes.c_float


@c_function(ready=False)
def GetAvailableCameras(library: Any, total: Any) -> int:
    store(total, _INT, len(library.cameras))
    return c.SUCCESS


@c_function(ready=False)
def GetCameraHandle(library: Any, index: int, handle: Any) -> int:
    if not 0 <= index < len(library.cameras):
        return c.P1INVALID
    store(handle, _INT, _FIRST_HANDLE + index)
    return c.SUCCESS


@c_function(ready=False)
def SetCurrentCamera(library: Any, handle: int) -> int:
    if not 0 <= handle - _FIRST_HANDLE < len(library.cameras):
        return c.P1INVALID
    library.current = handle - _FIRST_HANDLE
    return c.SUCCESS


@c_function(ready=False)
def GetCurrentCamera(library: Any, handle: Any) -> int:
    store(handle, _INT, _FIRST_HANDLE + library.current)
    return c.SUCCESS


@c_function(ready=False)
def Initialize(library: Any, directory: Any) -> int:
    return c.ERROR_NOCAMERA if library.camera is None else int(library.camera.connect())


@c_function(ready=False)
def ShutDown(library: Any) -> int:
    if library.camera is not None:
        library.camera.disconnect()
    return c.SUCCESS


@c_function()
def GetCapabilities(library: Any, capabilities: Any) -> int:
    """Single, accumulate, kinetics, run till abort; vertical binning; internal, external trigger; iDus, 16 bit."""
    capabilities.ulAcqModes = 1 | 2 | 4 | 8
    capabilities.ulReadModes = 8
    capabilities.ulTriggerModes = 1 | 2
    capabilities.ulCameraType = 7
    capabilities.ulPixelMode = 4
    capabilities.ulSetFunctions = capabilities.ulGetFunctions = 0
    capabilities.ulFeatures = 1
    return c.SUCCESS


@c_function()
def GetHeadModel(library: Any, name: Any) -> int:
    name.value = b"DU420A_BV"
    return c.SUCCESS


@c_function()
def GetHardwareVersion(library: Any, *versions: Any) -> int:
    for target, value in zip(versions, (2, 1, 0, 0, 3, 17), strict=True):
        store(target, _INT, value)
    return c.SUCCESS


@c_function()
def GetDetector(library: Any, width: Any, height: Any) -> int:
    store(width, _INT, int(library.camera.laboratory.port.pixels))
    store(height, _INT, ROWS)
    return c.SUCCESS


@c_function()
def GetPixelSize(library: Any, width: Any, height: Any) -> int:
    store(width, _FLOAT, _PIXEL)
    store(height, _FLOAT, _PIXEL)
    return c.SUCCESS


@c_function()
def GetFastestRecommendedVSSpeed(library: Any, index: Any, speed: Any) -> int:
    store(index, _INT, 0)
    store(speed, _FLOAT, _VS_SPEED)
    return c.SUCCESS


@c_function()
def GetTemperatureRange(library: Any, coldest: Any, warmest: Any) -> int:
    store(coldest, _INT, COLDEST)
    store(warmest, _INT, WARMEST)
    return c.SUCCESS


@c_function(idle=True)
def SetTemperature(library: Any, celsius: int) -> int:
    if not COLDEST <= celsius <= WARMEST:
        return c.P1INVALID
    cooling = library.camera.cooling
    cooling.setpoint = celsius
    if cooling.on:
        library.camera.cool(True)
    return c.SUCCESS


@c_function(idle=True)
def CoolerON(library: Any) -> int:
    library.camera.cool(True)
    return c.SUCCESS


@c_function(idle=True)
def CoolerOFF(library: Any) -> int:
    library.camera.cool(False)
    return c.SUCCESS


@c_function(idle=True)
def SetCoolerMode(library: Any, mode: int) -> int:
    if mode not in (0, 1):
        return c.P1INVALID
    library.camera.cooling.stays = bool(mode)
    return c.SUCCESS


@c_function()
def IsCoolerOn(library: Any, on: Any) -> int:
    store(on, _INT, int(library.camera.cooling.on))
    return c.SUCCESS


@c_function(idle=True)
def GetTemperature(library: Any, celsius: Any) -> int:
    store(celsius, _INT, round(_celsius(library)))
    return _temperature_code(library)


@c_function(idle=True)
def GetTemperatureF(library: Any, celsius: Any) -> int:
    store(celsius, _FLOAT, _celsius(library))
    return _temperature_code(library)


def _celsius(library: Any) -> float:
    laboratory = library.camera.laboratory
    return float(laboratory.port.celsius(laboratory.clock.now()))


def _temperature_code(library: Any) -> int:
    cooling = library.camera.cooling
    if not cooling.on:
        return c.TEMPERATURE_OFF
    miss = abs(_celsius(library) - cooling.setpoint)
    if miss <= 1:
        return c.TEMPERATURE_STABILIZED
    return c.TEMPERATURE_NOT_STABILIZED if miss <= 3 else c.TEMPERATURE_NOT_REACHED


def _tells(name: str, kind: Any, value: float, inputs: int = 0) -> None:
    """Register a function that writes one constant behind its last pointer, after so many indices, all of them 0."""

    def function(library: Any, *arguments: Any) -> int:
        *indices, target = arguments
        if len(indices) != inputs:
            raise ctypes.ArgumentError(f"{name}: {inputs + 1} arguments, not {len(arguments)}")
        if any(indices):
            return c.P1INVALID
        store(target, kind, value)
        return c.SUCCESS

    function.__name__ = name
    c_function()(function)


def _takes(name: str, *allowed: tuple[int, ...]) -> None:
    """Register a setting that makes no difference here; `allowed` for each argument, all values where empty."""

    def function(library: Any, *arguments: Any) -> int:
        for place, (value, values) in enumerate(zip(arguments, allowed, strict=True)):
            if values and value not in values:
                return c.P1INVALID + place
        return c.SUCCESS

    function.__name__ = name
    c_function(idle=True)(function)


_tells("GetCameraSerialNumber", _INT, SERIAL)
_tells("GetBitDepth", _INT, _BITS, 1)
_tells("GetFilterMode", _INT, 0)
_tells("GetHSSpeed", _FLOAT, _HS_SPEED, 3)
_tells("GetKeepCleanTime", _FLOAT, READOUT)
_tells("GetMaximumExposure", _FLOAT, LONGEST)
_tells("GetNumberADChannels", _INT, 1)
_tells("GetNumberAmp", _INT, 1)
_tells("GetNumberHSSpeeds", _INT, 1, 2)
_tells("GetNumberPhotonCountingDivisions", _INT, 0)
_tells("GetNumberPreAmpGains", _INT, 1)
_tells("GetNumberVSSpeeds", _INT, 1)
_tells("GetPreAmpGain", _FLOAT, _GAIN, 1)
_tells("GetReadOutTime", _FLOAT, READOUT)
_tells("GetSizeOfCircularBuffer", _INT, BUFFERED)
_tells("GetVSSpeed", _FLOAT, _VS_SPEED, 1)
_tells("IsPreAmpGainAvailable", _INT, 1, 4)
for _name, _kind in (("AveragingFactor", _INT), ("AveragingFrameCount", _INT), ("DataAveragingMode", _INT)):
    _tells(f"Filter_Get{_name}", _kind, int(_name != "DataAveragingMode"))
    _takes(f"Filter_Set{_name}", (0, 1))
_tells("Filter_GetMode", _INT, 0)
_tells("Filter_GetThreshold", _FLOAT, 0.0)
_takes("Filter_SetMode", (0,))
_takes("Filter_SetThreshold", ())
_takes("SetADChannel", (0,))
_takes("SetFastExtTrigger", (0, 1))
_takes("SetFilterMode", (0,))
_takes("SetHSSpeed", (0,), (0,))
_takes("SetOutputAmplifier", (0,))
_takes("SetPhotonCounting", (0,))
_takes("SetPreAmpGain", (0,))
_takes("SetShutter", (0, 1), (0, 1), (), ())  # there is none: it cannot be closed
_takes("SetVSSpeed", (0,))
