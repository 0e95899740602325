"""The cryostat of this table: its thermometers read a little wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..noise import Floats
from ..ports import Diary
from .thermostat import Cooling, Thermostat


class ColdFinger(Thermostat):
    """A thermostat whose thermometers are off (port `cryostat`).

    Args:
        start: clock time at which the world begins, s.
        cooling: what it does.
        seed: of the world.
        diary: what light has seen already is not changed.
        lock: of the world.
        warming: what else warms the sample, (times) -> K.
        offsets: reading minus truth by thermometer, K.
    """

    def __init__(
        self,
        start: float,
        cooling: Cooling,
        seed: int,
        diary: Diary,
        lock: threading.RLock,
        warming: Callable[[Floats], Floats],
        offsets: dict[str, float],
    ) -> None:
        super().__init__(start, cooling, seed, diary, lock, warming)
        self._offsets = offsets

    def kelvin(self, sensor: str, t: float) -> float:
        """Return what a thermometer has at `t` (clock time, s), K.

        Raises:
            UsageError: no such thermometer.
        """
        return super().kelvin(sensor, t) + self._offsets.get(sensor, 0.0)
