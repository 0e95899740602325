"""Andor's shared library: loading it, calling its C functions on one camera, and what its codes mean."""

from __future__ import annotations

import ctypes
import importlib
import sys
import threading
from typing import Any

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, InstrumentError

SUCCESS, ACQUIRING, IDLE = 20002, 20072, 20073
TEMPERATURES = {
    20034: "off",
    20035: "not stabilized",
    20036: "stabilized",
    20037: "not reached",
    20040: "drifted",
}
"""What the codes of GetTemperature say."""
_WORDS = {
    20003: "DRV_VXDNOTINSTALLED",
    20006: "DRV_ERROR_FILELOAD",
    20013: "DRV_ERROR_ACK",
    20017: "DRV_ACQUISITION_ERRORS",
    20018: "DRV_ACQ_BUFFER",
    20022: "DRV_KINETIC_TIME_NOT_MET",
    20023: "DRV_ACCUM_TIME_NOT_MET",
    20024: "DRV_NO_NEW_DATA",
    20026: "DRV_SPOOLERROR",
    20038: "DRV_TEMPERATURE_OUT_RANGE",
    20039: "DRV_TEMPERATURE_NOT_SUPPORTED",
    20049: "DRV_GENERAL_ERRORS",
    20066: "DRV_P1INVALID",
    20067: "DRV_P2INVALID",
    20068: "DRV_P3INVALID",
    20069: "DRV_P4INVALID",
    20070: "DRV_INIERROR",
    20071: "DRV_COFERROR",
    20072: "DRV_ACQUIRING",
    20073: "DRV_IDLE",
    20074: "DRV_TEMPCYCLE",
    20075: "DRV_NOT_INITIALIZED",
    20078: "DRV_INVALID_MODE",
    20089: "DRV_USBERROR",
    20093: "DRV_USB_INTERRUPT_ENDPOINT_ERROR",
    20119: "DRV_ERROR_BUFFSIZE",
    20121: "DRV_ERROR_NOHANDLE",
    20990: "DRV_ERROR_NOCAMERA",
    20991: "DRV_NOT_SUPPORTED",
    20992: "DRV_NOT_AVAILABLE",
}
_GONE = frozenset({20003, 20006, 20013, 20075, 20089, 20093, 20121, 20990, 20992})
"""Codes of a camera that cannot be talked to."""
_FILES = b"" if sys.platform == "win32" else b"/usr/local/etc/andor"
"""Folder of the library's own files (unverified: on Windows they are beside the library)."""
_GUARD = threading.RLock()
"""Held around the choice of a camera and the calls that mean it: the library has one current camera."""


def word(code: int) -> str:
    """Return the name of a code.

    Examples:
        >>> word(20013), word(1)
        ('DRV_ERROR_ACK', 'code 1')
    """
    return _WORDS.get(code, f"code {code}")


class Sdk:
    """The C functions for one camera.

    Args:
        functions: the loaded library.
        where: the instrument's name in errors.
        handle: of the camera, as GetCameraHandle tells it.
    """

    def __init__(self, functions: Any, where: str, handle: int) -> None:
        self.functions = functions
        self.lock = _GUARD
        self._where, self._handle = where, handle

    def code(self, name: str, *arguments: Any) -> int:
        """Call a function and return its code."""
        with self.lock:
            chosen = int(self.functions.SetCurrentCamera(ctypes.c_int(self._handle)))
            if chosen != SUCCESS:
                raise self.error("SetCurrentCamera", chosen)
            return int(getattr(self.functions, name)(*arguments))

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that must succeed.

        Raises:
            CommunicationError: the camera is gone.
            HardwareFault: it refuses.
        """
        code = self.code(name, *arguments)
        if code != SUCCESS:
            raise self.error(name, code)

    def integer(self, name: str, *arguments: Any) -> int:
        """Call a function that writes an int behind its last pointer, and return that."""
        value = ctypes.c_int()
        self.call(name, *arguments, ctypes.byref(value))
        return value.value

    def error(self, name: str, code: int) -> InstrumentError:
        """Return the error that a code means."""
        if code in _GONE:
            return CommunicationError(
                f"{self._where}: {name} said {word(code)}; check power and cable of the camera and that no other "
                "program has it open, then open the instrument again"
            )
        return HardwareFault(f"{self._where}: {name} said {word(code)}; look it up in the manual of Andor's library")


def find_camera(library: str, serial: str, where: str) -> tuple[Sdk, str]:
    """Load the library and initialise the camera of a serial number; return it with its serial number.

    Args:
        library: file name or path of the shared library (.dll, .so), or the name of a Python module whose
            `load(serial)` returns an object with the C functions and with this camera alone.
        serial: serial number on the camera; empty for the first one that can be had.
        where: the instrument's name in errors.

    Raises:
        CommunicationError: no library, or no camera that can be had.
        IdentityError: cameras with other serial numbers.
    """
    try:
        functions, chosen = _load(library, serial)
    except (OSError, ImportError) as error:
        raise CommunicationError(
            f"{where}: Andor's library {library!r} cannot be loaded: {error}; install the Andor SDK (or Solis) and "
            "give its atmcd64d.dll or libandor.so with the path as `library`"
        ) from error
    others, refused = [], []
    for handle in _handles(functions, where):
        sdk = Sdk(functions, where, handle)
        code = sdk.code("Initialize", ctypes.c_char_p(_FILES))
        if code != SUCCESS:
            refused.append(word(code))
            continue
        found = str(sdk.integer("GetCameraSerialNumber"))
        if chosen or serial in ("", found):
            return sdk, serial or found
        others.append(found)
        sdk.code("ShutDown")
    if others:
        raise IdentityError(
            f"{where}: no camera of this serial number; connected: {', '.join(others)}; correct `serial` in the "
            "station file"
        )
    said = f" (Initialize said {', '.join(refused)})" if refused else ""
    raise CommunicationError(
        f"{where}: no camera can be had{said}; check its power and USB cable, and that neither Solis nor another "
        "program has it open"
    )


def _load(library: str, serial: str) -> tuple[Any, bool]:
    """Load the library, and return whether it was a module, which has found the camera by itself."""
    if library.lower().endswith((".dll", ".dylib")) or ".so" in library:
        if sys.platform == "win32":
            return ctypes.WinDLL(library), False
        return ctypes.CDLL(library), False
    return importlib.import_module(library).load(serial), True


def _handles(functions: Any, where: str) -> list[int]:
    """Return the handles of all cameras on the cables."""
    count = ctypes.c_int()
    code = int(functions.GetAvailableCameras(ctypes.byref(count)))
    if code != SUCCESS:
        raise Sdk(functions, where, 0).error("GetAvailableCameras", code)
    found = []
    for index in range(count.value):
        handle = ctypes.c_int()
        if int(functions.GetCameraHandle(ctypes.c_int(index), ctypes.byref(handle))) == SUCCESS:
            found.append(handle.value)
    return found
