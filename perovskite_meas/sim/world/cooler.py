"""The cooler of a camera's sensor."""

from __future__ import annotations

import math
import threading

from .timeline import History

ROOM = 20.0
"""degC of a sensor that is not cooled."""
COLDEST = -95.0
"""degC that the cooler reaches."""
_COOLING = 60.0
"""s: time constant of the cooler."""


class Cooled:
    """Something with a sensor that can be cooled.

    Args:
        start: clock time at which the world begins, s; the sensor is as warm as the room then.
        lock: of the world.
    """

    def __init__(self, start: float, lock: threading.RLock) -> None:
        self._targets = History(start, (start, ROOM, ROOM))
        self._lock = lock

    def cool(self, celsius: float | None, t: float) -> None:
        """Head for this sensor temperature from `t` on (clock time, s); None switches the cooler off."""
        with self._lock:
            target = ROOM if celsius is None else min(max(float(celsius), COLDEST), ROOM)
            self._targets.put(t, (t, self.celsius(t), target))

    def celsius(self, t: float) -> float:
        """Return the temperature of the sensor at `t`, degC."""
        with self._lock:
            since, begin, target = self._targets.at(t)
            return target + (begin - target) * math.exp(-max(0.0, t - since) / _COOLING)
