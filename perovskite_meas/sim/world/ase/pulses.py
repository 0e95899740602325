"""Pulses that reached the film, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..noise import Floats
from .hashed import Numbers


@dataclass(frozen=True)
class Pulses:
    """Pulses in the order of time, each column of shape (n,)."""

    numbers: Numbers
    """Of the train."""
    times: Floats
    """s, clock time."""
    joules: Floats
    """Of the whole focus."""
    x: Floats
    """mm, of the film's stage."""
    y: Floats
    near: Floats
    """mm, of the blades."""
    far: Floats
    dose: Floats
    """J/cm^2 on that place before the pulse."""
    irradiance: Floats
    """W/cm^2 in the middle of the focus, averaged over the past seconds."""

    def part(self, which: slice | NDArray[np.int64]) -> Pulses:
        """Return some of them."""
        return Pulses(self.numbers[which], *(column[which] for column in self.floats()))

    @classmethod
    def joined(cls, parts: Sequence[Pulses]) -> Pulses:
        """Return all pulses of these parts, in their order."""
        if not parts:
            return cls(np.empty(0, dtype=np.int64), *([np.empty(0)] * 8))
        floats = zip(*(part.floats() for part in parts), strict=True)
        return cls(np.concatenate([part.numbers for part in parts]), *map(np.concatenate, floats))

    def floats(self) -> tuple[Floats, ...]:
        """Return all columns but the first."""
        return self.times, self.joules, self.x, self.y, self.near, self.far, self.dose, self.irradiance
