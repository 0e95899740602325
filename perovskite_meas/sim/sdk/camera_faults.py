"""What can go wrong with one camera or small spectrometer, now or after some simulated seconds."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import SimClock


class CameraFaults:
    """The faults of the camera of one World; a new World starts without any.

    Attributes:
        unplugged: nothing answers any more.
        busy: another program has it open.
        cooler_broken: the cooler can be switched on, but nothing gets cold.
        endless: an exposure that begins now never comes to its end.
        flooded: so much light that every pixel is at full scale.
    """

    def __init__(self, clock: SimClock) -> None:
        self._unplugged = self._endless = False
        self.busy = self.cooler_broken = self.flooded = False
        self._clock = clock
        self._armed: list[tuple[float, Callable[[], None]]] = []

    def unplug(self, after: float = 0.0) -> None:
        """Pull the cable, in so many seconds."""
        self._arm(after, lambda: setattr(self, "_unplugged", True))

    def hang(self, after: float = 0.0) -> None:
        """Have exposures never end, from so many seconds on."""
        self._arm(after, lambda: setattr(self, "_endless", True))

    def clear(self) -> None:
        """Repair everything, also what was only armed."""
        self._unplugged = self._endless = self.busy = self.cooler_broken = self.flooded = False
        self._armed.clear()

    @property
    def unplugged(self) -> bool:
        """Whether the cable is out."""
        self._strike()
        return self._unplugged

    @property
    def endless(self) -> bool:
        """Whether exposures do not end."""
        self._strike()
        return self._endless

    def _arm(self, after: float, strike: Callable[[], None]) -> None:
        self._armed.append((self._clock.now() + after, strike))
        self._strike()

    def _strike(self) -> None:
        now = self._clock.now()
        due = [strike for at, strike in self._armed if at <= now]
        self._armed = [armed for armed in self._armed if armed[0] > now]
        for one in due:
            one()
