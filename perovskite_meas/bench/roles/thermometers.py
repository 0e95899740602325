"""Thermometers and set points, of whatever make: what tells that a reading means nothing, what ramps a set point."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from ...core.clock import Clock
from ...core.errors import HardwareFault, ReplyError
from ..handle import Handle

_ABSURD = 1000.0
"""K; no cryostat is that warm."""
_BRIDGED_INPUT = re.compile(r"input_([A-D]\d?)_kelvin")
"""A channel of PyMeasure's `LakeShore3xx` behind the bridge."""
_STATUS_BITS = {
    1: "invalid reading",
    16: "under range",
    32: "over range",
    64: "sensor units zero",
    128: "sensor over range",
}
"""Of `RDGST?`: manuals of the Models 335 and 336, chapter 6."""
_STEP = 1.0
"""s between two steps of a set point that its instrument does not ramp itself."""


class Thermometer:
    """A parameter in K, and what its instrument says about the sensor.

    The status is that of QCoDeS' Lake Shore channels (`sensor_status`) or of PyMeasure's (`RDGST?`); of any other
    instrument only the number itself can be judged.

    Args:
        handle: the parameter.
        label: name for messages.
    """

    def __init__(self, handle: Handle, label: str) -> None:
        self._handle = handle
        self._label = label
        self._complaint = _complaint_of(handle)

    def read(self) -> float:
        """Return the temperature in K.

        Raises:
            HardwareFault: the instrument calls its sensor invalid, or the reading is none.
        """
        complaint = self._complaint()
        if complaint:
            raise HardwareFault(
                f"{self._label}: the instrument says {complaint!r} of the sensor behind {self._handle.name}: its "
                "reading means nothing; look at the sensor, its wires and its curve before any light or heat"
            )
        found = float(self._handle.get())
        if not (math.isfinite(found) and 0 < found < _ABSURD):
            raise HardwareFault(
                f"{self._label}: {self._handle.name} reads {found:g} K, which no sample has; see that the parameter is "
                "in K, and look at the sensor"
            )
        return found


def _complaint_of(handle: Handle) -> Callable[[], str]:
    owner: Any = handle.owner
    status = getattr(owner, "sensor_status", None)
    if callable(status):
        return lambda: "" if (said := str(status()).strip()) in ("OK", "0", "") else said
    bridged = _BRIDGED_INPUT.fullmatch(handle.name.rsplit(".", maxsplit=1)[-1])
    driver: Any = getattr(owner, "driver", None)
    if bridged is not None and hasattr(driver, "ask"):
        return lambda: _decoded(str(driver.ask(f"RDGST? {bridged[1]}")))
    return lambda: ""


def _decoded(reply: str) -> str:
    try:
        bits = int(reply.strip())
    except ValueError:
        raise ReplyError(f"RDGST? was answered {reply!r}; expected a number") from None
    return ", ".join(text for bit, text in _STATUS_BITS.items() if bits & bit)


class SetPoint:
    """A set point that changes no faster than its rate: by its instrument's own ramp, else step by step.

    Args:
        handle: the set point in K.
        clock: waits on it.
        rate: K/s.
    """

    def __init__(self, handle: Handle, clock: Clock, rate: float) -> None:
        self._handle = handle
        self._clock = clock
        self._rate = rate
        self._now_at: Callable[[], float] | None = None
        """What the set point is now, while it is on its way."""

    def go(self, here: float, target: float, each: Callable[[], object]) -> None:
        """Take the set point from `here` to `target`, both in K, and return when it is there.

        Args:
            here: temperature now; the set point starts there and not where somebody left it.
            target: where to.
            each: called every second on the way.
        """
        seconds = abs(target - here) / self._rate
        start = self._clock.now()

        def share() -> float:
            return min((self._clock.now() - start) / seconds, 1.0) if seconds else 1.0

        self._now_at = lambda: here + (target - here) * share()
        own = self._own_ramp()
        if own is not None:
            rate, enabled = own
            enabled(False)
            self._handle.set(here)
            rate(self._rate * 60)
            enabled(True)
            self._handle.set(target)
        while share() < 1.0:
            if own is None:
                self._handle.set(self._now_at())
            each()
            self._clock.sleep(min(_STEP, (1 - share()) * seconds))
        if own is None:
            self._handle.set(target)
        self._now_at = None

    def stop(self) -> None:
        """Stay where the set point is now, if on the way somewhere; no thermometer is asked for that."""
        if self._now_at is not None:
            self._handle.set(self._now_at())
            self._now_at = None

    def _own_ramp(self) -> tuple[Any, Any] | None:
        """Return rate (K/min) and switch of the instrument's own ramp, as QCoDeS' Lake Shore outputs have them."""
        owner: Any = self._handle.owner
        rate, enabled = (getattr(owner, name, None) for name in ("setpoint_ramp_rate", "setpoint_ramp_enabled"))
        return (rate, enabled) if callable(rate) and callable(enabled) else None
