"""The laboratory that a serial number means, and who has its time tagger open."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pyvisa

from ...core.errors import UsageError
from ...core.tables import tables_folder
from ..clock import SimClock
from .faults import TaggerFaults

PORT = "tagger"
"""The World's part that a time tagger is connected to."""


class Bay:
    """The place of the time tagger in one World: its faults and its owner."""

    def __init__(self, clock: SimClock) -> None:
        self.faults = TaggerFaults(clock)
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


_bays: weakref.WeakKeyDictionary[Any, Bay] = weakref.WeakKeyDictionary()


class Laboratory:
    """The virtual laboratory behind a serial number, whose World is asked for anew at each use.

    Args:
        serial: name of a virtual table, or the path of a folder that holds a world.yaml.

    Raises:
        UsageError: no such table, or one without a time tagger.
    """

    def __init__(self, serial: str) -> None:
        self.serial = serial
        self._manager = pyvisa.ResourceManager(f"{serial}@twin")
        self.world.port(PORT)

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
    def bay(self) -> Bay:
        """The place of the time tagger in the present World."""
        world = self.world
        with world.lock:
            if world not in _bays:
                _bays[world] = Bay(world.clock)
            return _bays[world]


def find(serial: str) -> Laboratory | None:
    """Return the laboratory of a serial number, or None where that is no table with a time tagger."""
    try:
        return Laboratory(serial)
    except UsageError:
        return None


def serials() -> list[str]:
    """Return the serial numbers that a vendor's scan finds: the packaged virtual tables with a time tagger."""
    names = sorted(path.parent.name for path in Path(tables_folder()).glob("*/world.yaml"))
    return [name for name in names if find(name) is not None]


def faults_of(serial: str) -> TaggerFaults:
    """Return the faults of the time tagger of a laboratory, for tests and demonstrations.

    Raises:
        UsageError: no such table, or one without a time tagger.
    """
    return Laboratory(serial).bay.faults
