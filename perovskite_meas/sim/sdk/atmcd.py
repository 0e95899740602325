"""Stand-in for Andor's shared library atmcd64d.dll (libandor.so): the camera of the virtual table.

`load(serial)` returns an object whose attributes are the C functions, called as through ctypes: pointers as `byref` or
arrays, a Python float only inside a `c_float`, codes as return values (20002 is DRV_SUCCESS). A function that this
stand-in has not raises AttributeError, as ctypes does.

Covered: finding, opening and identifying cameras; cooler and temperature; single scans, accumulation, kinetic series
and run till abort with full vertical binning; waiting, aborting and fetching; the internal trigger, and the external
one, which begins one exposure: a trigger that comes before that has been read out is missed. One gain, one shift speed,
no shutter. Post-processing, images and tracks answer DRV_NOT_SUPPORTED.

Source: names, arguments and codes as the free wrapper of qcodes_contrib_drivers uses and quotes them. Unverified
without hardware: the code when another program has the camera, the margins between the temperature codes, the codes
for frames that are not there, that an exposure begins with its trigger whatever the keep-clean cycle does, and times.

A serial number is the name of a virtual table, whose World has a part `camera`, or the path of its folder.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..clock import SimClock
from . import _atmcd_acquire, _atmcd_images, _atmcd_system  # noqa: F401 - they fill FUNCTIONS
from ._atmcd_calls import FUNCTIONS, Function
from ._atmcd_camera import Camera
from .laboratory import find, serials

__all__ = ["Library", "load"]

_PORT = "camera"


class Library:
    """The loaded library.

    Args:
        cameras: on the cable.
    """

    def __init__(self, cameras: list[Camera]) -> None:
        self.cameras = cameras
        self.current = 0

    @property
    def camera(self) -> Camera | None:
        """The one that functions mean; None if there is none."""
        return self.cameras[self.current] if self.cameras else None

    @property
    def clock(self) -> SimClock:
        """The simulated time; the vendor's library has no clock."""
        if not self.cameras:
            raise AttributeError("clock")
        return self.cameras[self.current].laboratory.clock

    def __getattr__(self, name: str) -> Any:
        if name not in FUNCTIONS:
            raise AttributeError(f"function {name!r} not found")
        function = Function(name, partial(self._call, name))
        setattr(self, name, function)
        return function

    def _call(self, name: str, *arguments: Any) -> int:
        if self.camera is None:
            return FUNCTIONS[name](self, *arguments)
        with self.camera.laboratory.world.lock:
            return FUNCTIONS[name](self, *arguments)


def load(serial: str = "") -> Library:
    """Load the library with the camera of one virtual table on the cable; of all packaged tables if not told."""
    found = [find(name, _PORT) for name in ([serial] if serial else serials(_PORT))]
    return Library([Camera(laboratory) for laboratory in found if laboratory is not None])
