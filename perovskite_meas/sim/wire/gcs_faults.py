"""Faults of the simulated PI controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .faults import Faults

if TYPE_CHECKING:
    from .gcs import GcsController
    from .gcs_motor import MotorController
    from .gcs_piezo import PiezoController


class GcsFaults(Faults):
    """Faults of the line and of the controller on it."""

    def __init__(self, device: GcsController) -> None:
        super().__init__()
        self._device = device
        self.stalls = 0

    def stall(self, n: int = 1) -> None:
        """Let the next `n` moves end half way, never on target."""
        self.stalls += n

    def servo_off(self) -> None:
        """Switch the servo off, as the controller does after a motion error."""
        self._device.drop_servo()

    def reset(self) -> None:
        """Restart the controller: servo off, reference and tables lost, outputs still, replies lost."""
        self._device.clear()
        self._device.restart()


class PiezoFaults(GcsFaults):
    """Faults of a piezo controller."""

    _device: PiezoController

    def overflow(self, reach: float | None = None) -> None:
        """Let the piezo voltage reach its end at `reach` um, by default in the middle of the travel."""
        low, high = self._device.travel
        self._device.reach = (low + high) / 2 if reach is None else reach

    def relieve(self) -> None:
        """Give the piezo its whole travel back."""
        self._device.reach = float("inf")


class MotorFaults(GcsFaults):
    """Faults of a motor controller."""

    _device: MotorController

    def unreference(self) -> None:
        """Forget the reference, as a lost encoder signal makes it."""
        self._device.referenced_at = float("inf")
