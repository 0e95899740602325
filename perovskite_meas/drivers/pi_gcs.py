"""PI controllers that speak the General Command Set 2.0: what piezo and motor axes share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pyvisa.constants import Parity, StopBits
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.errors import IdentityError, UsageError

from ._gcs import meaning
from ._gcs_talk import GcsTalk
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack


class GcsInstrument(GcsTalk):
    """One axis of a PI controller.

    Source: as `_gcs`.

    Args:
        name: name in the station.
        address: VISA resource name: a TCP socket (port 50000) or a serial line (115200 baud).
        axis: name of the axis, as SAI? lists it.
        visalib: VISA library as PyVISA names it; None for the system's.
        tolerance: largest accepted difference between the position asked for and the one reached, in the axis's unit.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    unit: ClassVar[str]
    models: ClassVar[str]
    """Regular expression for the controllers that a subclass drives."""

    def __init__(
        self,
        name: str,
        address: str,
        axis: str | int,
        visalib: str | None,
        tolerance: float,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, axis, visalib, **kwargs)
        self._tolerance = tolerance
        self._limits = (float("-inf"), float("inf"))
        self._place = 1
        self._idn: dict[str, str | None] = {}
        self.position: Parameter[float, Self] = self.add_parameter(
            "position",
            label="Position",
            unit=self.unit,
            get_cmd=self._get_position,
            set_cmd=self._set_position,
            vals=vals.Numbers(),
            docstring="Position that the sensor tells; a set returns when the axis is there, and only then.",
        )
        self.servo: Parameter[bool, Self] = self.add_parameter(
            "servo",
            label="Servo",
            get_cmd=lambda: self._flag("SVO?"),
            set_cmd=self._set_servo,
            vals=vals.Bool(),
            docstring="Whether the position is controlled by the sensor; no move without it.",
        )
        self.on_target: Parameter[bool, Self] = self.add_parameter(
            "on_target",
            label="On target",
            get_cmd=lambda: self._flag("ONT?"),
            vals=vals.Bool(),
            docstring="Whether the controller says that the axis is where it shall be.",
        )
        self.low_limit: Parameter[float, Self] = self._add_limit("low_limit", "Lowest position", "TMN?")
        """Low end of the travel, as the controller tells it."""
        self.high_limit: Parameter[float, Self] = self._add_limit("high_limit", "Highest position", "TMX?")
        """High end of the travel, as the controller tells it."""

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        return dict(self._idn)

    def _connect(self, line: Line | None = None) -> None:
        settings: dict[str, Any] = {"read_termination": "\n"}
        if self._address.upper().startswith("ASRL"):
            settings |= {"baud_rate": 115200, "data_bits": 8, "parity": Parity.none, "stop_bits": StopBits.one}
        super()._connect(line or Line(settings=settings, timeout=2.0))

    def _greet(self) -> None:
        found = " ".join(self._query("*IDN?"))
        parts = [part.strip() for part in found.split(",")]
        if "Physik Instrumente" not in found or len(parts) < 4 or not re.match(self.models, parts[-3]):
            raise self._stranger(repr(found), f"a PI controller that {type(self).__name__} drives ({self.models})")
        self._identity = found
        self._idn = {"vendor": "Physik Instrumente", "model": parts[-3], "serial": parts[-2], "firmware": parts[-1]}
        left = self._error()
        if left:
            self.log.warning("%s had an error from before, now cleared: %d (%s)", self._where, left, meaning(left))
        axes = " ".join(self._query("SAI?")).split()
        if self._axis not in axes:
            raise IdentityError(
                f"{self._where}: the controller has the axes {', '.join(axes) or 'none'}, but no axis {self._axis!r}; "
                "correct `axis` in the station file"
            )
        self._place = axes.index(self._axis) + 1
        self._limits = (self._real("TMN?"), self._real("TMX?"))

    def _get_position(self) -> float:
        return self._real("POS?")

    def _set_position(self, target: float) -> None:
        raise NotImplementedError

    def _set_servo(self, on: bool) -> None:
        with self._link.lock:
            self._order(f"SVO {self._axis} {int(on)}")
            found = self._flag("SVO?")
        if found != on:
            raise self._fault(f"servo is {found} after setting it to {on}", "check stage and cable")

    def _add_limit(self, name: str, label: str, command: str) -> Parameter[float, Any]:
        parameter: Parameter[float, Any] = self.add_parameter(
            name,
            label=label,
            unit=self.unit,
            get_cmd=lambda: self._real(command),
            docstring=f"End of the travel, as the controller tells it ({command}).",
        )
        return parameter

    def _within(self, target: float, what: str = "position") -> None:
        low, high = self._limits
        if not low <= target <= high:
            raise UsageError(
                f"{self._where}: {what} {target:g} {self.unit} is outside {low:g} to {high:g} {self.unit}, the travel "
                "that the controller itself reports (TMN?, TMX?); stay within it"
            )

    def _need_servo(self, what: str) -> None:
        if not self._flag("SVO?"):
            raise self._fault(
                f"{what} is impossible while the servo is off: it was never switched on, or the controller was reset "
                "or switched it off after an error",
                "find out why, then set `servo` to True",
            )

    def _arrived(self, target: float) -> None:
        reached = self._get_position()
        if abs(reached - target) > self._tolerance:
            raise self._fault(
                f"on target, but at {reached:.6g} {self.unit} instead of {target:.6g} {self.unit}, further than the "
                f"tolerance of {self._tolerance:g} {self.unit}",
                "check the stage, or allow more",
            )
