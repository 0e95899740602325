"""Which line of the lamp is which on the camera, and the axis through them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.lamp_lines import LampLine
from perovskite_meas.core.value import Value

from .peaks import Peak

Array = npt.NDArray[np.float64]

SIGMAS = 5.0
"""How far the axis may be off, in sigmas of what is stated."""
LEAST_OFFSET = 0.1
"""nm by which it may be off at least."""
LEAST_SCALE = 0.02
"""Likewise of the dispersion, relative."""
NEAR = 1.5
"""Pixels within which a line belongs to an axis through two others."""
MARGIN = 3.0
"""Least lead of an assignment over any other that contradicts it, in nats."""


@dataclass(frozen=True)
class Stated:
    """The axis as the bench states it; u is the pixel from the middle of the sensor."""

    dial: float
    offset: Value
    dispersion: Value
    curvature: Value
    focal: float
    """px; infinite where not stated."""
    pixels: int

    def u(self, pixel: Array) -> Array:
        """Return pixels from the middle of the sensor."""
        found: Array = pixel - (self.pixels - 1) / 2
        return found

    def bent(self, u: Array) -> Array:
        """Return u with the cubic term of a flat sensor behind a grating."""
        found: Array = u - u**3 / (2 * self.focal**2)
        return found

    def at(self, u: Array) -> Array:
        """Return the wavelength in vacuum, in nm."""
        found: Array = (
            self.dial + self.offset.nominal + self.dispersion.nominal * self.bent(u) + self.curvature.nominal * u**2
        )
        return found


class AmbiguousError(Exception):
    """Two assignments that contradict each other fit."""


def assign(peaks: Sequence[Peak], lines: Sequence[LampLine], stated: Stated) -> dict[int, int]:
    """Return line by peak: the assignment that explains most light and asks least of the stated axis.

    Every pair of peaks with every pair of lines within reach gives an axis; what else falls onto it counts. With one
    peak within reach of a line, that line.

    Raises:
        AmbiguousError: two assignments that contradict each other do so about equally well.
    """
    if not peaks or not lines:
        return {}
    u = stated.u(np.array([peak.pixel for peak in peaks]))
    seen, true = stated.at(u), np.array([line.vacuum for line in lines])
    worth = np.log1p([peak.strength for peak in peaks])
    reach = max(SIGMAS * stated.offset.sigma, LEAST_OFFSET)
    stretch = max(SIGMAS * stated.dispersion.relative, LEAST_SCALE)
    within = np.abs(seen[:, None] - true) <= reach + stretch * np.abs(stated.dispersion.nominal * u)[:, None]
    pairs = [(int(i), int(j)) for i, j in np.argwhere(within)]
    found: dict[frozenset[tuple[int, int]], float] = {}
    for (i, j), (k, m) in combinations(pairs, 2):
        if i == k or j == m or abs(u[i] - u[k]) < NEAR:
            continue
        scale = (true[m] - true[j] - (seen[k] - seen[i])) / (stated.dispersion.nominal * (u[k] - u[i]))
        offset = true[j] - seen[i] - scale * stated.dispersion.nominal * u[i]
        if abs(scale) <= stretch and abs(offset) <= reach:
            _put(found, seen + offset + scale * stated.dispersion.nominal * u, true, worth, stated, offset / reach,
                 scale / stretch)  # fmt: skip
    for i, j in pairs:
        if abs(true[j] - seen[i]) <= reach:
            _put(found, seen + true[j] - seen[i], true, worth, stated, (true[j] - seen[i]) / reach, 0.0)
    if not found:
        return {}
    best = max(found, key=lambda key: found[key])
    for other, score in found.items():
        if score > found[best] - MARGIN and _contradict(dict(best), dict(other)):
            raise AmbiguousError
    return dict(best)


def _put(
    found: dict[frozenset[tuple[int, int]], float],
    axis: Array,
    true: Array,
    worth: Array,
    stated: Stated,
    offset: float,
    scale: float,
) -> None:
    """Add the assignment that an axis makes, with its score: worth of its peaks less what it asks of the axis."""
    away = np.abs(axis[:, None] - true)
    nearest, miss = away.argmin(axis=1), away.min(axis=1) / abs(stated.dispersion.nominal)
    taken: dict[int, int] = {}
    for i in np.argsort(miss):
        if miss[i] <= NEAR and int(nearest[i]) not in taken.values():
            taken[int(i)] = int(nearest[i])
    chosen = list(taken)
    score = float((worth[chosen] - 0.5 * (miss[chosen] / NEAR) ** 2).sum())
    score -= 0.5 * SIGMAS**2 * (offset**2 + scale**2)
    key = frozenset(taken.items())
    found[key] = max(score, found.get(key, -math.inf))


def _contradict(one: dict[int, int], other: dict[int, int]) -> bool:
    shared = set(one) & set(other)
    return any(one[i] != other[i] for i in shared) or not shared


def straightened(
    u: Array, wavelength: Array, sigma: Array, floor: float, stated: Stated
) -> tuple[Array, Array, Array, Array]:
    """Return offset, dispersion and curvature, their total and their statistical covariance, and what is left, in px.

    With fewer than three lines the curvature, with one also the dispersion, is held by what is stated.

    Args:
        u: pixels from the middle, shape (n,).
        wavelength: nm in vacuum, shape (n,).
        sigma: of u by the fits of the lines, px, shape (n,).
        floor: px that the form of a line may move it, as one more error.
        stated: the axis so far.
    """
    unit = abs(stated.dispersion.nominal)
    scales = np.array([unit, unit, unit / 1e3])  # px, 1, 1/(1000 px): a well conditioned problem
    design = np.column_stack([np.ones(u.size), stated.bent(u), u**2]) * scales / unit
    held = [(2, stated.curvature)] * (u.size < 3) + [(1, stated.dispersion)] * (u.size < 2)
    rows, goal = [design], [(wavelength - stated.dial) / unit]
    errors = [np.hypot(sigma, floor)]
    for column, value in held:
        rows.append(np.eye(3)[column : column + 1])
        goal.append(np.array([value.nominal / scales[column]]))
        errors.append(np.array([max(value.sigma, 1e-9 * scales[column]) / scales[column]]))
    weight = 1 / np.concatenate(errors)
    matrix, right = np.vstack(rows) * weight[:, None], np.concatenate(goal) * weight
    best: Array = np.linalg.lstsq(matrix, right, rcond=None)[0].astype(np.float64)
    total: Array = np.linalg.inv(matrix.T @ matrix).astype(np.float64)
    left: Array = (right / weight - np.vstack(rows) @ best)[: u.size]
    gain: Array = total @ (matrix * weight[:, None]).T
    statistical: Array = (gain[:, : u.size] * sigma**2) @ gain[:, : u.size].T
    spare = u.size - 3
    if spare > 0:
        total = total * max(1.0, float(((left / errors[0]) ** 2).sum()) / spare)
    outer = np.outer(scales, scales)
    return best * scales, total * outer, statistical * outer, left
