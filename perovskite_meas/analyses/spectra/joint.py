"""Joint fit of many frames: positions by a model of levels, one shape, free amplitudes by group, a shift per frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from .kernels import accumulate
from .rows import Array, Mask
from .shape import Shape, clip_shape
from .stack import Stack

HOPELESS = 1000.0
"""chi2 beyond a better model from which the exact value does not matter."""
SHIFT = 0.5
"""meV; the prior width of a frame's shift, which only holds frames without light."""


class Levels(Protocol):
    """Where the lines of a model lie."""

    @property
    def name(self) -> str:
        """Return the name of the model."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters."""

    def positions(self, values: Array, field: Array) -> tuple[Array, Array]:
        """Return lines (k, n) in meV and their slopes (k, n, L) at fields in T."""

    def bounded(self, values: Array) -> Array:
        """Return the parameters within their bounds."""

    def prior(self) -> tuple[Array, Array]:
        """Return mean and 1-sigma of a wide prior of each parameter."""


@dataclass(frozen=True)
class Fit:
    """A joint fit."""

    levels: Levels
    shape: Shape
    values: Array
    """Of the levels, then linewidth, wing, phonon and warmth."""
    shifts: Array
    """In meV, (F,)."""
    chi2: float
    likelihood: float
    """Log-likelihood of the pixels."""
    model: Array
    amplitude: Array
    """Counts of the lines, background and its slope, (G, n + 2)."""
    error: Array
    covariance: Array
    """Of the values, statistical, (T, T)."""
    normal: Array
    gradient: Array
    shift_error: Array
    """In meV, (F,)."""
    pixels: int
    free: Mask
    """Which values were fitted, (T,)."""
    steps: int = 0

    @property
    def reduced(self) -> float:
        """chi2 over degrees of freedom."""
        used = int(self.free.sum()) + self.shifts.size + int((self.amplitude != 0).sum())
        return self.chi2 / max(1, self.pixels - used)

    def value(self, name: str) -> float:
        """Return one fitted value."""
        return float(self.values[self._names().index(name)])

    def sigma(self, name: str) -> float:
        """Return the statistical 1-sigma of one value."""
        k = self._names().index(name)
        return float(np.sqrt(max(self.covariance[k, k], 0.0)))

    def _names(self) -> list[str]:
        return [*self.levels.parameters, "linewidth", "wing", "phonon", "warmth"]


class Joint:
    """Fits models of levels to one stack."""

    def __init__(self, made: Stack, shape: Shape) -> None:
        self.stack, self.shape = made, shape
        wide = np.maximum(made.counts, 0.0)
        self.start_variance = np.maximum(
            np.apply_along_axis(np.convolve, 1, wide, np.ones(5) / 5, "same"), 0.0
        ) + made.floor  # fmt: skip

    def fit(
        self, levels: Levels, values: Array, *, shifts: Array | None = None, steps: int = 40, free: Mask | None = None,
        variance: Array | None = None, moving: bool = True, precision: float = 0.02,
        bar: float = np.inf,
    ) -> Fit:  # fmt: skip
        """Return the least-squares fit with variances from the model, from one start.

        Args:
            levels: the model of the lines.
            values: start, of the levels' parameters and of linewidth, wing, phonon and warmth.
            shifts: start of the frames' shifts, in meV.
            steps: at most.
            free: which values are fitted; all but the warmth where not given.
            variance: of the pixels at first.
            moving: whether the frames have shifts.
            precision: change of chi2 at which it ends.
            bar: chi2 of a better model; a fit that will not come near it ends early.
        """
        size = len(values)
        free = _usual(size) if free is None else free
        state = _State(self, levels, free, moving)
        shift = np.zeros(len(self.stack.counts)) if shifts is None else shifts.copy()
        variance = self.start_variance if variance is None else variance
        now = state.at(values, shift, variance)
        damping, taken, calm = 1e-3, 0, 0
        for taken in range(1, steps + 1):
            variance = np.maximum(now.model, 0.0) + self.stack.floor
            now = state.at(now.values, now.shifts, variance)
            accepted = False
            for _ in range(6):
                new_values, new_shifts = state.step(now, damping)
                tried = state.at(new_values, new_shifts, variance, want=False)
                if tried.cost < now.cost:
                    accepted = True
                    break
                damping = max(damping, 1e-6) * 8
            if not accepted:
                break
            gain = now.cost - tried.cost
            now = replace(tried, values=tried.values)
            damping = max(damping / 6, 1e-9)
            calm = calm + 1 if gain < precision else 0
            if calm >= 2 or (taken >= 4 and now.cost - 20 * gain > bar + HOPELESS):
                break
        variance = np.maximum(now.model, 0.0) + self.stack.floor
        return state.finish(state.at(now.values, now.shifts, variance), variance, taken)

    def chi2(self, levels: Levels, values: Array, shifts: Array) -> float:
        """Return chi2 at given values, with the amplitudes that fit best."""
        state = _State(self, levels, _usual(len(values)), True)
        return state.at(values, shifts, self.start_variance, want=False).chi2


