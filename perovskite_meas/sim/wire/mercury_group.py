"""One axis of an Oxford Instruments Mercury iPS: what it does with its current and its switch.

Unverified against the manual: that a finished ramp reads HOLD, that no ramp starts while the switch turns, that
the switch heater is denied for leads that do not match (SWHN forces it), what a quench leaves, and the limits.
"""

from __future__ import annotations

from .magnet_circuit import Circuit, Track
from .stage import finite

_MATCHED = 0.005
"""Difference between leads and persistent current, over the rated current, that the switch heater is allowed at."""
_QUENCH_BIT = 0x100
_SLOWEST, _FASTEST = 1e-5, 10.0
"""T/min; less is no ramp at all."""


class DeniedError(Exception):
    """The instrument does not do that in its state."""


class Spare:
    """A coil that nobody looks at, as a port of the World; no field when the power comes on."""

    def __init__(self, now: float) -> None:
        self._track = Track(now, 0.0)

    def path(self, t0: float, tesla0: float, t1: float, tesla1: float) -> None:
        """Ramp linearly during [t0, t1] (s) and stay."""
        self._track.plan([(t0, tesla0), (t1, tesla1)])

    def nominal(self, t: float) -> float:
        """Return the field at `t`, in T."""
        return self._track.at(t)


class Group:
    """Ramps and switches of one axis.

    Args:
        circuit: leads, coil and switch.
        inductance: of the coil, H.
        times: in which the switch warms and cools, s.
        now: when the power comes on, s.
    """

    def __init__(self, circuit: Circuit, inductance: float, times: tuple[float, float], now: float) -> None:
        self.circuit = circuit
        self._inductance = inductance
        self._times = times
        self._now = now
        self._action = "CLMP"
        self._target = 0.0
        self._rate = 0.2 / 60.0 / circuit.constant
        self._heater = False
        self._kept = circuit.coil(now) if circuit.switch else 0.0
        self.quenched = False
        self.heater_works = True
        self.ramps_allowed = True

    def settle(self, now: float) -> None:
        """Let happen what was bound to happen by `now`: a switch that has changed, the end of a ramp, a quench."""
        self._now = now
        self.circuit.settle(now)
        if self._action in ("RTOS", "RTOZ") and now >= self.circuit.leads.end:
            self._action = "HOLD"
        if now >= self.circuit.quenching and not self.quenched:
            self.quenched, self._action, self._kept = True, "CLMP", 0.0

    def forgive(self) -> None:
        """Take the quench for seen."""
        self.quenched = False
        self.circuit.forgive()

    def park(self) -> None:
        """Be as after somebody left the magnet persistent at its present field."""
        self._kept = self.circuit.coil(self._now)
        self.circuit.leave_persistent(self._now)
        self._heater, self._action = False, "HOLD"

    def read(self, noun: str) -> str | None:
        """Return a reading or a setting with its unit; None if there is none of this name."""
        if noun in (values := self._values()):
            value, unit = values[noun]
            return f"{value:.4f}{unit}"
        heater = "ON" if self._heater else "OFF"
        return {
            "SIG:SWHT": heater,
            "SIG:SWHN": heater,
            "SWPR": "ON" if self.circuit.switch else "OFF",
            "ACTN": self._action,
            "STAT": f"{_QUENCH_BIT * self.quenched:08X}",
        }.get(noun)

    def value(self, noun: str) -> float:
        """Return a reading or a setting as a number."""
        return self._values()[noun][0]

    def set(self, noun: str, value: str) -> bool:
        """Change a setting or start an action; False if there is none of this name.

        Raises:
            ValueError: not a value for it.
            DeniedError: not now.
        """
        constant, limit = self.circuit.constant, self.circuit.rated * (1 + 1e-9)
        if noun in ("SIG:FSET", "SIG:CSET"):
            self._target = _within(finite(value) / (constant if noun == "SIG:FSET" else 1.0), -limit, limit)
            if self._action == "RTOS":
                self._act("RTOS")
        elif noun in ("SIG:RFST", "SIG:RCST"):
            per_minute = finite(value) * (1.0 if noun == "SIG:RFST" else constant)
            self._rate = _within(per_minute, 0.0, _FASTEST) / 60.0 / constant * (per_minute >= _SLOWEST)
            if self._action in ("RTOS", "RTOZ"):
                self._act(self._action)
        elif noun == "ACTN":
            self._act(value)
        elif noun in ("SIG:SWHT", "SIG:SWHN"):
            self._turn_switch({"ON": True, "OFF": False}.get(value), forced=noun == "SIG:SWHN")
        else:
            return False
        return True

    def _act(self, action: str) -> None:
        if action not in ("HOLD", "CLMP", "RTOS", "RTOZ"):
            raise ValueError(action)
        if self.quenched:
            raise DeniedError
        if action in ("RTOS", "RTOZ"):
            turning = self.circuit.turning(self._now) is not None
            if self._action == "CLMP" or turning or not self.ramps_allowed:
                raise DeniedError
            if self._rate > 0:
                goal = self._target if action == "RTOS" else 0.0
                self.circuit.ramp(self._now, goal, [(self.circuit.rated, self._rate)])
            else:
                self.circuit.hold(self._now)
        elif action == "CLMP" and abs(self.circuit.leads.at(self._now)) > _MATCHED * self.circuit.rated:
            raise DeniedError
        else:
            self.circuit.hold(self._now)
        self._action = action

    def _turn_switch(self, heater: bool | None, *, forced: bool) -> None:
        if heater is None:
            raise ValueError
        if not self.circuit.switch or self.quenched:
            raise DeniedError
        if heater == self._heater:
            return
        off = abs(self.circuit.leads.at(self._now) - self._kept) > _MATCHED * self.circuit.rated
        if self._action in ("RTOS", "RTOZ") or (heater and off and not forced):
            raise DeniedError
        self._heater = heater
        if not heater:
            self._kept = self.circuit.leads.at(self._now)
        works = self.heater_works or not heater
        self.circuit.turn_switch(self._now, heater, self._times[0 if heater else 1], works=works)

    def _values(self) -> dict[str, tuple[float, str]]:
        circuit, now = self.circuit, self._now
        leads, constant = circuit.leads.at(now), circuit.constant
        slope = circuit.leads.slope(now) if circuit.coupled else 0.0
        return {
            "SIG:VOLT": (self._inductance * slope, "V"),
            "SIG:CURR": (leads, "A"),
            "SIG:PCUR": (self._kept, "A"),
            "SIG:FLD": (leads * constant, "T"),
            "SIG:PFLD": (self._kept * constant, "T"),
            "SIG:CSET": (self._target, "A"),
            "SIG:FSET": (self._target * constant, "T"),
            "SIG:RCST": (self._rate * 60, "A/m"),
            "SIG:RFST": (self._rate * 60 * constant, "T/m"),
            "ATOB": (1 / constant, "A/T"),
            "IND": (self._inductance, ""),
            "CLIM": (circuit.rated, ""),
        }


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value
