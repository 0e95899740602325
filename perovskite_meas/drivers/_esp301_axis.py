"""One axis of a Newport ESP300 or ESP301."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentChannel
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import InstrumentError, UsageError

from ._stage import miss, refuse_beyond

if TYPE_CHECKING:
    from .esp301 import ESP301

_MM = "2"
_UNITS = {"0": "encoder counts", "1": "motor steps", "3": "um", "4": "in", "5": "mil", "6": "uin", "7": "deg"}
_POLL = 0.02
_SPARE = 5.0
"""s that a motion may last beyond twice the time it should."""
_HOMING = 180.0
"""s after which a search for home is given up."""


class ESP301Axis(InstrumentChannel["ESP301"]):
    """One axis, in mm; positions can be set after `home()` only.

    Args:
        parent: the controller.
        name: of the submodule.
        number: of the axis, 1 to 3.
        tolerance: in mm.
        home_mode: parameter of the command OR.
    """

    def __init__(self, parent: ESP301, name: str, number: int, tolerance: float, home_mode: int) -> None:
        super().__init__(parent, name)
        self._controller = parent
        self._number = number
        self._tolerance = tolerance
        self._home_mode = home_mode
        self._homed = False
        self.position: Parameter[float, Self] = self.add_parameter(
            "position",
            label="Position",
            unit="mm",
            get_cmd=lambda: self._read("TP"),
            set_cmd=self._set_position,
            vals=vals.Numbers(),
        )
        """Position that the encoder counts, in mm; a set returns when it is reached."""
        self.velocity: Parameter[float, Self] = self.add_parameter(
            "velocity",
            label="Velocity",
            unit="mm/s",
            get_cmd=lambda: self._read("VA?"),
            set_cmd=self._set_velocity,
            vals=vals.Numbers(1e-6),
        )
        """Velocity of a move, in mm/s; at most what the controller allows this stage."""
        self.low_limit: Parameter[float, Self] = self.add_parameter(
            "low_limit",
            label="Low limit",
            unit="mm",
            get_cmd=lambda: self._read("SL?"),
            set_cmd=lambda mm: self._store("SL", mm, "mm"),
            vals=vals.Numbers(),
        )
        """Soft limit of the controller below which no position is accepted, in mm."""
        self.high_limit: Parameter[float, Self] = self.add_parameter(
            "high_limit",
            label="High limit",
            unit="mm",
            get_cmd=lambda: self._read("SR?"),
            set_cmd=lambda mm: self._store("SR", mm, "mm"),
            vals=vals.Numbers(),
        )
        """Soft limit of the controller above which no position is accepted, in mm."""
        self.motor: Parameter[bool, Self] = self.add_parameter(
            "motor", label="Motor", get_cmd=self._get_motor, set_cmd=self._set_motor, vals=vals.Bool()
        )
        """Whether the motor is powered; one that is off takes the reference with it."""
        self.referenced: Parameter[bool, Self] = self.add_parameter(
            "referenced", label="Referenced", get_cmd=self._get_referenced, vals=vals.Bool()
        )
        """Whether this driver has homed the axis, and the motor has been on ever since."""

    def home(self) -> None:
        """Switch the motor on and search the home position, after which positions can be trusted.

        Raises:
            HardwareFault: the controller reports an error, or does not find home in time.
        """
        self._homed = False
        for report in self._controller.remembered():  # what was released since is no reason not to try
            self._controller.log.warning("%s remembered before homing: %s", self._where, report)
        self._command("MO")
        command = f"OR{self._home_mode}"
        self._command(command)
        self._wait(command, _HOMING)
        if not self._get_motor():
            raise self._fault("the motor is off after the search for home", "see why it was switched off, home() again")
        self._homed = True

    def stop(self) -> None:
        """Come to rest with the usual deceleration; the motor stays on."""
        self._command("ST")

    def greet(self) -> None:
        """Check that there is a stage and that it counts in mm; called once by the controller.

        Raises:
            HardwareFault: there is none, or it does not.
        """
        stage = self._controller.query(f"{self._number}ID?")
        if stage.upper().startswith("UNKNOWN"):
            raise self._fault("no stage is connected", "correct `axes` in the station file, or plug the stage in")
        unit = self._controller.query(f"{self._number}SN?")
        if unit != _MM:
            raise self._fault(
                f"the controller counts in {_UNITS.get(unit, f'unit {unit}')}, where this driver needs mm",
                f"set {self._number}SN{_MM} at the controller, and then its limits and velocities anew",
            )

    def forget(self) -> None:
        """Note that the controller no longer knows where the axis is."""
        self._homed = False

    def _get_motor(self) -> bool:
        on = self._read("MO?") == 1
        if not on:
            self.forget()
        return on

    def _set_motor(self, on: bool) -> None:
        self._command("MO" if on else "MF")
        if self._get_motor() != on:
            raise self._fault(f"the motor is {'off' if on else 'on'} after {'MO' if on else 'MF'}", "check the cable")

    def _get_referenced(self) -> bool:
        return self._get_motor() and self._homed

    def _set_position(self, mm: float) -> None:
        self._refuse(mm)
        start, speed = self._read("TP"), self._read("VA?")
        if speed <= 0:
            raise self._fault(f"the velocity is {speed:g} mm/s", "set `velocity`")
        command = f"PA{mm:.6f}"
        self._command(command)
        self._wait(command, _SPARE + 2 * abs(mm - start) / speed)
        self._verify(mm)

    def _refuse(self, mm: float) -> None:
        """Look before anything is sent whether the position may be asked for."""
        if not self._get_motor():
            told = self._controller.remembered()
            why = "; ".join(map(str, reversed(told))) or "it was never switched on, or the controller was restarted"
            raise self._fault(
                f"position {mm:g} mm refused, because the motor is off: {why}",
                told[0].advice if told else "correct the cause, then call home()",
            )
        if not self._homed:
            raise self._fault(
                f"position {mm:g} mm refused, because the axis was not homed since this driver was opened or the "
                "motor was off, and its counter may start anywhere",
                "call home()",
            )
        refuse_beyond(self._where, mm, self._read("SL?"), self._read("SR?"))

    def _wait(self, command: str, timeout: float) -> None:
        """Wait for the end of a motion; if that fails in any way, the axis is stopped."""
        try:
            wait_until(self._controller.clock, self._done, timeout=timeout, poll=_POLL)
        except TimeoutError as error:
            self._halt()
            raise self._fault(f"still moving {timeout:g} s after {command!r}; stopped", "check velocity") from error
        except BaseException:
            self._halt()
            raise
        try:
            self._controller.check(f"{self._number}{command}")
        except InstrumentError:
            self.forget()
            raise

    def _done(self) -> bool:
        return self._read("MD?") == 1

    def _halt(self) -> None:
        """Stop after a failure, as far as the line allows."""
        try:
            self._command("ST")
        except InstrumentError as error:
            self.log.error("%s could not be stopped: %s", self._where, error)

    def _verify(self, mm: float) -> None:
        missed = miss(self._controller.clock, lambda: self._read("TP"), mm, self._tolerance, _POLL)
        if missed:
            motor = "" if self._get_motor() else ", and the motor is off"
            raise self._fault(
                f"{missed}{motor}",
                "check that nobody stopped it, that nothing blocks the stage and that the controller was not "
                "restarted; then home() it",
            )

    def _set_velocity(self, speed: float) -> None:
        most = self._read("VU?")
        if speed > most:
            raise UsageError(
                f"{self._where}: velocity {speed:g} mm/s refused; the controller (VU) allows at most {most:g} mm/s "
                "with this stage; choose a lower one"
            )
        self._store("VA", speed, "mm/s")

    def _store(self, word: str, value: float, unit: str) -> None:
        self._command(f"{word}{value:.6f}")
        found = self._read(f"{word}?")
        if abs(found - value) > max(1e-4, 1e-3 * abs(value)):
            raise self._fault(f"{word} is {found:g} {unit} after setting {value:g} {unit}", "choose another value")

    def _read(self, word: str) -> float:
        return self._controller.number(f"{self._number}{word}")

    def _command(self, text: str) -> None:
        self._controller.command(f"{self._number}{text}")

    def _fault(self, what: str, advice: str) -> InstrumentError:
        return self._controller.fault(f"axis {self._number}: {what}", advice)

    @property
    def _where(self) -> str:
        return f"{self.full_name} (axis {self._number} at {self._controller.address})"
