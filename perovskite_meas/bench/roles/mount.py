"""A motorised mount: homed before it is trusted, checked where it arrived, and moved in the dark where that matters."""

from __future__ import annotations

from ...core.errors import HardwareFault
from ..attempt import attempt
from ..guard import Guard
from ..handle import Handle
from .homing import homing_of


class Rotator:
    """Turns a rotation mount, whatever the light.

    Args:
        handle: its angle in deg.
        label: name for messages.
        tolerance: deg by which it may miss.
        backlash: deg by which it overshoots so as to arrive from the same side; 0 for none.
    """

    def __init__(self, handle: Handle, label: str, tolerance: float, backlash: float = 0.0) -> None:
        self._handle = handle
        self._label = label
        self._tolerance = tolerance
        self._backlash = backlash
        self.homed = False

    def home(self) -> None:
        """Home it, unless that was done or it does not need it."""
        if self.homed:
            return
        action = homing_of(self._handle.owner)
        if action is not None:
            self.about_to_move()
            action()
        self.homed = True

    def about_to_move(self) -> None:
        """Take note that it is about to move."""

    def go(self, degrees: float) -> float:
        """Turn to `degrees` and return the angle read back.

        Raises:
            HardwareFault: it did not arrive.
        """
        target = degrees % 360.0
        self.about_to_move()
        if self._backlash and turn_between(target, float(self._handle.get())) < self._backlash:
            self._handle.set((target + self._backlash) % 360.0)
        self._handle.set(target)
        reached = float(self._handle.get())
        miss = turn_between(target, reached)
        if not abs(miss) <= self._tolerance:
            raise HardwareFault(
                f"{self._label} was turned to {target:.3f} deg but stands at {reached:.3f} deg, more than "
                f"{self._tolerance:g} deg off: home it and look for a slipping plate (option `tolerance`)"
            )
        return reached


class Mount(Rotator):
    """Turns a rotation mount that sets the light on the sample.

    Args:
        handle: its angle in deg.
        guard: knows whether it is dark.
        label: name for messages.
        tolerance: deg by which it may miss.
        backlash: deg by which it overshoots so as to arrive from the same side; 0 for none.
    """

    def __init__(self, handle: Handle, guard: Guard, label: str, tolerance: float, backlash: float = 0.0) -> None:
        super().__init__(handle, label, tolerance, backlash)
        self._guard = guard

    def about_to_move(self) -> None:
        """Take note that the power is not known until it has arrived."""
        self._guard.power_is(None)

    def turn(self, degrees: float) -> float:
        """Home if that was never done, turn to `degrees` and return the angle read back; only in the dark.

        Raises:
            UsageError: a shutter is open.
            HardwareFault: it did not arrive.
        """
        self._guard.require_dark(self._label)
        self.home()
        return self.go(degrees)

    def turn_anyway(self, degrees: float) -> float:
        """Turn to `degrees` even with light on, for the safe state; homes first only where it is dark."""
        if not self.homed and attempt(lambda: self._guard.require_dark(self._label)):
            self.home()
        return self.go(degrees)


def turn_between(start: float, end: float) -> float:
    """Return the turn from start to end, in deg, by the short way."""
    return (end - start + 180.0) % 360.0 - 180.0
