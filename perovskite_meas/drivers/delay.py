"""Optical delay, as a quantity of its own over the axes that make it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from qcodes import validators as vals
from qcodes.instrument import Instrument, InstrumentBaseKWArgs
from qcodes.parameters import Parameter, ParameterBase

from perovskite_meas.core.delay_scale import DelayScale
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.units import to_unit

from ._axis import Axis, find

if TYPE_CHECKING:
    from typing_extensions import Unpack


class DerivedDelay(Parameter[float, Any]):
    """A delay that is set and read by way of one axis.

    Swept or measured, it has QCoDeS store the raw position of the axis beside it, as it was read back.

    Args:
        name: name of the parameter.
        axis: what moves.
        scale: what mirror travel is worth.
        travel: mirror travel for each unit of the axis: mm where the delay is in ps, um where it is in fs.
        origin: tells the position of delay 0, in the unit of the axis.
        **kwargs: as for every QCoDeS parameter.
    """

    def __init__(
        self, name: str, *, axis: Axis, scale: DelayScale, travel: float, origin: Callable[[], float], **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self.axis = axis
        self._scale = scale
        self._travel = travel
        self._origin = origin
        # only in this direction: to tell the axis as well would spoil it for measurements without this parameter
        self._has_control_of.add(axis.source)

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest delay that the axis reaches."""
        low, high = sorted(self._at(position) for position in self.axis.span)
        return low, high

    def get_raw(self) -> float:
        """Return the delay where the axis stands; warns once while the axis has not been homed."""
        self.axis.doubt()
        return self._at(self.axis.position())

    def set_raw(self, value: float) -> None:
        """Move the axis to where the delay is `value`, and see that it arrived."""
        self.axis.move_to(self._origin() + self._scale.travel(value) / self._travel)

    def unpack_self(self, value: Any) -> list[tuple[ParameterBase, Any]]:
        """Return what a result with this delay says: the delay, and the position that was read last."""
        if np.ndim(value):
            raise UsageError(f"{self.full_name}: an array of delays has no raw positions; add them one by one")
        return [*super().unpack_self(value), (self.axis.source, self.axis.source.cache.get())]

    def _at(self, position: float) -> float:
        return self._scale.delay((position - self._origin()) * self._travel)


class Delay(Instrument):
    """Delay line over parameters of instruments that are open already.

    Both axes make the delay grow where `sense` is 1: the whole delay is `delay` + `fine_delay` / 1000. Every coarse
    arrival is from the same side, with a run-up where needed, so that backlash does not enter.

    Args:
        name: name in the station, where it stands below its components.
        coarse: position of the motor stage: a parameter, or its name in dots as in "stage.axis1.position".
        fine: position of the piezo stage or its voltage, likewise; None if there is none.
        zero: coarse position of zero delay, in mm or with its unit.
        fine_zero: where the fine axis rests, in its own unit; None for the middle of its range.
        fine_scale: mirror travel for each unit of the fine axis, in um; None where its own unit is a length.
        passes: how often the light passes the travel.
        air_index: refractive index of what it passes through.
        sense: 1 where a growing position makes the delay grow, -1 where it shrinks.
        coarse_range: where the coarse axis may go, in its own unit; within its own limits in any case.
        fine_range: the same of the fine axis.
        approach: the coarse axis arrives from at least so far below, in mm; from above where negative.
        tolerance: largest accepted error of a coarse arrival, in um.
        fine_tolerance: of a fine one, in um of mirror travel.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        coarse: str | ParameterBase,
        fine: str | ParameterBase | None = None,
        zero: float | str = 0.0,
        fine_zero: float | None = None,
        fine_scale: float | None = None,
        passes: int = 2,
        air_index: float = 1.00027,
        sense: int = 1,
        coarse_range: Sequence[float] | None = None,
        fine_range: Sequence[float] | None = None,
        approach: float = 0.02,
        tolerance: float = 1.0,
        fine_tolerance: float = 0.05,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, **kwargs)
        self.scale = DelayScale(passes=passes, air_index=air_index, sense=sense)
        """What mirror travel is worth."""
        source = find(name, coarse)
        mm = _length(name, source, "mm")
        axis = Axis(name, source, coarse_range, approach=approach / mm, tolerance=tolerance / 1000 / mm)
        self.zero: Parameter[float, Self] = self.add_parameter(
            "zero",
            label="Zero delay",
            unit="mm",
            get_cmd=None,
            set_cmd=None,
            initial_value=to_unit(zero, "mm"),
            vals=vals.Numbers(),
        )
        """Coarse position of zero delay; set it to where the pulses were found to overlap."""
        self.delay: DerivedDelay = self.add_parameter(
            "delay",
            DerivedDelay,
            axis=axis,
            scale=self.scale,
            travel=mm,
            origin=lambda: self.zero.cache.get() / mm,
            label="Delay",
            unit="ps",
            vals=vals.Numbers(),
        )
        """Delay by the coarse axis, from `zero`; a set returns when the axis has arrived from its side."""
        self.fine_delay: DerivedDelay | None = None
        """Delay by the fine axis, from where it rests, in fs; None without a fine axis."""
        if fine is not None:
            source = find(name, fine)
            um = _length(name, source, "um") if fine_scale is None else fine_scale
            self._add_fine(Axis(name, source, fine_range, tolerance=fine_tolerance / abs(um)), um, fine_zero)

    def get_idn(self) -> dict[str, str | None]:
        """Return that this is no device of its own."""
        return {"vendor": "perovskite_meas", "model": "Delay", "serial": None, "firmware": None}

    def _add_fine(self, axis: Axis, um: float, zero: float | None) -> None:
        rest = sum(axis.span) / 2 if zero is None else zero
        self.fine_delay = self.add_parameter(
            "fine_delay",
            DerivedDelay,
            axis=axis,
            scale=self.scale,
            travel=um,
            origin=lambda: rest,
            label="Fine delay",
            unit="fs",
            vals=vals.Numbers(),
        )


def _length(owner: str, source: ParameterBase, unit: str) -> float:
    """Return the unit of an axis in mm or um."""
    own = str(getattr(source, "unit", ""))
    try:
        return to_unit(f"1 {own or '?'}", unit)
    except UsageError as error:
        raise UsageError(
            f"{owner}: {source.full_name} is in {own or 'no unit'}, which is no length; a coarse axis needs one, a "
            "fine axis `fine_scale` (um of mirror travel for each of its units)"
        ) from error
