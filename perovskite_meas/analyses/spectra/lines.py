"""How many lines there are where nothing moves them, with an upper limit of what is not resolved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .joint import Fit, Joint
from .rows import Array
from .setup import FWHM, K_B
from .shape import START, Shape
from .stack import Stack

MOST = 3
AMPLITUDE = 2.0
"""Penalty of one free amplitude."""
GAPS = ((), ((0.12,), (0.35,), (0.7,)), ((0.1, 0.1), (0.35, 0.2), (0.2, 0.35), (0.5, 0.5)))
SCAN = np.arange(-1.6, 1.61, 0.08)
"""meV from the mean of the known lines where one more is looked for."""
CLOSEST = 0.06
"""meV from a known line."""
KEPT = 2
ONE_SIDED = 2.71
"""Change of chi2 at the 95 % upper limit."""
TRIED = np.array([0.02, 0.035, 0.05, 0.07, 0.09, 0.12, 0.16, 0.2, 0.3])
"""meV."""
MARGIN = 10.0
"""By which one more line must improve the criterion."""
SMALLEST = 0.03
"""Part of the light of a group that a line must hold in one of them."""
RESOLVED = 0.4
"""Gap over the width of a line that is needed."""
LEAST = 5.0
"""Sigmas that every line must have in one of the groups."""


@dataclass(frozen=True)
class Fixed:
    """Some lines at energies of their own, the same in all frames, from their mean."""

    number: int
    name: str = "lines"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the gaps, lowest first."""
        return tuple(f"gap_{k}" for k in range(1, self.number))

    def steps(self) -> Array:
        """Return the energies per gap, (n, n - 1)."""
        n = self.number
        steps = np.tril(np.ones((n, n)))[:, 1:]
        centred: Array = steps - steps.mean(axis=0)
        return centred

    def positions(self, values: Array, field: Array) -> tuple[Array, Array]:
        """Return the lines and their slopes."""
        steps = self.steps()
        lines = steps @ np.asarray(values) if self.number > 1 else np.zeros(1)
        return np.tile(lines, (field.size, 1)), np.tile(steps, (field.size, 1, 1))

    def bounded(self, values: Array) -> Array:
        """Return the gaps, none of them negative."""
        return np.maximum(values, 0.0)

    def prior(self) -> tuple[Array, Array]:
        """Return mean and 1-sigma of a wide prior."""
        return np.full(self.number - 1, 0.3), np.full(self.number - 1, 3.0)


@dataclass(frozen=True)
class Lines:
    """The lines at one field."""

    fits: dict[int, Fit]
    criteria: dict[int, float]
    number: int
    limit: float | None
    """95 % upper limit of a splitting of each line into two equal ones, in meV; None where lines are resolved."""

    @property
    def fit(self) -> Fit:
        """Return the fit with the chosen number of lines."""
        return self.fits[self.number]

    def energies(self) -> tuple[Array, Array]:
        """Return the lines from their mean and their 1-sigma, in meV, (n,)."""
        n = self.number
        if n == 1:
            return np.zeros(1), np.array([float(np.sqrt(np.mean(self.fit.shift_error**2)))])
        steps = Fixed(n).steps()
        covariance = self.fit.covariance[: n - 1, : n - 1] * max(1.0, self.fit.reduced)
        variance = np.einsum("na,ab,nb->n", steps, covariance, steps)
        return steps @ self.fit.values[: n - 1], np.sqrt(np.maximum(variance, 0.0))


def count_lines(made: Stack, shape: Shape, start: Array = START) -> Lines:
    """Return how many lines, up to three, these frames show."""
    joint = Joint(made, shape)
    fits: dict[int, Fit] = {}
    for n in range(1, MOST + 1):
        starts = [np.array([*gaps, *start]) for gaps in (GAPS[n - 1] or ((),))]
        tried = [joint.fit(Fixed(n), values, steps=5, precision=1.0) for values in starts]
        if n > 1:  # a faint line far from the others is found beside those that are known, not by chance
            tried += [
                joint.fit(Fixed(n), values, shifts=shifts, steps=8, precision=1.0)
                for values, shifts in _one_more(joint, fits[n - 1])
            ]
        tried.sort(key=lambda one: one.chi2)
        fits[n] = joint.fit(Fixed(n), tried[0].values, shifts=tried[0].shifts, steps=25)
    excess = max(1.0, min(fit.reduced for fit in fits.values()))
    criteria = {n: criterion(fit, excess) for n, fit in fits.items()}
    number = 1
    for n in range(2, MOST + 1):
        if criteria[n] < criteria[number] - MARGIN and _apart(fits[n], shape):
            number = n
    found = Lines(fits, criteria, number, None)
    if number == MOST:
        return found
    return Lines(fits, criteria, number, _limit(made, shape, found.fit, excess))


def _one_more(joint: Joint, fit: Fit) -> list[tuple[Array, Array]]:
    """Return values and shifts with one line more than the fit has, where a scan says that it helps most."""
    known = len(fit.levels.parameters) + 1
    place = Fixed(known).steps() @ fit.values[: known - 1] if known > 1 else np.zeros(1)
    found: list[tuple[float, Array, Array]] = []
    for new in SCAN:
        if np.abs(place - new).min() < CLOSEST:
            continue
        lines = np.sort(np.append(place, new))
        values = np.concatenate([np.diff(lines), fit.values[known - 1 :]])
        shifts = fit.shifts + float(lines.mean())
        found.append((joint.chi2(Fixed(known + 1), values, shifts), values, shifts))
    found.sort(key=lambda one: one[0])
    return [(values, shifts) for _, values, shifts in found[:KEPT]]


def criterion(fit: Fit, excess: float) -> float:
    """Return the Bayesian criterion of a fit: lower is better."""
    groups, lines = fit.amplitude.shape[0], fit.amplitude.shape[1] - 2
    levels = len(fit.levels.parameters)
    return float(-2 * fit.likelihood / excess + levels * math.log(fit.pixels) + AMPLITUDE * groups * lines)


def _apart(fit: Fit, shape: Shape) -> bool:
    """Return whether all lines are resolved and each holds a part of the light worth the name."""
    lines = fit.amplitude.shape[1] - 2
    light = fit.amplitude[:, :lines]
    clear = light > LEAST * np.maximum(fit.error[:, :lines], 1e-9)
    clear &= light > SMALLEST * light.sum(axis=1, keepdims=True)
    width = fit.value("linewidth") + FWHM * shape.psf
    return bool(clear.any(axis=0).all() and (fit.values[: lines - 1] > RESOLVED * width).all())


def _limit(made: Stack, shape: Shape, fit: Fit, excess: float) -> float | None:
    """Return the splitting of every line into two equal ones at which the fit gets worse by its 95 % bound."""
    chi = [fit.chi2]
    for split in TRIED:
        doubled = Joint(made, Shape(shape.psf, shape.heat / K_B, float(split)))
        chi.append(doubled.fit(fit.levels, fit.values, shifts=fit.shifts, steps=8, precision=0.1).chi2)
    worse = (np.array(chi) - min(chi)) / excess
    place = np.concatenate([[0.0], TRIED])
    best = int(np.argmin(chi))
    over = np.flatnonzero((worse > ONE_SIDED) & (np.arange(worse.size) > best))
    if not over.size:
        return None
    k = int(over[0])
    part = (ONE_SIDED - worse[k - 1]) / max(worse[k] - worse[k - 1], 1e-9)
    # chi2 grows with the fourth power of a small splitting
    low, high = place[k - 1] ** 4, place[k] ** 4
    return float((low + part * (high - low)) ** 0.25)
