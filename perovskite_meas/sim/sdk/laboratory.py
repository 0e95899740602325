"""The laboratory that a serial number means, and who has its time tagger, camera or spectrometer open."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, overload

import pyvisa

from ...core.errors import UsageError
from ...core.tables import tables_folder
from ..clock import SimClock
from .camera_faults import CameraFaults
from .faults import TaggerFaults

PORT = "tagger"
"""The World's part that a time tagger is connected to."""
_FAULTS: dict[str, Callable[[SimClock], Any]] = {PORT: TaggerFaults, "camera": CameraFaults, "ocean": CameraFaults}
"""Part that a vendor's module is connected to -> what can go wrong with the instrument there."""


class Bay:
    """The place of an instrument in one World: its faults and its owner."""

    def __init__(self, clock: SimClock, port: str = PORT) -> None:
        self.faults = _FAULTS[port](clock)
        self._owner: weakref.ref[Any] | None = None

    def take(self, owner: object) -> bool:
        """Let `owner` have the device; False if somebody else has it."""
        if self.faults.busy or self._holder() not in (None, owner):
            return False
        self._owner = weakref.ref(owner)
        return True

    def give_back(self, owner: object) -> None:
        """Free the device if `owner` has it."""
        if self._holder() is owner:
            self._owner = None

    @property
    def taken(self) -> bool:
        """Whether anybody has the device open."""
        return self.faults.busy or self._holder() is not None

    def _holder(self) -> object | None:
        return None if self._owner is None else self._owner()


_bays: weakref.WeakKeyDictionary[Any, dict[str, Bay]] = weakref.WeakKeyDictionary()


class Laboratory:
    """The virtual laboratory behind a serial number, whose World is asked for anew at each use.

    Args:
        serial: name of a virtual table, or the path of a folder that holds a world.yaml.
        port: the part that the instrument is connected to.

    Raises:
        UsageError: no such table, or one without this part.
    """

    def __init__(self, serial: str, port: str = PORT) -> None:
        self.serial = serial
        self._port = port
        self._manager = pyvisa.ResourceManager(f"{serial}@twin")
        self.world.port(port)

    @property
    def world(self) -> Any:
        """The World of this moment; a reset of the laboratory makes another."""
        library: Any = self._manager.visalib
        return library.world

    @property
    def clock(self) -> SimClock:
        """The simulated time."""
        clock: SimClock = self.world.clock
        return clock

    @property
    def port(self) -> Any:
        """The part of the present World."""
        return self.world.port(self._port)

    @property
    def bay(self) -> Bay:
        """The place of the instrument in the present World."""
        world = self.world
        with world.lock:
            bays = _bays.setdefault(world, {})
            if self._port not in bays:
                bays[self._port] = Bay(world.clock, self._port)
            return bays[self._port]


def find(serial: str, port: str = PORT) -> Laboratory | None:
    """Return the laboratory of a serial number, or None where that is no table with this part."""
    try:
        return Laboratory(serial, port)
    except UsageError:
        return None


def serials(port: str = PORT) -> list[str]:
    """Return the serial numbers that a vendor's scan finds: the packaged virtual tables with this part."""
    names = sorted(path.parent.name for path in Path(tables_folder()).glob("*/world.yaml"))
    return [name for name in names if find(name, port) is not None]


@overload
def faults_of(serial: str, port: Literal["tagger"] = "tagger") -> TaggerFaults: ...


@overload
def faults_of(serial: str, port: Literal["camera", "ocean"]) -> CameraFaults: ...


def faults_of(serial: str, port: str = PORT) -> TaggerFaults | CameraFaults:
    """Return the faults of the instrument at a part of a laboratory, for tests and demonstrations.

    Raises:
        UsageError: no such table, or one without this part.
    """
    found: TaggerFaults | CameraFaults = Laboratory(serial, port).bay.faults
    return found
