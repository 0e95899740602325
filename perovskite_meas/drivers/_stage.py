"""What drivers of motor stages share: looking before a move, and after it."""

from __future__ import annotations

from collections.abc import Callable

from perovskite_meas.core.clock import Clock
from perovskite_meas.core.errors import UsageError

_SETTLING = 0.5
"""s after the end of a motion within which the position must be right."""


def refuse_beyond(where: str, mm: float, low: float, high: float) -> None:
    """Refuse a position beyond the soft limits of a controller.

    Raises:
        UsageError: it is; nothing was sent.
    """
    if not low <= mm <= high:
        raise UsageError(
            f"{where}: position {mm:g} mm refused; the controller's soft limits (SL, SR) allow {low:g} to {high:g} mm; "
            "ask for a position within, or set low_limit and high_limit if the stage can go there"
        )


def miss(clock: Clock, read: Callable[[], float], mm: float, tolerance: float, poll: float) -> str:
    """Say how a move to `mm` missed it after the time to settle; '' where it ended within `tolerance` (mm)."""
    reached, until = read(), clock.now() + _SETTLING
    while abs(reached - mm) > tolerance and clock.now() < until:
        clock.sleep(poll)
        reached = read()
    if abs(reached - mm) <= tolerance:
        return ""
    return (
        f"the move ended at {reached:.5f} mm, {reached - mm:+.5f} mm from {mm:g} mm, further than the tolerance of "
        f"{tolerance:g} mm"
    )
