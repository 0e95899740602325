"""Neutral filters against each other: the same setting seen through two of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.pulses.rows import Array, Indices, Rows
from perovskite_meas.analyses.pulses.setup import Setup

from .groups import Groups
from .law import Fit as LawFit
from .law import Noise, averaged, variance

NEAR = 0.03
"""ln fluence within which two settings are the same."""


@dataclass(frozen=True)
class Filters:
    """By how much stated transmissions are off, and how well that is known."""

    steps: tuple[int, ...]
    correction: Array
    """ln of stated over found transmission, by step, (s,)."""
    sigma: Array
    """1-sigma of it, (s,)."""
    compared: int
    """Exposures that could be compared."""

    def factors(self, step: Indices) -> Array:
        """Return what signals behind these filters are multiplied by."""
        found = np.ones(step.size)
        for place, correction in zip(self.steps, self.correction, strict=True):
            found[step == place] = math.exp(correction)
        return found

    def moved(self, fit: LawFit, groups: Groups, k: int) -> float:
        """Return the 1-sigma that the filters leave in one unknown of a law."""
        parts = [
            fit.moved(k, np.where(groups.step == place, groups.mean * sigma, 0.0))
            for place, sigma in zip(self.steps, self.sigma, strict=True)
        ]
        return math.sqrt(sum(part**2 for part in parts))


def compare_filters(rows: Rows, each: Groups, fit: LawFit, noise: Noise, setup: Setup) -> Filters:
    """Return the filters' corrections by stated sigmas and by the series 'overlap'.

    `each` holds one group per row; a row is compared with others of the same set point by what both are over the
    law at their own energies.
    """
    steps = tuple(int(step) for step in np.unique(each.step))
    trust = np.array([setup.filter_trust(float(rows.transmission[rows.step == step].max())) for step in steps])
    held = np.maximum(trust, 1e-6)
    information, pull = np.diag(held**-2.0), np.zeros(len(steps))
    model = averaged(fit.law, fit.theta, each)
    ratio = np.log(np.maximum(each.mean / model, 1e-6))
    square = variance(fit.law, fit.theta, each, noise) / model**2
    asked = np.log(np.maximum(rows.asked[each.row], 1e-15))
    compared = 0
    for i in np.flatnonzero(rows.series[each.row] == "overlap"):
        same = np.isin(rows.series[each.row], ("up", "down")) & (np.abs(asked - asked[i]) < NEAR)
        same &= (each.step != each.step[i]) & (rows.spot[each.row] == rows.spot[each.row[i]])
        if not same.any():
            continue
        # The nearest in time: a film that wears is not to be taken for a filter.
        when = np.abs(rows.time[each.row] - rows.time[each.row[i]])
        j = int(np.where(same, when, np.inf).argmin())
        a, b = steps.index(int(each.step[i])), steps.index(int(each.step[j]))
        weight = 1.0 / (square[i] + square[j])
        contrast = np.zeros(len(steps))
        contrast[a], contrast[b] = 1.0, -1.0
        information += weight * np.outer(contrast, contrast)
        pull -= weight * (ratio[i] - ratio[j]) * contrast
        compared += 1
    covariance = np.linalg.inv(information)
    return Filters(steps, covariance @ pull, np.sqrt(np.diag(covariance)), compared)
