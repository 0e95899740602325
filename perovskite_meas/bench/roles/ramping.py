"""Following a ramp: never waiting longer than a second, and stopping at the first sign of trouble."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...core.clock import Clock
from ...core.cryogenics import MagnetReading
from ...core.errors import HardwareFault
from ...core.units import show
from .ramp import Leg
from .supplies import Supply

POLL = 1.0
"""s; the longest wait between two looks at the supply."""
_IDLE = 5.0
"""s for which a supply may hold short of its target before it counts as stopped."""
_STALL = 15.0
"""s without progress, at least, before a ramp counts as stalled."""
_SLOWER = 1.25
"""How much longer than planned a ramp may take, beside the time-out."""
_FASTER = 2.0
"""How much faster than told the read-back may run."""


class Settling(NamedTuple):
    """When a field counts as reached."""

    tolerance: float
    """T."""
    seconds: float
    """For how long the read-back must be within."""
    samples: int
    """How many readings at least."""
    timeout: float
    """s, beyond the planned time of a ramp."""


class Follower:
    """Follows a supply to its targets.

    Args:
        supply: what is followed.
        clock: waits on it.
        settling: when a field is reached.
        label: name for messages.
    """

    def __init__(self, supply: Supply, clock: Clock, settling: Settling, label: str) -> None:
        self._supply = supply
        self._clock = clock
        self._settling = settling
        self._label = label

    def look(self, doing: str = "") -> MagnetReading:
        """Return field and state.

        Raises:
            HardwareFault: the supply reports a quench or a fault; nothing is reset here.
        """
        state = self._supply.state()
        field = self._supply.field()
        if state in ("quench", "fault"):
            what = "a quench" if state == "quench" else "a fault of its own"
            raise HardwareFault(
                f"{self._label}: the supply reports {what} at {show(field, 'T')}{doing}; nothing more is sent to it "
                "and nothing is reset: look at helium level, pressure and temperature, then reset it by hand"
            )
        return MagnetReading(field, state)

    def require_ready(self) -> MagnetReading:
        """Stop a ramp that somebody else began, and return where the coil stands.

        Raises:
            HardwareFault: a quench or a fault, a switch on its way, or a ramp that cannot be stopped.
        """
        found = self.look()
        if found.state == "switching":
            raise HardwareFault(
                f"{self._label}: the heater of the persistent switch is warming or cooling; wait until the supply says "
                "that it is done, then start again"
            )
        if found.state == "ramping":
            self._supply.hold()
            found = self.wait(lambda: self.look().state != "ramping", 10.0, "hold")
        return found

    def run(
        self,
        leg: Leg,
        start: Callable[[float, float], None],
        field: Callable[[], float] | None = None,
        switch: str = "holding",
    ) -> None:
        """Start a leg and wait until the supply stands at its end.

        Args:
            leg: where to.
            start: starts it; takes its target in T and its rate in T/s.
            field: what moves; the field of the coil by default.
            switch: state in which it ends.

        Raises:
            HardwareFault: quench, stop, stall, another speed or state than was asked for, or not there in time.
        """
        clock, tolerance = self._clock, self._settling.tolerance
        before = (field or self._supply.field)()
        start(leg.target, leg.rate)
        began = before_at = clock.now()
        progress, progress_at, idle_since = abs(leg.target - before), began, began
        doing = f" on the way to {show(leg.target, 'T')} at {leg.rate * 60:.3g} T/min"
        while True:
            clock.sleep(POLL)
            coil, state = self.look(doing)
            now, here = clock.now(), coil if field is None else field()
            left = abs(leg.target - here)
            if left <= tolerance and (state == switch or now - began > leg.seconds):
                self._supply.arrived()
                if self._supply.state() == switch:
                    return
            if state not in ("ramping", switch):
                raise HardwareFault(
                    f"{self._label}: became {state!r} at {show(here, 'T')}{doing}; see who else uses it"
                )
            if abs(here - before) > _FASTER * leg.rate * (now - before_at) + 4 * tolerance:
                raise HardwareFault(
                    f"{self._label}: the field went from {show(before, 'T')} to {show(here, 'T')} within "
                    f"{now - before_at:.2g} s{doing}: a quench, or a supply that does not do as told"
                )
            before, before_at = here, now
            if left < progress - tolerance:
                progress, progress_at = left, now
            idle_since = idle_since if state == switch and left > tolerance else now
            if now - idle_since > _IDLE:
                raise HardwareFault(
                    f"{self._label}: the supply says {state!r} at {show(here, 'T')}{doing}: somebody else has paused "
                    "it, or it stands at a limit of its own; look at its panel"
                )
            if left > tolerance and now - progress_at > max(_STALL, 5 * tolerance / leg.rate):
                raise HardwareFault(
                    f"{self._label}: the ramp has stalled at {show(here, 'T')}{doing}: no progress within "
                    f"{now - progress_at:.0f} s; look at voltage limit, current limit and switch heater"
                )
            if now - began > _SLOWER * leg.seconds + self._settling.timeout:
                raise HardwareFault(
                    f"{self._label}: only {show(here, 'T')} after {now - began:.0f} s{doing}, which was to take "
                    f"{leg.seconds:.0f} s; state a slower rate or a longer timeout"
                )

    def settle(self, target: float) -> MagnetReading:
        """Return the last of enough consecutive readings within the tolerance of `target`, the supply holding.

        Raises:
            HardwareFault: it did not settle in time.
        """
        settling, clock = self._settling, self._clock
        step = min(POLL, max(settling.seconds / settling.samples, 0.05))
        began = clock.now()
        since, count, farthest = began, 0, 0.0
        while True:
            found = self.look(f" while settling at {show(target, 'T')}")
            now = clock.now()
            if abs(found.field - target) < settling.tolerance and found.state == "holding":
                since, count = (now, 1) if count == 0 else (since, count + 1)
                if count >= settling.samples and now - since >= settling.seconds:
                    return found
            else:
                count, farthest = 0, max(farthest, abs(found.field - target))
            if now - began > settling.seconds + settling.timeout:
                raise HardwareFault(
                    f"{self._label}: did not settle at {show(target, 'T')} within {now - began:.0f} s: last "
                    f"{show(found.field, 'T')}, state {found.state!r}, up to {show(farthest, 'T')} off, but the "
                    f"tolerance is {show(settling.tolerance, 'T')} for {settling.seconds:g} s"
                )
            clock.sleep(step)

    def wait(self, until: Callable[[], bool], timeout: float, what: str) -> MagnetReading:
        """Wait until `until()` holds and return the reading then.

        Raises:
            HardwareFault: a quench or a fault meanwhile, or it did not hold in time.
        """
        began = self._clock.now()
        while True:
            found = self.look()
            if until():
                return found
            if self._clock.now() - began > timeout:
                raise HardwareFault(
                    f"{self._label}: did not {what} within {timeout:g} s; the supply says {found.state!r} at "
                    f"{show(found.field, 'T')}: look at its panel"
                )
            self._clock.sleep(POLL)
