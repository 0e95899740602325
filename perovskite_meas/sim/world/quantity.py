"""What may stand in a world file: numbers with units, sizes that can be off, words from a list."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from perovskite_meas.core.errors import UsageError, did_you_mean
from perovskite_meas.core.units import to_unit


def is_off(raw: object) -> bool:
    """Say whether a file entry is the word `off` (YAML 1.1 readers make it False)."""
    return raw is False or (isinstance(raw, str) and raw.strip().lower() == "off")


@dataclass(frozen=True)
class _Entry:
    """An entry that pydantic reads through `read`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, raw: object) -> Any:
        """Return the entry as the world uses it."""
        raise NotImplementedError


@dataclass(frozen=True)
class In(_Entry):
    """A number in `unit`, from text with a unit or a bare number; low and high are allowed themselves."""

    unit: str
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    """The number must be greater than this."""

    def read(self, raw: object) -> float:
        """Return the number in `unit`.

        Raises:
            UsageError: not a quantity of this kind, or out of range.
        """
        number = to_unit(raw, self.unit)
        if not (math.isfinite(number) and self.low <= number <= self.high and number > self.above):
            unit = "" if self.unit == "1" else f" {self.unit}"
            raise UsageError(f"{number:g}{unit} is out of range; allowed: {self._range()}")
        return number

    def _range(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        lower = max(self.low, self.above)
        bounds = []
        if math.isfinite(lower):
            bounds.append(f"{'at least' if self.low > self.above else 'more than'} {lower:g}{unit}")
        if math.isfinite(self.high):
            bounds.append(f"at most {self.high:g}{unit}")
        return ", ".join(bounds) or "any finite number"


@dataclass(frozen=True)
class Size(In):
    """The size of an imperfection: a number in `unit`, or `off`, which is 0."""

    low: float = 0.0

    def read(self, raw: object) -> float:
        """Return the size; 0 is off."""
        if is_off(raw):
            return 0.0
        if raw is True or (isinstance(raw, str) and raw.strip().lower() == "on"):
            raise UsageError(f"write its size in {self.unit!r} or 'off'; 'on' has no size here")
        return super().read(raw)


@dataclass(frozen=True)
class Switch(Size):
    """`on` (None: the number stands elsewhere in the file), `off` (0), or a number of its own."""

    def read(self, raw: object) -> float | None:  # type: ignore[override]
        """Return None for on, 0 for off, else the number in `unit`."""
        if raw is True or (isinstance(raw, str) and raw.strip().lower() == "on"):
            return None
        return super().read(raw)


@dataclass(frozen=True)
class OneOf(_Entry):
    """One word of a list."""

    words: tuple[str, ...]

    def read(self, raw: object) -> str:
        """Return the word.

        Raises:
            UsageError: another word.
        """
        if isinstance(raw, str) and raw in self.words:
            return raw
        raise UsageError(f"no such choice: {raw!r}; {did_you_mean(str(raw), self.words)}")


@dataclass(frozen=True)
class Offset:
    """How far the emitter sits from the beam axis."""

    radius: float
    """nm: rms radial distance, or the distance itself where `fixed`."""
    fixed: bool = False


@dataclass(frozen=True)
class RadialOffset(_Entry):
    """`50 nm` (rms of a 2-D Gaussian drawn per session), `fixed 50 nm` (exactly), or `off`."""

    def read(self, raw: object) -> Offset:
        """Return the offset."""
        if is_off(raw):
            return Offset(0.0, fixed=True)
        fixed = isinstance(raw, str) and "fixed" in raw
        number = raw.replace("fixed", "") if isinstance(raw, str) else raw
        return Offset(In("nm", low=0.0, high=1e5).read(number), fixed)


@dataclass(frozen=True)
class Ladder(_Entry):
    """`statistical`, `truncated`, or a list of Q_m/Q_X for m = 3, 4, ... (zero beyond its end)."""

    def read(self, raw: object) -> str | tuple[float, ...]:
        """Return the word or the ratios."""
        if isinstance(raw, (list, tuple)):
            return tuple(In("1", low=0.0, high=1.0).read(item) for item in raw)
        return OneOf(("statistical", "truncated")).read(raw)
