"""What moves inside an Acton SpectraPro: the wavelength drive, the turret with its gratings, and the exit mirror.

Source: public drivers of the SP-2xxx and SP-300i. Unverified against the manual: all speeds and durations, that the
greatest wavelength is 1400 nm for 1200 g/mm and goes with the inverse of the groove density, that the wavelength on the
dial stays when the grating changes, and that nothing else moves between `>NM` and MONO-STOP.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

FASTEST, SLOWEST = 2000.0, 0.01
"""nm/min that may be set for NM and >NM."""
_SLEW = 20.0
"""nm/s of GOTO."""
_SETTLING = 0.3
_CHANGE = 20.0
"""s that a change of the grating takes."""
_SWAP, _MIRROR = 5.0, 2.0
_PER_TURRET = 3
_TURRETS = 3
_RED_END = 1400.0 * 1200.0
"""nm times g/mm: where the drive ends."""


class RefusedError(Exception):
    """A command that the controller does not carry out."""


class Drive:
    """The moving parts; every method that moves returns when it will have finished, in s.

    Args:
        port: the World's port with `path(t0, nm0, t1, nm1)`, `nm(t)` and `grating(index, t)`.
        gratings: what is mounted, such as "1800 g/mm BLZ=  500NM"; places beyond are empty.
    """

    def __init__(self, port: Any, gratings: Sequence[str]) -> None:
        self._port = port
        self.gratings = list(gratings)
        self.grating = 1
        self.turret = 1
        self.rate = 100.0
        """nm/min of NM and >NM."""
        self.side = False
        """Whether the exit mirror sends the light to the side."""
        self.jammed = False
        """Every motion lasts for ever."""
        self.stalls = 0
        """Motions to come that end half way."""
        self.slips = 0
        """Changes of the grating to come that end at another one."""
        self._arrival: float | None = None
        self._started = 0.0
        """When `>NM` was given whose MONO-STOP has not come."""

    def dial(self, t: float) -> float:
        """Return the wavelength on the dial in nm."""
        return float(self._port.nm(t))

    def limit(self) -> float:
        """Return the greatest wavelength of the present grating in nm."""
        return _RED_END / float(_grooves(self.gratings[self.grating - 1]))

    def scan(self, nm: float, t: float) -> float:
        """Go at the set rate (NM)."""
        return self._go(nm, t, self.rate / 60)

    def slew(self, nm: float, t: float) -> float:
        """Go as fast as it can (GOTO)."""
        return self._go(nm, t, _SLEW)

    def start(self, nm: float, t: float) -> None:
        """Go at the set rate without anybody waiting (>NM)."""
        self._arrival, self._started = self.scan(nm, t), t

    def done(self, t: float) -> bool:
        """Return whether the motion that `start` began has come to its end; True without one."""
        return self._arrival is None or t >= self._arrival

    def stop(self, t: float) -> None:
        """End what `start` began, wherever it is (MONO-STOP)."""
        if self._arrival is not None and t < self._arrival:
            self._port.path(t, self.dial(t), t, self.dial(t))
        self._arrival = None

    def change(self, grating: int, t: float) -> float:
        """Turn to another grating; the dial stays where it is."""
        self._free()
        mounted = range(1, len(self.gratings) + 1)
        if grating not in mounted or (grating - 1) // _PER_TURRET + 1 != self.turret:
            raise RefusedError
        if self.slips and len(mounted) > 1:
            self.slips -= 1
            grating = grating % len(mounted) + 1
        return self._turn(grating, t, _CHANGE)

    def swap(self, turret: int, t: float) -> float:
        """Work with another turret, whose grating in the same place comes into the light."""
        self._free()
        grating = (turret - 1) * _PER_TURRET + (self.grating - 1) % _PER_TURRET + 1
        if not 1 <= turret <= _TURRETS or grating > len(self.gratings):
            raise RefusedError
        self.turret = turret
        return self._turn(grating, t, _SWAP)

    def flip(self, side: bool, t: float) -> float:
        """Turn the exit mirror."""
        until = t + (_MIRROR if side != self.side else 0.0)
        self.side = side
        return until

    def _turn(self, grating: int, t: float, seconds: float) -> float:
        if grating == self.grating:
            return t
        self.grating = grating
        until = math.inf if self.jammed else t + seconds
        if not self.jammed:
            self._port.grating(grating, until)
        return until

    def _go(self, nm: float, t: float, speed: float) -> float:
        self._free()
        if not 0 <= nm <= self.limit():
            raise RefusedError
        start, target = self.dial(t), round(nm, 3)
        if self.jammed:
            return math.inf
        if self.stalls:
            self.stalls -= 1
            target = round((start + target) / 2, 3)
        until = t + abs(target - start) / speed
        self._port.path(t, start, until, target)
        return until + _SETTLING

    def _free(self) -> None:
        if self._arrival is not None:
            raise RefusedError


def _grooves(grating: str) -> float:
    found = re.match(r"[\d.]+", grating)
    return float(found[0]) if found else 1200.0