@dataclass(frozen=True)
class _Point:
    values: Array
    shifts: Array
    cost: float
    chi2: float
    model: Array
    amplitude: Array
    error: Array
    normal: Array
    gradient: Array
    back: Array
    own: Array


@dataclass
class _State:
    joint: Joint
    levels: Levels
    free: Mask
    moving: bool

    def at(self, values: Array, shifts: Array, variance: Array, want: bool = True) -> _Point:
        """Return the model at a point, with the reduced normal equation where it is wanted."""
        made = self.joint.stack
        frames, pixels = made.counts.shape
        levels = len(self.levels.parameters)
        place, slope = self.levels.positions(values[:levels], made.field)
        profile = self.joint.shape.profile(values[levels:], slopes=want)
        size, params = place.shape[1] + 2, levels + 4
        model, amplitude, error = (
            np.empty((frames, pixels)),
            np.zeros((made.groups, size)),
            np.zeros((made.groups, size)),
        )
        normal, gradient = np.zeros((params, params)), np.zeros(params)
        back, own = np.zeros((frames, params)), np.zeros(frames)
        prior = SHIFT**-2 if self.moving else 1e12
        chi = accumulate(
            made.energy, made.width, made.counts, made.good / variance, made.scale, made.starts,
            np.ascontiguousarray(place + shifts[:, None]), np.ascontiguousarray(slope), profile.table, profile.first,
            profile.step, prior, shifts, want, model, amplitude, error, normal, gradient, back, own,
        )  # fmt: skip
        mean, sigma = self._prior()
        away = (values - mean) / sigma
        normal += np.diag(sigma**-2)
        gradient -= away / sigma
        return _Point(
            values, shifts, chi + float((away**2)[self.free].sum()), chi, model, amplitude, error, normal, gradient,
            back, own,
        )  # fmt: skip

    def step(self, now: _Point, damping: float) -> tuple[Array, Array]:
        """Return values and shifts after a damped step."""
        levels = len(self.levels.parameters)
        keep = np.flatnonzero(self.free)
        bounded = now.values
        for _ in range(4):
            part = now.normal[np.ix_(keep, keep)]
            move = np.zeros(now.values.size)
            move[keep] = np.linalg.solve(part + damping * np.diag(np.diag(part)), now.gradient[keep])
            wanted = now.values + move
            bounded = np.concatenate([self.levels.bounded(wanted[:levels]), clip_shape(wanted[levels:])])
            pressed = (bounded != wanted) & (np.abs(bounded - now.values) < 1e-9)
            if not pressed[keep].any():
                break
            keep = keep[~pressed[keep]]
        moved = now.own / (1.0 + damping) - now.back @ (bounded - now.values) if self.moving else np.zeros_like(now.own)
        return bounded, now.shifts + np.clip(moved, -0.1, 0.1)

    def finish(self, now: _Point, variance: Array, taken: int) -> Fit:
        """Return the fit with covariance and likelihood."""
        made = self.joint.stack
        keep = np.flatnonzero(self.free)
        covariance = np.zeros_like(now.normal)
        part = now.normal[np.ix_(keep, keep)]
        covariance[np.ix_(keep, keep)] = np.linalg.pinv(part, rcond=1e-13, hermitian=True)
        good = made.good > 0
        chi = float((made.good * (made.counts - now.model) ** 2 / variance).sum())
        likelihood = -0.5 * (chi + float(np.log(variance[good]).sum()))
        local = np.einsum("ft,tu,fu->f", now.back, covariance, now.back)
        return Fit(
            self.levels, self.joint.shape, now.values, now.shifts, chi, likelihood, now.model, now.amplitude,
            now.error, covariance, now.normal, now.gradient, np.sqrt(np.maximum(local, 0.0)), int(good.sum()),
            self.free, taken,
        )  # fmt: skip

    def _prior(self) -> tuple[Array, Array]:
        mean, sigma = self.levels.prior()
        return (
            np.concatenate([mean, [0.12, 0.1, 0.6, 1.0]]), np.concatenate([sigma, [1.0, 0.3, 0.6, 0.7]])
        )  # fmt: skip


def _usual(size: int) -> Mask:
    free = np.ones(size, dtype=bool)
    free[-1] = False
    return free
