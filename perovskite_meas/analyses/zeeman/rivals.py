"""Rivals of a dark state: an emitter beside this one, whose lines come into sight with the field by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Levels
from perovskite_meas.analyses.spectra.rows import Array

from .contest import DARK_ABOVE, NO_DARK, TRION, Contest

STEPS = 12
AMPLITUDE = 1.0
"""chi2 that one amplitude more takes from noise, at most on average (0.5 of a line that is not there)."""
BEND = 0.01
"""meV/T^2; wider than any diamagnetic shift or repulsion far from a crossing."""


@dataclass(frozen=True)
class Beside:
    """Levels of one emitter, and a pair of lines that know nothing of them: e + bend B^2 +- turn |B|."""

    base: Levels
    name: str = "neighbour"

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Return the base's parameters, then energy (meV), bend (meV/T^2) and turn (meV/T)."""
        return (*self.base.parameters, "beside", "bend", "turn")

    def positions(self, values: Array, field: Array) -> tuple[Array, Array]:
        """Return the lines of both and their slopes."""
        n = len(self.base.parameters)
        own, slopes = self.base.positions(values[:n], field)
        size = np.abs(field)
        sides = np.array([-1.0, 1.0])
        more = values[n] + values[n + 1] * size[:, None] ** 2 + values[n + 2] * size[:, None] * sides
        found = np.zeros((field.size, own.shape[1] + 2, n + 3))
        found[:, : own.shape[1], :n] = slopes
        found[:, own.shape[1] :, n] = 1.0
        found[:, own.shape[1] :, n + 1] = size[:, None] ** 2
        found[:, own.shape[1] :, n + 2] = size[:, None] * sides
        return np.concatenate([own, more], axis=1), found

    def bounded(self, values: Array) -> Array:
        """Return the parameters within their bounds."""
        n = len(self.base.parameters)
        more = np.clip(values[n:], [-12.0, -0.05, 0.0], [12.0, 0.05, 0.3])
        return np.concatenate([self.base.bounded(values[:n]), more])

    def prior(self) -> tuple[Array, Array]:
        """Return mean and 1-sigma of a wide prior."""
        mean, sigma = self.base.prior()
        return np.concatenate([mean, [-2.0, 0.0, 0.0]]), np.concatenate([sigma, [10.0, BEND, 0.1]])


def ahead(found: Contest, fit: Fit) -> float:
    """Return by how much, in chi2, the exciton beats the best emitter with a neighbour in the place of its dark line.

    What beats a neighbour is the repulsion: the dark level goes down and the bright ones go up by the same g_diff.
    Per unit of the fit's own chi2, so that a misfit of the line's shape does not decide; the rival pays for its
    further lines what noise alone would give it.
    """
    best = np.inf
    for name in (NO_DARK, TRION, DARK_ABOVE):
        if name not in found.fits:
            continue
        one = found.fits[name]
        n = len(one.levels.parameters)
        start = np.concatenate([one.values[:n], [-fit.value("splitting"), 0.0, 0.01], fit.values[-4:]])
        other = found.refined.joint.fit(
            Beside(one.levels), start, shifts=fit.shifts, steps=STEPS, precision=0.5, bar=min(best, fit.chi2)
        )
        extra = (other.amplitude.shape[1] - fit.amplitude.shape[1]) * fit.amplitude.shape[0]
        best = min(best, other.chi2 / max(1.0, fit.reduced) + AMPLITUDE * extra)
    return float(best - fit.chi2 / max(1.0, fit.reduced))
