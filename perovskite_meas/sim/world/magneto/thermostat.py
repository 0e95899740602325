"""The cold finger: a temperature that settles, and what else warms the sample (port `cryostat`)."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perovskite_meas.core.errors import UsageError

from ..michelson.wander import Wander
from ..noise import Floats
from ..ports import Diary
from ..timeline import History

SENSORS = ("A", "B")
"""The sample's thermometer, the cold plate's."""


@dataclass(frozen=True)
class Cooling:
    """What the cryostat does.

    Attributes:
        base: where it starts, and the coldest it gets, K.
        hottest: K; a higher set point leads there.
        settling: time constant, s.
        gradient: by which the cold plate is colder than the sample, K.
        unrest: 1-sigma of slow fluctuations, K.
    """

    base: float = 4.0
    hottest: float = 325.0
    settling: float = 60.0
    gradient: float = 0.2
    unrest: float = 0.002


@dataclass(frozen=True)
class _Settling:
    since: float
    begin: float
    target: float

    def at(self, times: Floats, tau: float) -> Floats:
        found: Floats = self.target + (self.begin - self.target) * np.exp(-(times - self.since) / tau)
        return found


class Thermostat:
    """The sample's temperature.

    Args:
        start: clock time at which the world begins, s; it has settled at its base then.
        cooling: what it does.
        seed: of the world, for its unrest.
        diary: what light has seen already is not changed.
        lock: of the world.
        warming: what else warms the sample, (times) -> K, as `Coil.warming`; None for nothing.
    """

    def __init__(
        self,
        start: float,
        cooling: Cooling,
        seed: int,
        diary: Diary,
        lock: threading.RLock,
        warming: Callable[[Floats], Floats] | None = None,
    ) -> None:
        self._cooling, self._diary, self._lock, self._warming = cooling, diary, lock, warming
        self._plans = History(start, _Settling(start, cooling.base, cooling.base))
        self._unrest = Wander(seed, "cryostat", cooling.unrest, 30.0, start)

    def set(self, kelvin: float, t: float) -> None:
        """Head for `kelvin` from `t` on (clock time, s)."""
        c = self._cooling
        with self._lock:
            since = max(t, self._diary.horizon)
            here = float(self._plans.at(since).at(np.array([since]), c.settling)[0])
            target = math.nan if math.isnan(kelvin) else min(max(float(kelvin), c.base), c.hottest)
            if math.isnan(target):
                raise UsageError("a temperature that is not a number cannot be set")
            self._plans.put(since, _Settling(since, here, target))

    def kelvin(self, sensor: str, t: float) -> float:
        """Return what a thermometer has at `t` (clock time, s), K.

        Raises:
            UsageError: no such thermometer.
        """
        if sensor not in SENSORS:
            raise UsageError(f"the cryostat has thermometers A (sample) and B (cold plate), none called {sensor!r}")
        here = float(self.samples(np.array([t]))[0])
        return here if sensor == "A" else here - self._cooling.gradient

    def samples(self, times: Floats) -> Floats:
        """Return the sample's temperature at these clock times (s, sorted), K, shape (n,)."""
        found = np.empty(len(times))
        with self._lock:
            for here, plan in self._plans.slices(times):
                found[here] = plan.at(times[here], self._cooling.settling)
            found += self._unrest.at(times)
            if self._warming is not None:
                found += self._warming(times)
        return found
