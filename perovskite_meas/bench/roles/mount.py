"""A motorised mount: homed before it is trusted, moved in the dark, checked where it arrived."""

from __future__ import annotations

from ...core.errors import HardwareFault
from ..attempt import attempt
from ..guard import Guard
from ..handle import Handle
from .homing import homing_of


class Mount:
    """Turns a rotation mount.

    Args:
        handle: its angle in deg.
        guard: knows whether it is dark.
        label: name for messages.
        tolerance: deg by which it may miss.
        backlash: deg by which it overshoots so as to arrive from the same side; 0 for none.
    """

    def __init__(self, handle: Handle, guard: Guard, label: str, tolerance: float, backlash: float = 0.0) -> None:
        self._handle = handle
        self._guard = guard
        self._label = label
        self._tolerance = tolerance
        self._backlash = backlash
        self._homed = False

    def turn(self, degrees: float) -> float:
        """Home if that was never done, turn to `degrees` and return the angle read back; only in the dark.

        Raises:
            UsageError: a shutter is open.
            HardwareFault: it did not arrive.
        """
        self._guard.require_dark(self._label)
        self._home()
        return self._go(degrees)

    def turn_anyway(self, degrees: float) -> float:
        """Turn to `degrees` even with light on, for the safe state; homes first only where it is dark."""
        if not self._homed and attempt(lambda: self._guard.require_dark(self._label)):
            self._home()
        return self._go(degrees)

    def _home(self) -> None:
        if self._homed:
            return
        home = homing_of(self._handle.owner)
        if home is not None:
            self._guard.power_is(None)
            home()
        self._homed = True

    def _go(self, degrees: float) -> float:
        target = degrees % 360.0
        self._guard.power_is(None)
        if self._backlash and _turn(target, float(self._handle.get())) < self._backlash:
            self._handle.set((target + self._backlash) % 360.0)
        self._handle.set(target)
        reached = float(self._handle.get())
        miss = _turn(target, reached)
        if not abs(miss) <= self._tolerance:
            raise HardwareFault(
                f"{self._label} was turned to {target:.3f} deg but stands at {reached:.3f} deg, more than "
                f"{self._tolerance:g} deg off: home it and look for a slipping plate (option `tolerance`)"
            )
        return reached


def _turn(start: float, end: float) -> float:
    """Return the turn from start to end, in deg, by the short way."""
    return (end - start + 180.0) % 360.0 - 180.0
