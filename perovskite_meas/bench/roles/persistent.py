"""The persistent switch of a magnet, by a stated policy: never | allowed | park."""

from __future__ import annotations

from typing import NamedTuple

from ...core.clock import Clock
from ...core.cryogenics import MagnetReading
from ...core.errors import HardwareFault, UsageError
from ...core.units import show
from .ramp import Leg
from .ramping import POLL, Follower
from .supplies import Supply

POLICIES = ("never", "allowed", "park")
_PATIENCE = 30.0
"""s that a switch may take beyond its time."""


class Policy(NamedTuple):
    """What the bench says of the switch."""

    word: str
    """'never' leaves it alone, 'allowed' opens it where that is needed, 'park' also closes it after every ramp."""
    leads_rate: float
    """T/s, of the leads alone; 0 where not stated."""
    heat_time: float
    """s until the switch is open."""
    cool_time: float
    """s until it is superconducting."""
    match: float
    """T by which the current in the leads may miss that of the coil."""


class PersistentSwitch:
    """Opens the switch before a ramp and closes it afterwards, as the policy says.

    Opened only with the leads at the coil's current (else the magnet quenches); after the heater each time the
    stated time passes and the supply must say what it then is; the leads go down at their own stated rate.

    Args:
        supply: of the magnet.
        follower: watches it.
        policy: what may be done.
        clock: waits on it.
        label: name for messages.
    """

    def __init__(self, supply: Supply, follower: Follower, policy: Policy, clock: Clock, label: str) -> None:
        self._supply = supply
        self._follower = follower
        self._policy = policy
        self._clock = clock
        self._label = label

    def check(self, found: MagnetReading) -> None:
        """Refuse a persistent coil where the policy is `never`.

        Raises:
            UsageError: it is.
        """
        if found.state == "persistent" and self._policy.word == "never":
            raise UsageError(
                f"{self._label}: the magnet is persistent at {show(found.field, 'T')} (its switch is cold), and the "
                "bench says persistent: never; bring it out of persistent mode by hand, or state persistent: allowed "
                "(switch: false where the coil has no switch)"
            )

    def open(self, coil: float) -> None:
        """Make the coil, found persistent at `coil` T, follow the supply.

        Raises:
            HardwareFault: leads and coil do not match, or the switch does not open.
        """
        self._leads_to(coil)
        found = self._supply.leads()
        if not abs(found - coil) <= self._policy.match:
            raise HardwareFault(
                f"{self._label}: the leads stand at {show(found, 'T')} but the coil at {show(coil, 'T')}, more than "
                f"{show(self._policy.match, 'T')} apart; the switch is not heated: match them by hand"
            )
        self._supply.heat(True)
        self._pass("heat", self._policy.heat_time, "holding")
        now = self._supply.field()
        if not abs(now - coil) <= 5 * self._policy.match:
            raise HardwareFault(
                f"{self._label}: the coil went from {show(coil, 'T')} to {show(now, 'T')} as its switch opened; see "
                "that the supply keeps the right field for persistent mode"
            )

    def close(self) -> None:
        """Make the coil persistent and take the current out of the leads, where the policy is `park`.

        Raises:
            HardwareFault: the switch does not close, or the leads do not go down.
        """
        if self._policy.word != "park":
            return
        self._supply.heat(False)
        self._pass("cool", self._policy.cool_time, "persistent")
        self._leads_to(0.0)

    def _pass(self, what: str, seconds: float, state: str) -> None:
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            self._follower.look(f" while the switch is to {what}")
            self._clock.sleep(min(POLL, left))
        self._follower.wait(lambda: self._supply.state() == state, _PATIENCE, f"{what} its persistent switch")

    def _leads_to(self, tesla: float) -> None:
        way = abs(tesla - self._supply.leads())
        if way <= self._policy.match:
            return
        leg = Leg(tesla, self._policy.leads_rate, way)
        self._follower.run(leg, self._supply.start_leads, self._supply.leads, "persistent")
