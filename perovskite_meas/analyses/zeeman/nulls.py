"""Null tests: is a field the same field on the way down, and the same with its sign turned?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Joint
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.core.value import Value

from .levels import Exciton

TINY = 1e-4
"""T."""
LARGEST = 4.0
"""Sigmas beyond which a null test fails."""


@dataclass(frozen=True)
class Offset:
    """The exciton in a field that is a little off in some frames."""

    flags: Array
    """Weight of each offset by frame, (F, k)."""
    name: str = "exciton"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the exciton's parameters and one offset per flag, in T."""
        return (*Exciton().parameters, *(f"offset_{k}" for k in range(self.flags.shape[1])))

    def positions(self, values: Array, field: Array) -> tuple[Array, Array]:
        """Return the levels and their slopes at |B| plus the offsets."""
        base = Exciton()
        size = np.abs(field) + self.flags @ values[6:]
        lines, slopes = base.positions(values[:6], size)
        ahead, _ = base.positions(values[:6], size + TINY)
        by_field = (ahead - lines) / TINY
        return lines, np.concatenate([slopes, by_field[:, :, None] * self.flags[:, None, :]], axis=2)

    def bounded(self, values: Array) -> Array:
        """Return the parameters within their bounds."""
        return np.concatenate([Exciton().bounded(values[:6]), np.clip(values[6:], -0.5, 0.5)])

    def prior(self) -> tuple[Array, Array]:
        """Return mean and 1-sigma of a wide prior."""
        mean, sigma = Exciton().prior()
        k = self.flags.shape[1]
        return np.concatenate([mean, np.zeros(k)]), np.concatenate([sigma, np.full(k, 0.5)])


def null_tests(joint: Joint, fit: Fit, branch: Array, nominal: Array) -> dict[str, Value]:
    """Return 'down' (|B| on the way down minus up) and 'swap' (|B| negative minus positive), in mT.

    Only what the data can test is returned. `branch` and `nominal` in the order of the stack.
    """
    upper = np.abs(nominal) > 0.25
    down, up = upper & (branch < 0) & (nominal > 0), upper & (branch >= 0) & (nominal > 0)
    turned = upper & (nominal < 0)
    names, flags = [], []
    if down.any() and up.any():
        names.append("down")
        flags.append(down)
    if turned.any() and (up.any() or down.any()):
        names.append("swap")
        flags.append(turned)
    if not names:
        return {}
    levels = Offset(np.array(flags, np.float64).T)
    start = np.concatenate([fit.values[:6], np.zeros(len(names)), fit.values[6:]])
    found = joint.fit(levels, start, shifts=fit.shifts, steps=3)
    scale = np.sqrt(max(1.0, found.reduced))
    return {
        name: Value(found.value(f"offset_{k}") * 1e3, found.sigma(f"offset_{k}") * 1e3 * scale, "mT")
        for k, name in enumerate(names)
    }
