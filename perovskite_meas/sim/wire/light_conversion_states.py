"""States of a Light Conversion laser: what it does when told to, and what it refuses."""

from __future__ import annotations

from typing import Any

from ..clock import SimClock

OFF, STANDING_BY, PREPARING = "Off", "StandingBy", "PreparingHardware"
OPERATIONAL, EMISSION_ON = "Operational", "EmissionOn"
_IDS = {OFF: 0x200, STANDING_BY: 0x01, PREPARING: 0x08, OPERATIONAL: 0x80, EMISSION_ON: 0x80}
ABSENT = object()
"""Stands for a resource that there is not."""
_MOST = 65535
_PRESET_TIME = 2.0
_PRESETS = ((1, 100.0, "full rate"), (100, 100.0, "one in a hundred"), (1000, 50.0, "alignment"))
"""Divider, attenuator in percent and notes of each preset."""


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """What the server answers in place of obeying; `status` of HTTP and a text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class States:
    """A laser with a regenerative amplifier, a pulse picker that is its output gate, and an attenuator.

    Args:
        port: the World's laser.
        clock: when a fault strikes.
        state: where it starts; the output is closed.
        turn_on: s from TurnOn to Operational.
        tells_duration: whether there is ActualPulseDuration.
    """

    def __init__(self, port: Any, clock: SimClock, *, state: str, turn_on: float, tells_duration: bool) -> None:
        self.picker_stuck = False
        self.circuit_open = False
        self._port, self._clock = port, clock
        self._state = state
        self._turn_on = turn_on
        self._tells_duration = tells_duration
        self._ready_at = float("inf")
        self._interlocked = False
        self._preset = 0
        now = clock.now()
        port.release(False, now)
        port.emit(state == OPERATIONAL, now)

    def settle(self, now: float) -> None:
        """Let a start that has ended by `now` be over."""
        if self._state == PREPARING and now >= self._ready_at:
            self._state = OPERATIONAL
            self._port.emit(True, now)

    def table(self, now: float) -> dict[str, Any]:
        """Return every resource that can be read, and its value at `now`."""
        port = self._port
        enabled = self._state == EMISSION_ON
        emits = self._state in (OPERATIONAL, EMISSION_ON)
        divider, transmission = port.divider(now), port.transmission(now)
        watts = port.watts(now) if emits else 0.0
        joule = watts / port.base_rate * transmission
        rate = port.base_rate / divider
        table = {
            "Basic/ActualOutputPower": joule * rate if enabled else 0.0,
            "Basic/ActualOutputFrequency": rate / 1e3,
            "Basic/ActualOutputEnergy": joule * 1e6 if enabled else 0.0,
            "Basic/ActualRaFrequency": port.base_rate / 1e3,
            "Basic/ActualRaPower": watts,
            "Basic/ActualPpDivider": divider,
            "Basic/TargetPpDivider": divider,
            "Basic/ActualAttenuatorPercentage": 100 * transmission,
            "Basic/TargetAttenuatorPercentage": 100 * transmission,
            "Basic/ActualHarmonic": 1,
            "Basic/ActualStateName": f"State{self._state}",
            "Basic/ActualStateName2": self._state,
            "Basic/ActualShutterState": "Open" if emits else "Closed",
            "Basic/GeneralStatus": self._state,
            "Basic/IsOutputEnabled": enabled,
            "Basic/SelectedPresetIndex": self._preset + 1,
            "Basic/Errors": self._errors(now),
            "Basic/Warnings": [],
            "Advanced/ActualStateId": _IDS[self._state],
            "Advanced/IsRemoteInterlockActive": self._interlocked,
            "Advanced/IsPpOpened": enabled,
            "Advanced/IsPpEnabled": emits,
            "Advanced/IsShutterUsedToControlOutput": False,
            "Advanced/Presets": [_preset(*preset, port) for preset in _PRESETS],
        }
        return {**table, "Basic/ActualPulseDuration": port.duration} if self._tells_duration else table

    def act(self, path: str, now: float) -> float:
        """Carry out a POST and return how long it takes, s.

        Raises:
            Refusal: there is no such action, or not in this state.
        """
        if path == "Basic/EnableOutput":
            self._only_in(path, OPERATIONAL, EMISSION_ON)
            self._state = EMISSION_ON
            self._release(True, now)
        elif path == "Basic/CloseOutput":
            if self._state == EMISSION_ON:
                self._state = OPERATIONAL
            self._release(False, now)
        elif path == "Basic/TurnOn":
            self._only_in(path, OFF, STANDING_BY, PREPARING, OPERATIONAL, EMISSION_ON)
            if self._interlocked:
                raise Refusal(403, "Remote interlock is active")
            if self._state in (OFF, STANDING_BY):
                self._state, self._ready_at = PREPARING, now + self._turn_on
        elif path in ("Basic/TurnOff", "Basic/GoToStandby"):
            self._stop(OFF if path.endswith("Off") else STANDING_BY, now)
        elif path == "Basic/ApplySelectedPreset":
            self._only_in(path, OPERATIONAL, STANDING_BY)
            divider, percent, _ = _PRESETS[self._preset]
            self._port.divide(divider, now)
            self._port.transmit(percent / 100, now)
            return _PRESET_TIME
        elif path == "Advanced/ResetRemoteInterlock":
            if self.circuit_open:
                raise Refusal(403, "Remote interlock circuit is open")
            self._interlocked = False
        else:
            raise Refusal(404, f"no {path}")
        return 0.0

    def put(self, path: str, value: Any, now: float) -> float:
        """Carry out a PUT and return how long it takes, s.

        Raises:
            Refusal: there is no such setting, or not this value.
        """
        if path == "Basic/TargetPpDivider":
            self._port.divide(int(_in(path, value, 1, _MOST, whole=True)), now)
        elif path == "Basic/TargetAttenuatorPercentage":
            self._port.transmit(_in(path, value, 0, 100) / 100, now)
        elif path == "Basic/SelectedPresetIndex":
            self._preset = int(_in(path, value, 1, len(_PRESETS), whole=True)) - 1
        elif path == "Basic/TargetRaFrequency":
            _in(path, value, self._port.base_rate / 1e3, self._port.base_rate / 1e3)
        elif path == "Basic/TargetPulseDuration":
            _in(path, value, self._port.duration, self._port.duration)
        else:
            raise Refusal(404, f"no {path}")
        return 0.0

    def trip(self) -> None:
        """Open the interlock's circuit."""
        self.circuit_open = self._interlocked = True
        self._stop(STANDING_BY, self._clock.now())

    def lock(self, locked: bool) -> None:
        """Lose the oscillator's mode lock, or find it again."""
        self._port.lock(locked, self._clock.now())

    def free_picker(self) -> None:
        """Let the picker go where it was told to be."""
        self.picker_stuck = False
        self._release(self._state == EMISSION_ON, self._clock.now())

    def _release(self, on: bool, now: float) -> None:
        if on or not self.picker_stuck:
            self._port.release(on, now)

    def _stop(self, state: str, now: float) -> None:
        self._state, self._ready_at = state, float("inf")
        self._release(False, now)
        self._port.emit(False, now)

    def _only_in(self, path: str, *states: str) -> None:
        if self._state not in states:
            raise Refusal(403, f"{path.partition('/')[2]} is not allowed in state {self._state}")

    def _errors(self, now: float) -> list[dict[str, str]]:
        errors = []
        if self._interlocked:
            errors.append({"Code": "E017", "Description": "Remote interlock is active"})
        if not self._port.locked(now):
            errors.append({"Code": "E042", "Description": "Oscillator is not mode-locked"})
        return errors


def _in(path: str, value: Any, low: float, high: float, *, whole: bool = False) -> float:
    good = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not good or not low <= value <= high:
        raise Refusal(400, f"{path.partition('/')[2]} must be from {low:g} to {high:g}, not {value!r}")
    return float(value)


def _preset(divider: int, percent: float, notes: str, port: Any) -> dict[str, Any]:
    return {
        "PpDivider": divider,
        "AttenuatorPercentage": percent,
        "Notes": notes,
        "PulseRepetitionRateInKhz": port.base_rate / 1e3,
        "IsStoredInPharos": True,
    }
