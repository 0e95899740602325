"""Flux that the magnet has trapped: the field lags behind the current, so it is smaller going up and larger down."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Joint, Levels
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.core.value import Value

TINY = 1e-4
"""T."""
TRAPPED = 0.020
"""T; what a superconducting coil with iron about it may trap, 1-sigma."""
LOW = 0.25
"""T below which trapped flux does not show."""
FEWEST = 2


@dataclass(frozen=True)
class Offset:
    """Levels in a field that is a little off in some frames."""

    base: Levels
    flags: Array
    """Weight of each offset by frame, (F, k)."""
    width: float
    """1-sigma of the offsets' prior, in T."""

    @property
    def name(self) -> str:
        """Return the name of the model without offsets."""
        return self.base.name

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the parameters of the levels and one offset per flag, in T."""
        return (*self.base.parameters, *(f"offset_{k}" for k in range(self.flags.shape[1])))

    def positions(self, values: Array, field: Array) -> tuple[Array, Array]:
        """Return the levels and their slopes at |B| plus the offsets."""
        own = len(self.base.parameters)
        size = np.abs(field) + self.flags @ values[own:]
        lines, slopes = self.base.positions(values[:own], size)
        ahead, _ = self.base.positions(values[:own], size + TINY)
        by_field = (ahead - lines) / TINY
        return lines, np.concatenate([slopes, by_field[:, :, None] * self.flags[:, None, :]], axis=2)

    def bounded(self, values: Array) -> Array:
        """Return the parameters within their bounds."""
        own = len(self.base.parameters)
        return np.concatenate([self.base.bounded(values[:own]), np.clip(values[own:], -0.5, 0.5)])

    def prior(self) -> tuple[Array, Array]:
        """Return mean and 1-sigma of a wide prior."""
        mean, sigma = self.base.prior()
        k = self.flags.shape[1]
        return np.concatenate([mean, np.zeros(k)]), np.concatenate([sigma, np.full(k, self.width)])


@dataclass(frozen=True)
class Flux:
    """A fit in the field that there was."""

    joint: Joint
    """With the fields corrected."""
    fit: Fit
    """Of the levels alone; its covariance knows of the flux."""
    trapped: Value | None
    """By which |B| is smaller going up and larger going down, in mT; None where the scan cannot tell."""
    doubt: dict[str, float]
    """What the parameters change by for 1-sigma of flux, where the scan cannot tell; else zeros."""


def with_flux(joint: Joint, fit: Fit) -> Flux:
    """Return the best fit with the trapped flux free, where fields were met on the way up and down."""
    made = joint.stack
    high = np.abs(made.field) > LOW
    told = min(int((high & (made.way > 0)).sum()), int((high & (made.way < 0)).sum())) >= FEWEST
    own = len(fit.levels.parameters)
    levels = Offset(fit.levels, np.where(high, -made.way, 0.0)[:, None], TRAPPED)
    free = np.insert(fit.free, own, told)
    start = np.insert(fit.values, own, 0.0)
    found = joint.fit(levels, start, shifts=fit.shifts, free=free, steps=12 if told else 1, precision=0.1)
    keep = np.arange(start.size) != own
    inner = np.flatnonzero(fit.free)
    plain = replace(
        found, levels=fit.levels, values=found.values[keep], covariance=found.covariance[np.ix_(keep, keep)],
        normal=found.normal[np.ix_(keep, keep)], gradient=found.gradient[keep], free=fit.free,
    )  # fmt: skip
    names = [*fit.levels.parameters, "linewidth", "wing", "phonon", "warmth"]
    if told:
        h = Value(
            found.value("offset_0") * 1e3, found.sigma("offset_0") * 1e3 * float(np.sqrt(max(1.0, found.reduced))), "mT"
        )
        size = np.abs(made.field) + levels.flags[:, 0] * found.value("offset_0")
        corrected = replace(made, field=np.where(made.field < 0, -size, size))
        return Flux(Joint(corrected, joint.shape), plain, h, dict.fromkeys(names, 0.0))
    row = found.normal[keep, own][inner]
    moved = np.zeros(keep.sum())
    moved[inner] = -np.linalg.lstsq(plain.normal[np.ix_(inner, inner)], row, rcond=None)[0] * TRAPPED
    return Flux(joint, replace(fit), None, dict(zip(names, moved.tolist(), strict=True)))
