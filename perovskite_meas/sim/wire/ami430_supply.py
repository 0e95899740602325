"""State of an American Magnetics 430: what it does with its current, its switch and a quench."""

from __future__ import annotations

from .ami430_settings import AmiError, Settings, boolean
from .magnet_circuit import Circuit

_DISCHARGE = 60.0
"""Seconds in which the coil empties itself over a supply that is forced to 0 V."""
_STATES = {"ramp": (1, 2), "pause": (3, 3), "up": (4, 4), "down": (5, 5), "zero": (6, 8)}
"""What STATE? says while the current moves, and afterwards."""
_QUENCH, _HEATING, _COOLING = 7, 9, 10
_PERSISTENT_FROM = 1e-3
"""Share of the rated current above which the lamp MAGNET IN PERSISTENT MODE is lit."""


class Supply:
    """Ramps and switches; knows of the coil only what a supply can know.

    Args:
        circuit: leads, coil and switch.
        settings: target, rates and limits.
        now: when the power comes on, s.
    """

    def __init__(self, circuit: Circuit, settings: Settings, now: float) -> None:
        self.circuit = circuit
        self.settings = settings
        self.installed = circuit.switch
        """Whether the supply has been told of a persistent switch."""
        self.heater = False
        self.heater_works = True
        self.ramps_allowed = True
        self.quenched = False
        self.quenches = 0
        self._mode = "pause"
        self._kept = circuit.coil(now)
        """Current that the supply believes is in a coil behind a cold switch, A."""
        self._was_turning: bool | None = None
        self._now = now

    def settle(self, now: float) -> None:
        """Let happen what was bound to happen by `now`: a switch that has changed, a quench."""
        self._now = now
        turning = self.circuit.turning(now)
        if self._was_turning is False and turning is None:
            self._kept = self.circuit.leads.at(now)
        self._was_turning = turning
        if now >= self.circuit.quenching and not self.quenched:
            self.quenched, self._mode, self._kept = True, "pause", 0.0
            self.quenches += 1

    def state(self) -> int:
        """Return what `STATE?` says."""
        turning = self.circuit.turning(self._now)
        if self.quenched:
            return _QUENCH
        if turning is not None:
            return _HEATING if turning else _COOLING
        return _STATES[self._mode][self._now >= self.circuit.leads.end]

    def start(self, mode: str) -> None:
        """Ramp, pause, zero, or go up or down by hand.

        Raises:
            AmiError: -302 quench, -301 the switch is not ready or ramps are inhibited.
        """
        if self.quenched:
            raise AmiError(-302, "Quench condition")
        if self.circuit.turning(self._now) is not None:
            raise AmiError(-301, "Heating switch")
        allowed = self.ramps_allowed or mode == "pause"
        self._mode = mode if allowed else "pause"
        self.replan()
        if not allowed:
            raise AmiError(-301, "Ramping inhibited")

    def replan(self) -> None:
        """Go on in the present mode with what is set now: a new target counts at once."""
        if self.quenched or self.circuit.turning(self._now) is not None:
            return
        limit, mode = self.settings.limit, self._mode
        if mode == "pause":
            self.circuit.hold(self._now)
            return
        goal = {"ramp": self.settings.target, "zero": 0.0, "up": limit, "down": -limit}[mode]
        alone = [(limit, self.settings.stored["PSwitch:PowerSupplyRampRate"])]
        self.circuit.ramp(self._now, goal, self.settings.segments if self._driven() else alone)

    def install(self, text: str) -> None:
        """`CONF:PS`: whether there is a switch; saying so makes none and takes none away."""
        installed = boolean(text)
        if self.heater and not installed:
            self.turn_switch("0")
        if installed and not self.installed:
            self._kept = self.leads()
        self.installed = installed

    def turn_switch(self, text: str) -> None:
        """`PS`: heater on or off; the state waits until the switch has changed.

        Raises:
            AmiError: -107 no switch, -302 quench.
        """
        heater = boolean(text)
        if not self.installed:
            raise AmiError(-107, "No switch installed")
        if self.quenched:
            raise AmiError(-302, "Quench condition")
        if heater == self.heater:
            return
        self._mode = "pause"
        self.circuit.hold(self._now)
        seconds = self.settings.stored["PSwitch:HeatTIME" if heater else "PSwitch:CoolTIME"]
        self.heater = self._was_turning = heater
        self.circuit.turn_switch(self._now, heater, seconds, works=self.heater_works or not heater)

    def set_quench(self, text: str) -> None:
        """`QU`: 1 forces the output to 0 V, 0 resets."""
        if boolean(text):
            if not self.quenched:
                self.circuit.quench(self._now, seconds=_DISCHARGE)
            self.settle(self._now)
        elif self.quenched:
            self.quenched = False
            self.circuit.forgive()

    def park(self) -> None:
        """Be as after somebody left the magnet persistent at its present field."""
        self._kept = self.circuit.coil(self._now)
        self.circuit.leave_persistent(self._now)
        self.installed, self.heater, self._mode, self._was_turning = True, False, "pause", None

    def leads(self) -> float:
        """Return the current in the leads, A."""
        return self.circuit.leads.at(self._now)

    def magnet(self) -> float:
        """Return the current that the supply takes for the coil's, A."""
        return self.leads() if self._driven() or self.circuit.turning(self._now) is False else self._kept

    def voltage(self) -> float:
        """Return the voltage across the coil, V."""
        slope = self.circuit.leads.slope(self._now) if self.circuit.coupled else 0.0
        return self.settings.stored["INDuctance"] * slope

    def persistent(self) -> bool:
        """Return whether the lamp MAGNET IN PERSISTENT MODE is lit."""
        resting = self.installed and not self.heater and self.circuit.turning(self._now) is None
        return resting and abs(self._kept) > _PERSISTENT_FROM * self.circuit.rated

    def _driven(self) -> bool:
        """Whether the supply believes that the coil follows the leads."""
        return not self.installed or (self.heater and self.circuit.turning(self._now) is None)
