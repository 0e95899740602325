"""The rate of a pulse picker: base rate over divider, or what the laser tells."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...core.errors import HardwareFault, ReplyError
from ...core.units import show
from ..handle import Handle

_AGREE = 0.02
"""Share by which the rate that the laser tells may differ from that of its divider."""
_ROUNDED = 1e-6
"""Share by which a rate that was asked for may be short of one that there is: 1 kHz / 3 is no round number."""


class PulseRate:
    """Reads and sets the pulses per second that leave the picker.

    Args:
        handles: by option of the role: `frequency`, `divider`, `base`.
        label: of the role, for messages.
        base_rate: Hz before the picker, where the laser does not tell.
        nominal: Hz, taken where nothing tells.
    """

    def __init__(self, handles: Mapping[str, Handle], label: str, base_rate: float | None, nominal: float) -> None:
        self._handles = handles
        self._label = label
        self._base_rate = base_rate
        self._nominal = nominal

    def read(self) -> float:
        """Return the rate in Hz; a laser whose pulses are held may tell 0 Hz, and the divider counts then.

        Raises:
            HardwareFault: laser and divider tell different rates.
        """
        told = float(self._handles["frequency"].get()) if "frequency" in self._handles else 0.0
        if "divider" not in self._handles:
            return told if told > 0 else self._nominal
        rate = self._base() / int(self._handles["divider"].get())
        if told > 0 and not abs(told / rate - 1) <= _AGREE:
            raise HardwareFault(
                f"{self._label}: the laser tells {show(told, 'Hz')} but base over divider is {show(rate, 'Hz')}; see "
                "to the trigger of the picker"
            )
        return rate

    def set(self, highest: float) -> float:
        """Let through the highest rate not above `highest` Hz and return it; without a divider it stays as it is.

        Raises:
            HardwareFault: the picker did not take the divider.
        """
        if "divider" not in self._handles:
            return self.read()
        divider, handle = divider_for(self._base(), highest), self._handles["divider"]
        handle.set(divider)
        found = int(handle.get())
        if found != divider:
            raise HardwareFault(
                f"{self._label}: {handle.name} was set to {divider} but reads {found}; see which dividers there are"
            )
        return self.read()

    def _base(self) -> float:
        if "base" not in self._handles:
            return float(self._base_rate or self._nominal)
        base = float(self._handles["base"].get())
        if not (math.isfinite(base) and base > 0):
            raise ReplyError(f"{self._label}: {self._handles['base'].name} reads {base:g} Hz, which is no rate")
        return base


def divider_for(base: float, highest: float) -> int:
    """Return the least whole number by which `base` has to be divided to be no higher than `highest`."""
    return max(1, math.ceil(base / highest * (1 - _ROUNDED)))
