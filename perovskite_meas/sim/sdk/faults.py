"""What can go wrong with one time tagger, now or at some later moment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..clock import SimClock


class TaggerFaults:
    """The faults of the time tagger of one World; a new World starts without any.

    Attributes:
        unplugged: nothing comes any more.
        busy: another program has it open.
        no_licence: the vendor's module refuses to open it.
        sync_lost: no laser pulse reaches the sync input.
        dead: detector inputs, counted from 0, at which nothing arrives.
        throughput: events per second that reach the computer without loss; None for the device's own limit.
    """

    def __init__(self, clock: SimClock) -> None:
        self.unplugged = False
        self.busy = False
        self.no_licence = False
        self.sync_lost = False
        self.dead: set[int] = set()
        self.throughput: float | None = None
        self._clock = clock
        self._overflows = 0
        self._armed: list[tuple[float, Callable[[], object]]] = []

    def unplug(self) -> None:
        """Pull the cable."""
        self.unplugged = True

    def lose_sync(self) -> None:
        """Take the laser's signal off the sync input."""
        self.sync_lost = True

    def kill_input(self, number: int) -> None:
        """Take the detector off an input, counted from 0."""
        self.dead.add(number)

    def overflow(self) -> None:
        """Let the buffer in the device run over once, in the next piece of the stream."""
        self._overflows += 1

    def clear(self) -> None:
        """Repair everything, also what was only armed."""
        self.unplugged = self.busy = self.no_licence = self.sync_lost = False
        self.dead.clear()
        self.throughput = None
        self._overflows = 0
        self._armed.clear()

    def after(self, seconds: float) -> Later:
        """Return a stand-in for these faults whose methods strike `seconds` of simulated time from now."""
        return Later(self, self._clock.now() + seconds)

    def arm(self, moment: float, strike: Callable[[], object]) -> None:
        """Call `strike` when the stream reaches the simulated time `moment` in s."""
        self._armed.append((moment, strike))

    def due(self, moment: float) -> float | None:
        """Return the first moment up to `moment` at which something strikes; None if nothing does."""
        return min((at for at, _ in self._armed if at <= moment), default=None)

    def strike(self, moment: float) -> None:
        """Let everything happen that is armed for a time up to `moment`."""
        now = [strike for at, strike in self._armed if at <= moment]
        self._armed = [armed for armed in self._armed if armed[0] > moment]
        for one in now:
            one()

    def take_overflow(self) -> bool:
        """Return whether this piece of the stream overflows; each `overflow()` counts once."""
        if not self._overflows:
            return False
        self._overflows -= 1
        return True


class Later:
    """The methods of some TaggerFaults, put off to a moment."""

    def __init__(self, faults: TaggerFaults, moment: float) -> None:
        self._faults, self._moment = faults, moment

    def __getattr__(self, name: str) -> Callable[..., None]:
        strike = getattr(self._faults, name)

        def put_off(*args: Any) -> None:
            self._faults.arm(self._moment, partial(strike, *args))

        return put_off
