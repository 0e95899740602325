"""One axis of an instrument that is open already, moved with care."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qcodes.instrument import Instrument, InstrumentBase
from qcodes.parameters import ParameterBase
from qcodes.validators import Ints, Numbers

from perovskite_meas.core.errors import HardwareFault, UsageError, did_you_mean

_SLACK = 1e-9


class Bound(NamedTuple):
    """How far an axis may go in one direction, in its own unit, and who says so."""

    value: float
    by: str


class Axis:
    """A settable parameter of another instrument, whose every arrival is from the same side and verified.

    Args:
        owner: name of the instrument that moves it, for errors.
        source: the parameter.
        stated: where it may go, in its own unit; None for no limits but its own.
        approach: it arrives from at least so far below, in its own unit; from above where negative, anyhow where 0.
        tolerance: largest accepted difference between where it was sent and where it arrived, in its own unit.

    Raises:
        UsageError: nobody limits its range, or the limits leave none.
    """

    def __init__(
        self,
        owner: str,
        source: ParameterBase,
        stated: Sequence[float] | None,
        *,
        approach: float = 0.0,
        tolerance: float,
    ) -> None:
        self.source = source
        self.approach = approach
        self.tolerance = tolerance
        self._owner = owner
        self._arrived: float | None = None
        self._doubted = False
        self.low, self.high = _bounds(owner, self.source, stated)
        if not self.low.value < self.high.value:
            raise UsageError(
                f"{owner}: {self.source.full_name} has no range left between {self._show(self.low.value)} "
                f"({self.low.by}) and {self._show(self.high.value)} ({self.high.by})"
            )

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest position that can be reached from the right side, in the axis's own unit."""
        return self.low.value + max(self.approach, 0.0), self.high.value + min(self.approach, 0.0)

    def position(self) -> float:
        """Return where the axis says it is, in its own unit."""
        return float(self.source.get())

    def doubt(self) -> None:
        """Warn, once until it is homed, that positions mean nothing: the instrument says that it has lost its place."""
        flag = next((name for name in ("homed", "referenced") if name in self._beside), None)
        lost = flag is not None and not self._beside[flag].get()
        if lost and not self._doubted:
            name = getattr(self.source.instrument, "full_name", "the instrument")
            how = next((verb for verb in ("home", "reference") if hasattr(self.source.instrument, verb)), "home")
            warnings.warn(
                f"{self._owner}: {name} is not homed, so {self.source.full_name} and the delay from it mean nothing "
                f"yet; call {name}.{how}() first",
                stacklevel=5,
            )
        self._doubted = lost

    def move_to(self, target: float) -> None:
        """Move to `target`, in the axis's own unit, and see that it arrived.

        Raises:
            UsageError: out of range; nothing was sent.
            HardwareFault: it did not arrive.
        """
        self._check(target)
        run_up = self._needs_run_up(target)
        self._arrived = None
        if run_up:
            self.source.set(target - self.approach)
        self.source.set(target)
        found = self.position()
        if abs(found - target) > self.tolerance:
            raise HardwareFault(
                f"{self._owner}: {self.source.full_name} stands at {self._show(found)} after it was sent to "
                f"{self._show(target)}, further away than the tolerance of {self._show(self.tolerance)}; check that "
                "nothing blocks it and that nobody else moves it"
            )
        self._arrived = found

    def _needs_run_up(self, target: float) -> bool:
        """Whether a move straight to `target` might end on the other flank of the backlash."""
        if not self.approach:
            return False
        sense = 1 if self.approach > 0 else -1
        here = self.position()
        if (target - self.approach - here) * sense >= 0:
            return False
        undisturbed = self._arrived is not None and abs(here - self._arrived) <= self.tolerance
        return not (undisturbed and (target - here) * sense >= 0)

    def _check(self, target: float) -> None:
        low, high = self.span
        slack = _SLACK * (high - low)
        if low - slack <= target <= high + slack:
            return
        bound, missed = (self.low, low) if target < low else (self.high, high)
        run_up = f", less the approach of {self._show(abs(self.approach))}" if missed != bound.value else ""
        raise UsageError(
            f"{self._owner}: {self.source.full_name} would have to go to {self._show(target)}; allowed are "
            f"{self._show(low)} to {self._show(high)} (limit set by {bound.by}{run_up})"
        )

    @property
    def _beside(self) -> Mapping[str, Any]:
        return {} if self.source.instrument is None else self.source.instrument.parameters

    def _show(self, value: float) -> str:
        return f"{value:.7g} {getattr(self.source, 'unit', '')}".rstrip()


def find(owner: str, path: str | ParameterBase) -> ParameterBase:
    """Return the parameter with a name in dots as in "stage.axis1.position", of an instrument that is open.

    Raises:
        UsageError: there is none; `owner` is who wants to know.
    """
    if isinstance(path, ParameterBase):
        return path
    first, *rest = path.split(".")
    if not rest:
        raise UsageError(f"{owner}: {path!r} is no parameter; write it as instrument.parameter")
    try:
        here: Any = Instrument.find_instrument(first)
    except KeyError as error:
        raise UsageError(
            f"{owner}: no instrument {first!r} is open, which {path!r} needs; load it before, in a station file by "
            "putting it further up"
        ) from error
    for part in rest[:-1]:
        here = _member(owner, path, here, here.submodules, part)
    parameter: ParameterBase = _member(owner, path, here, here.parameters, rest[-1])
    return parameter


def _member(owner: str, path: str, inside: InstrumentBase, members: Any, name: str) -> Any:
    if name not in members:
        raise UsageError(
            f"{owner}: {path!r} cannot be found, because {inside.full_name} has no {name!r}; "
            f"{did_you_mean(name, [str(key) for key in members])}"
        )
    return members[name]


def _bounds(owner: str, source: ParameterBase, stated: Sequence[float] | None) -> tuple[Bound, Bound]:
    """Return the narrowest limits among those stated, the parameter's own and its instrument's."""
    lows, highs = [], []
    if stated is not None:
        if len(stated) != 2:
            raise UsageError(f"{owner}: the range {stated!r} of {source.full_name} is not [lowest, highest]")
        lows.append(Bound(float(stated[0]), f"the range stated for {owner}"))
        highs.append(Bound(float(stated[1]), f"the range stated for {owner}"))
    if isinstance(source.vals, Numbers | Ints):
        low, high = source.vals.valid_values
        lows.append(Bound(float(low), f"the validator of {source.full_name}"))
        highs.append(Bound(float(high), f"the validator of {source.full_name}"))
    beside = source.instrument.parameters if source.instrument is not None else {}
    for name, found in (("low_limit", lows), ("high_limit", highs)):
        if name in beside:
            found.append(Bound(float(beside[name].get()), beside[name].full_name))
    low_most = max(lows, default=Bound(float("-inf"), ""), key=lambda bound: bound.value)
    high_most = min(highs, default=Bound(float("inf"), ""), key=lambda bound: bound.value)
    if not (low_most.value > float("-inf") and high_most.value < float("inf")):
        raise UsageError(f"{owner}: nobody limits {source.full_name}; state its range as [lowest, highest]")
    return low_most, high_most
