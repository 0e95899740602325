"""Faults of a piezo controller and its actuator."""

from __future__ import annotations

from collections.abc import Callable

from .faults import Faults


class PiezoFaults(Faults):
    """Faults of the controller and of the actuator."""

    def __init__(self, changed: Callable[[], None], switch_off: Callable[[], None], power: Callable[[], None]) -> None:
        super().__init__()
        self.actuator_unplugged = False
        self.most: float | None = None
        self._changed, self._switch_off, self._power = changed, switch_off, power

    def unplug_actuator(self) -> None:
        """Pull the actuator's cable: the mirror goes where it is without voltage."""
        self.actuator_unplugged = True
        self._changed()

    def replug_actuator(self) -> None:
        """Put the actuator's cable back."""
        self.actuator_unplugged = False
        self._changed()

    def saturate(self, volts: float) -> None:
        """Let the output not go beyond `volts`, whatever is set."""
        self.most = volts
        self._changed()

    def recover(self) -> None:
        """Take away what loads the output."""
        self.most = None
        self._changed()

    def disable(self) -> None:
        """Press the button on the front: the output goes off."""
        self._switch_off()

    def reset(self) -> None:
        """Interrupt its power for a moment: 0 V, output off, waveform gone."""
        self._power()
