"""Systematic parts of a lifetime, each named, to first order: a change of the model moves the fit by its influence."""

from __future__ import annotations

import math

import numpy as np

from .averages import Number
from .background import Background, convolved
from .fit import Fit, influence
from .pile_up import Bunching, blind
from .response import Response
from .rows import Array

PILE_UP_TRUST = 0.1
"""Relative 1-sigma of the pile-up correction: dead time, blinking within a row."""
UNTOLD = 0.5
"""Part of the correction within a pulse that is booked where nothing tells how the photons come together."""


def systematics(
    fit: Fit,
    target: Number,
    responses: tuple[Response, ...],
    backgrounds: tuple[Background, ...],
    seen: tuple[tuple[Array, float, float | None, int], ...],
    light: Bunching,
) -> dict[str, float]:
    """Return the 1-sigma of `target` by cause, in its own unit.

    Args:
        fit: the best fit.
        target: a lifetime and its gradient.
        responses: measured responses of the detectors in the fit; empty where none was measured.
        backgrounds: of the same detectors.
        seen: for each detector its histogram, pulses, dead time (ps) and bin of arrival, as for `blind`.
        light: how the photons come together.
    """
    moves = influence(fit, target.gradient)
    mean = fit.model.expected(fit.theta)
    out = {}
    if responses:
        out["response_photons"] = math.sqrt(sum(_response_variance(fit, moves, d, r) for d, r in enumerate(responses)))
        out["bin_width"] = 0.5 * abs(sum(_bin_move(fit, moves, d, r) for d, r in enumerate(responses)))
    scale = [float(fit.theta[fit.model.index(f"scale_{d}")]) for d in range(len(backgrounds))]
    noise = sum(
        _shape_variance(moves[d] * factor * fit.model.traces[d].live, b.variance)
        for d, (b, factor) in enumerate(zip(backgrounds, scale, strict=True))
    )
    if noise > 0:
        out["background_photons"] = math.sqrt(noise)
    correction = untold = 0.0
    for d, (counts, pulses, dead_time, zero) in enumerate(seen):
        width, live = fit.model.bin_width, fit.model.traces[d].live
        lost = mean[d] * (1 - live) / live
        within = blind(counts, pulses, width, dead_time, zero, Bunching(light.same, 0.0, light.source))
        correction += float((moves[d] * lost).sum())
        untold += float((moves[d] * mean[d] * within / live).sum())
    out["pile_up"] = math.hypot(PILE_UP_TRUST * correction, UNTOLD * untold if light.source == "assumed" else 0.0)
    return out


def _response_variance(fit: Fit, moves: Array, detector: int, response: Response) -> float:
    """Return the variance of the target from the photon statistics of one response."""
    trace = fit.model.traces[detector]
    pulled = moves[detector] * trace.live * _photons(fit, detector)
    # How the target moves with a count of the response: the moves seen through the reversed decay.
    per_bin = convolved(pulled, _kernel(fit, detector)[::-1])
    return float((per_bin**2 * response.variance).sum())


def _shape_variance(moves: Array, variance: Array) -> float:
    """Return the variance of the target from the shape of a background; the fit knows that of its total."""
    total = float(variance.sum())
    whole = float((moves * variance).sum()) ** 2 / total if total > 0 else 0.0
    return max(float((moves**2 * variance).sum()) - whole, 0.0)


def _bin_move(fit: Fit, moves: Array, detector: int, response: Response) -> float:
    trace = fit.model.traces[detector]
    other = response.shape if response.sharp is not response.shape else _blurred(response.shape)
    change = convolved(other - trace.response, _kernel(fit, detector))
    return -float((moves[detector] * trace.live * _photons(fit, detector) * change).sum())


def _blurred(shape: Array) -> Array:
    out: Array = shape + (np.roll(shape, 1) - 2.0 * shape + np.roll(shape, -1)) / 12.0
    return out


def _photons(fit: Fit, detector: int) -> float:
    return math.exp(float(fit.theta[fit.model.index(f"ln_counts_{detector}")]))


def _kernel(fit: Fit, detector: int) -> Array:
    return fit.model.kernel(fit.theta, detector)
