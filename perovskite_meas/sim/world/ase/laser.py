"""What the laser's electronics can ask and set (port `laser`)."""

from __future__ import annotations

import threading
from typing import TypeVar

from ..ports import Diary
from ..timeline import History, Turn
from .sections import Laser as LaserSection
from .source import Source

Item = TypeVar("Item")


class Controls:
    """What can be set on laser and picker; t is clock time in s.

    Args:
        source: whose pulses they are.
        section: of the world file.
        diary: what light has seen already is not changed.
        lock: of the world.
    """

    def __init__(self, source: Source, section: LaserSection, diary: Diary, lock: threading.RLock) -> None:
        self._source, self._section, self._diary, self._lock = source, section, diary, lock

    def release(self, on: bool, t: float) -> None:
        """Have the picker let pulses out, or hold them, from `t` on."""
        self._put(self._source.released, bool(on), t)

    def emit(self, on: bool, t: float) -> None:
        """Switch the laser on or off at `t`."""
        self._put(self._source.emits, bool(on), t)

    def open(self, on: bool, t: float) -> None:
        """Open or close the laser's own shutter at `t`."""
        self._put(self._source.opened, bool(on), t)

    def lock(self, locked: bool, t: float) -> None:
        """Have the laser mode-locked, or not, from `t` on."""
        self._put(self._source.locked, bool(locked), t)

    def divide(self, n: int, t: float) -> None:
        """Have the picker let every n-th pulse through from `t` on."""
        self._put(self._source.divider, max(1, int(n)), t)

    def transmit(self, fraction: float, t: float) -> None:
        """Set the laser's own attenuator to this share from `t` on."""
        self._put(self._source.share, min(max(0.0, float(fraction)), 1.0), t)

    def tune(self, t0: float, nm0: float, t1: float, nm1: float) -> None:
        """Tune linearly from nm0 to nm1 during [t0, t1] and stay, within what it can; replaces later plans."""
        lowest, highest = self._section.shortest, self._section.longest
        begin, end = (min(max(float(nm), lowest), highest) for nm in (nm0, nm1))
        self._put(self._source.tuning, Turn(t0, begin, max(t0, t1), end), t0)

    def _put(self, history: History[Item], item: Item, t: float) -> None:
        with self._lock:
            history.put(max(t, self._diary.horizon), item)


class Laser(Controls):
    """A laser with its pulse picker; see `Controls`.

    Args:
        source: whose pulses they are.
        section: of the world file.
        duration: of this session's pulses, fs.
        diary: what light has seen already is not changed.
        lock: of the world.

    Attributes:
        base_rate: pulses per second before the picker, Hz.
        limits: shortest and longest wavelength, nm.
        duration: of a pulse, fs.
    """

    def __init__(
        self, source: Source, section: LaserSection, duration: float, diary: Diary, lock: threading.RLock
    ) -> None:
        super().__init__(source, section, diary, lock)
        self.base_rate, self.duration = section.repetition_rate, duration
        self.limits = section.shortest, section.longest

    def divider(self, t: float) -> int:
        """Return the picker's divider at `t`."""
        return self._at(self._source.divider, t)

    def rate(self, t: float) -> float:
        """Return the pulses per second that leave the picker at `t` if it releases them, Hz."""
        return self.base_rate / self.divider(t)

    def wavelength(self, t: float) -> float:
        """Return the wavelength at `t`, nm; it moves while the laser tunes."""
        return self._at(self._source.tuning, t).angle(t)

    def locked(self, t: float) -> bool:
        """Say whether the laser is mode-locked at `t`."""
        return self._at(self._source.locked, t)

    def watts(self, t: float) -> float:
        """Return the average power of the laser itself at `t`, before its attenuator and any picking, W."""
        return self._section.power if self._at(self._source.emits, t) else 0.0

    def transmission(self, t: float) -> float:
        """Return the share that its own attenuator lets through at `t`."""
        return self._at(self._source.share, t)

    def _at(self, history: History[Item], t: float) -> Item:
        with self._lock:
            return history.at(t)
