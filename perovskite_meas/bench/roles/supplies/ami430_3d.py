"""Three AMI 430 on one magnet: one axis, or all of them along a fixed direction."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ....core.errors import UsageError
from .ami430 import QcodesAmi430
from .base import Fitting, Supply

_WORST = ("quench", "fault", "switching", "persistent", "ramping", "holding")
_ASIDE = 0.02
"""Share of the field, beside 5 mT, that may stand across the direction."""


class AmiVector(Supply):
    """QCoDeS' `AMIModel4303D` along a fixed direction: the tip of the field moves on a straight line through zero."""

    kind: ClassVar[str] = "ami430_3d"
    switchable: ClassVar[bool] = False

    def __init__(self, owner: Any, field_name: str, fitting: Fitting) -> None:
        super().__init__(owner, field_name, fitting)
        if fitting.direction is None:
            raise UsageError(
                "an AMIModel4303D needs `direction: [90 deg, 0 deg]` (polar, azimuthal), or name x, y or z"
            )
        polar, azimuth = map(math.radians, fitting.direction)
        self._along = (math.sin(polar) * math.cos(azimuth), math.sin(polar) * math.sin(azimuth), math.cos(polar))
        self._axes = [
            QcodesAmi430(getattr(owner, f"_instrument_{axis}"), "field", Fitting(fitting.switch, None))
            for axis in ("x", "y", "z")
        ]

    def drop_unread(self) -> None:
        """Drop the replies of each axis that nobody has read."""
        for axis in self._axes:
            axis.drop_unread()

    def field(self) -> float:
        """Return the component along the direction, in T."""
        return sum(part * axis.field() for part, axis in zip(self._along, self._axes, strict=True))

    def state(self) -> str:
        """Return the worst of the three states."""
        found = {axis.state() for axis in self._axes}
        return next(word for word in _WORST if word in found)

    def start(self, tesla: float, rate: float) -> None:
        """Begin to ramp all axes at once.

        Raises:
            UsageError: there is a field across the direction; bring it to zero by hand first.
        """
        fields = [axis.field() for axis in self._axes]
        here = sum(part * field for part, field in zip(self._along, fields, strict=True))
        across = math.dist(fields, [part * here for part in self._along])
        if across > 5e-3 + _ASIDE * abs(here):
            raise UsageError(
                f"the three axes stand at {', '.join(f'{field:.4f} T' for field in fields)}: {across * 1e3:.0f} mT "
                "across the direction of the bench; ramp each axis to zero (or onto the direction) by hand first"
            )
        owner = self.owner
        unit = self._axes[0].unit()
        blocks, mode = owner.block_during_ramp(), owner.ramp_mode()
        try:
            owner.block_during_ramp(False)
            owner.ramp_mode("simultaneous")
            owner.vector_ramp_rate(rate / unit[0] * unit[1])
            owner.cartesian(tuple(tesla * part / unit[0] for part in self._along))
        finally:
            owner.block_during_ramp(blocks)
            owner.ramp_mode(mode)

    def hold(self) -> None:
        """Pause all axes, each whatever becomes of the others."""
        self.owner.pause()

    def arrived(self) -> None:
        """Let the driver restore the rates of the axes; it does not wait, since none is ramping."""
        if self.state() == "holding":
            self.owner.wait_while_all_axes_ramping()

    def ceiling(self) -> tuple[float, float]:
        """Return what the weakest axis allows along the direction."""
        limits = [
            (field / abs(part), rate / abs(part))
            for part, (field, rate) in zip(self._along, (axis.ceiling() for axis in self._axes), strict=True)
            if abs(part) > 1e-6
        ]
        return min(field for field, _ in limits), min(rate for _, rate in limits)


def of_three(owner: Any, field_name: str, fitting: Fitting) -> Supply:
    """Return the supply for `x`, `y`, `z` (one axis) or `field` (along `direction`) of an `AMIModel4303D`."""
    axis = field_name.removesuffix("_measured")
    if axis in ("x", "y", "z"):
        return QcodesAmi430(getattr(owner, f"_instrument_{axis}"), "field", fitting)
    return AmiVector(owner, field_name, fitting)
