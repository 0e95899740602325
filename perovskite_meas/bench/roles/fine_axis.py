"""The fine axis of a delay line: small moves about its middle, and fast ramps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.clock import Clock
from ...core.errors import HardwareFault, UsageError
from ...core.ramp import Ramp
from ..attempt import Bracket, finish
from ..calibrations import DelayCalibration
from ..handle import Handle
from .running_ramp import RampOnAxis

Refuse = Callable[[str, float, str], None]
"""Takes what is asked beyond its range, how far that is, and the text; raises, but in a dry run."""


class FineAxis:
    """Moves in um of mirror travel from the middle of its range, whatever its own unit.

    Args:
        handles: 'fine', and where there are such 'ramp', 'ramping', 'recorded', 'servo', 'overflow'.
        options: fine_range (low, high, unit), fine_settle (s), fine_tolerance (um).
        calibration: returns the calibration as it stands now.
        clock: waits on it.
        label: name for messages.
        refuse: takes what is asked beyond the range.
    """

    def __init__(
        self,
        handles: Mapping[str, Handle],
        options: Mapping[str, Any],
        calibration: Callable[[], DelayCalibration],
        clock: Clock,
        label: str,
        refuse: Refuse,
    ) -> None:
        self._handles = handles
        self._low: float
        self._high: float
        self._low, self._high, self._unit = options["fine_range"]
        self._settle: float = options["fine_settle"]
        self._tolerance: float = options["fine_tolerance"]
        self._calibration = calibration
        self._clock = clock
        self._label = label
        self._refuse = refuse
        self._running = False
        self._at: float | None = None
        self._endings = {"the ramp could not be stopped": self.stop, "the fine axis did not return": self.to_middle}

    @property
    def span(self) -> float:
        """How far the mirror can travel, in um."""
        return (self._high - self._low) * abs(self._scale)

    def begin(self) -> None:
        """Stop what runs, close the servo loop where it is open, and go to the middle."""
        servo = self._handles.get("servo")
        if servo is not None and not servo.get():
            self.stop()  # no controller closes its loop under a wave
            servo.set(True)
        self.rest()

    def rest(self) -> None:
        """Stop a ramp and go to the middle, each whatever becomes of the other."""
        self._at = None
        finish(self._endings)

    def to_middle(self) -> None:
        """Go to the middle, unless it is there already."""
        if self._at != 0.0:
            self._go(0.0)

    def to(self, um: float) -> None:
        """Go to `um` from the middle and check that it has arrived.

        Raises:
            UsageError: outside the range, or a ramp runs; nothing has moved.
            HardwareFault: it did not arrive.
        """
        self.require_still()
        if not abs(um) <= self.span / 2 * (1 + 1e-9):
            half = self.span / 2
            self._refuse(
                "fine travel", abs(um),
                f"{self._label}: the fine axis cannot go {um:.4g} um from the middle of its range, only "
                f"{-half:.4g} um to {half:.4g} um (fine_range {self._low:g} to {self._high:g} {self._unit}); "
                "ask for less travel and let the coarse axis do the rest",
            )  # fmt: skip
        self._go(um)

    def read(self) -> float:
        """Return the mirror travel from the middle, in um."""
        return (float(self._handles["fine"].get()) - self._middle) * self._scale

    def require_still(self) -> None:
        """Refuse to move anything while a ramp runs.

        Raises:
            UsageError: it does.
        """
        if self._running:
            raise UsageError(f"{self._label}: a ramp is running; end its `with` block before anything else moves")

    def ramping(self, um: float, forward: float, back: float) -> Bracket[RampOnAxis]:
        """Return the `with` block of a ramp over `um` about the middle.

        Raises:
            UsageError: there is no ramp, another one runs, or it would go beyond the range; nothing has moved.
        """
        if not {"ramp", "ramping"} <= set(self._handles):
            raise UsageError(
                f"{self._label}: the bench names no ramp of the fine axis; state `ramp` and `ramping` at this role, "
                "or scan the fringes in steps"
            )
        self.require_still()
        if not 0 < um <= self.span * (1 + 1e-9):
            self._refuse(
                "fine travel", um / 2,
                f"{self._label}: a ramp over {um:.4g} um does not fit into the {self.span:.4g} um of the fine axis "
                f"(fine_range {self._low:g} to {self._high:g} {self._unit}); ask for fewer fringes",
            )  # fmt: skip
        half = um / 2 / abs(self._scale)
        ramp = Ramp(self._middle - half, self._middle + half, forward, back)
        return Bracket(lambda: self.start(ramp), self._endings, check=self.require_still)

    def start(self, ramp: Ramp) -> RampOnAxis:
        """Run a ramp; for its `with` block only."""
        self.check_state()
        self._running, self._at = True, None
        self._handles["ramp"].set(ramp)
        kept = self._handles["ramp"].get()
        self._handles["ramping"].set(True)
        record = self._handles.get("recorded")
        return RampOnAxis(self, kept if isinstance(kept, Ramp) else ramp, record, self._clock, self._label)

    def stop(self) -> None:
        """Stop whatever ramp runs.

        Raises:
            HardwareFault: it runs on.
        """
        handle = self._handles.get("ramping")
        if handle is not None:
            if self._running or handle.get():
                self._at = None
                handle.set(False)
            if handle.get():
                raise HardwareFault(
                    f"{self._label}: the ramp of {handle.name} was told to stop but still runs; stop it at the "
                    "controller before anything is measured"
                )
        self._running = False

    def check_state(self) -> None:
        """See that the controller holds the axis.

        Raises:
            HardwareFault: its servo loop is open, or its amplifier at its limit.
        """
        servo, overflow = self._handles.get("servo"), self._handles.get("overflow")
        if servo is not None and not servo.get():
            raise HardwareFault(
                f"{self._label}: {servo.name} is off, so the fine axis goes where hysteresis takes it; "
                "switch the servo loop on (or do not name `servo` for an open-loop axis)"
            )
        if overflow is not None and overflow.get():
            raise HardwareFault(
                f"{self._label}: {overflow.name} says that the amplifier is at its limit, so the axis does not follow; "
                "zero it at the controller, take load off, or narrow fine_range"
            )

    def um(self, own: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return mirror travel from the middle, in um, for positions in the axis's own unit."""
        return (own - self._middle) * self._scale

    def _go(self, um: float) -> None:
        target = self._middle + um / self._scale
        self._at = None
        self._handles["fine"].set(target)
        self._clock.sleep(self._settle)
        self.check_state()
        reached = self.read()
        if not abs(reached - um) <= self._tolerance:
            raise HardwareFault(
                f"{self._label}: the fine axis was sent {um:.4g} um from its middle ({target:.6g} {self._unit}) but "
                f"stands at {reached:.4g} um, more than {self._tolerance:g} um off (option `fine_tolerance`): see that "
                "its servo is on, that nothing blocks it, and that it has settled (option `fine_settle`)"
            )
        self._at = um

    @property
    def _middle(self) -> float:
        return (self._low + self._high) / 2

    @property
    def _scale(self) -> float:
        return self._calibration().fine_scale[0]
