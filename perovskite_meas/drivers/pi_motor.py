"""PI motor controllers (C-863 and its kin): positions in mm, after a reference move."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import HardwareFault, InstrumentError

from ._gcs import STOPPED
from .pi_gcs import GcsInstrument

if TYPE_CHECKING:
    from typing_extensions import Unpack

_POLL = 0.02
_SLACK, _SPARE = 1.5, 5.0
"""A move may take so many times as long as its velocity says, and so many s more."""


class PIMotor(GcsInstrument):
    """One motor axis with an incremental encoder and a reference switch.

    Moves are refused until the axis is referenced; a move that is broken off, by Ctrl-C too, stops the motor.
    Source: C-863 manual (MS249E) p. 117 to 204. Unverified against the manual: that a reference move needs the servo.

    Args:
        name: name in the station.
        address: VISA resource name: a TCP socket (port 50000) or a serial line (115200 baud).
        axis: name of the axis.
        visalib: VISA library as PyVISA names it; None for the system's.
        tolerance: largest accepted difference between the position asked for and the one reached, in mm.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    unit = "mm"
    models = r"C-\d\d\d|E-8\d\d"

    def __init__(
        self,
        name: str,
        address: str,
        axis: str | int = "1",
        visalib: str | None = None,
        tolerance: float = 0.001,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, axis, visalib, tolerance, **kwargs)
        self.velocity: Parameter[float, Self] = self.add_parameter(
            "velocity",
            label="Velocity",
            unit="mm/s",
            get_cmd=lambda: self._real("VEL?"),
            set_cmd=self._set_velocity,
            vals=vals.Numbers(1e-6, 1e3),
        )
        """Speed of a move."""
        self.referenced: Parameter[bool, Self] = self.add_parameter(
            "referenced", label="Referenced", get_cmd=lambda: self._flag("FRF?"), vals=vals.Bool()
        )
        """Whether the controller knows where the axis is."""
        self._connect()

    def reference(self, timeout: float = 120.0) -> None:
        """Switch the servo on and move to the reference switch, after which positions can be trusted.

        Args:
            timeout: s after which the motor is stopped.

        Raises:
            HardwareFault: the switch was not found.
        """
        with self._link.lock:
            self._set_servo(True)
            self._order(f"FRF {self._axis}")
            try:
                self._await(self._referenced, timeout)
            except TimeoutError as error:
                raise self._fault(
                    f"no reference found within {timeout:g} s, at {self._get_position():.6g} mm; the motor was stopped",
                    "check that nothing blocks the stage, its cable and its reference switch",
                ) from error

    def stop(self) -> None:
        """Stop the motor at once; a reference move that is stopped has to be repeated."""
        with self._link.lock:
            stale = self._link.dirty
            self._tell("\x18")
            self._link.dirty = stale
            number = self._error()
        if number not in (0, STOPPED):
            raise self._refused("#24", number)

    def _set_position(self, target: float) -> None:
        with self._link.lock:
            self._within(target)
            self._need_servo(f"position {target:g} mm")
            if not self._flag("FRF?"):
                raise self._fault(
                    f"position {target:g} mm refused, because the axis is not referenced: it never was, or the "
                    "controller was reset",
                    "make sure that the stage can move freely over its whole travel, then call reference()",
                )
            patience = _SPARE + _SLACK * abs(target - self._get_position()) / max(self._real("VEL?"), 1e-9)
            self._order(f"MOV {self._axis} {target:.6f}")
            try:
                self._await(lambda: self._there(target), patience)
            except TimeoutError as error:
                raise self._stalled(target, patience) from error
            self._arrived(target)

    def _await(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until `condition` holds; whatever else ends the wait, Ctrl-C too, the motor is stopped first."""
        try:
            wait_until(self.clock, condition, timeout=timeout, poll=_POLL)
        except BaseException:
            self._break_off()
            raise

    def _stalled(self, target: float, patience: float) -> HardwareFault:
        return self._fault(
            f"not on target {target:g} mm within {patience:.3g} s, but at {self._get_position():.6g} mm; the motor was "
            "stopped",
            "check that nothing blocks the stage, then reference it again",
        )

    def _there(self, target: float) -> bool:
        arrived = self._flag("ONT?")
        if not arrived:
            self._need_servo(f"waiting for {target:g} mm")
        return arrived

    def _referenced(self) -> bool:
        done = self._flag("FRF?")
        if not done:
            self._need_servo("waiting for the reference")
        return done

    def _break_off(self) -> None:
        try:
            self.stop()
        except InstrumentError as error:
            self.log.warning("stopping the motor failed: %s", error)

    def _set_velocity(self, velocity: float) -> None:
        with self._link.lock:
            self._order(f"VEL {self._axis} {velocity:.6f}")
            found = self._real("VEL?")
        if abs(found - velocity) > 1e-3 * velocity:
            raise self._fault(f"velocity is {found:g} mm/s after setting {velocity:g} mm/s", "choose another velocity")
