"""The fit in blocks of bins, as a figure shows it, and the part of the counts that is background."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .averages import number
from .fit import Fit
from .rows import Array
from .setup import Setup

FINE = 160
"""Single bins around the pulse; blocks grow further away."""
GROWTH = 0.03
"""Growth of the blocks with their distance from the pulse."""
AHEAD = 15
"""Bins of one block ahead of the pulse, where there is little to see."""


def curves(fit: Fit, setup: Setup) -> dict[str, Any]:
    """Return for each detector blocks of bins with the delay from the pulse, counts, fit, response and residual."""
    mean = fit.model.expected(fit.theta)
    out: dict[str, Any] = {}
    for d, name in enumerate(setup.names):
        trace = fit.model.traces[d]
        m, width = trace.counts.size, fit.model.bin_width * 1e-3
        lead = min(m // 10, 60)
        turn = int(trace.centre) - lead
        edges = _blocks(m, lead)
        size = np.diff(edges)

        def block(values: Array, turn: int = turn, edges: npt.NDArray[np.intp] = edges) -> Array:
            rolled: Array = np.add.reduceat(np.roll(values, -turn), edges[:-1])
            return rolled

        counts, expected = block(trace.counts), block(mean[d])
        response = block(fit.model.response(fit.theta, d)) / size
        out[name] = {
            "start": (edges[:-1] + turn - trace.centre) * width,
            "width": size * width,
            "counts": counts / size,
            "fit": expected / size,
            "response": response / max(float(response.max()), 1e-300),
            "residual": (counts - expected) / np.sqrt(np.clip(expected, 1e-9, None)),
            "used": block(trace.used.astype(np.float64)) == size,
        }
    return out


def background_part(fit: Fit) -> Value:
    """Return which part of the registered counts is not the emitter's."""
    total = sum(float(trace.counts.sum()) for trace in fit.model.traces)

    def part(theta: Array) -> float:
        found = 0.0
        for d, trace in enumerate(fit.model.traces):
            flat, scale = theta[fit.model.index(f"flat_{d}")], theta[fit.model.index(f"scale_{d}")]
            found += float((trace.live * (flat + scale * trace.background)).sum())
        return found / total

    found = number(fit, part)
    return Value(found.nominal, math.hypot(found.sigma(fit), math.sqrt(max(found.nominal, 0.0) / total)), "1")


def _blocks(bins: int, lead: int) -> npt.NDArray[np.intp]:
    edges, step = [0], 1.0
    while edges[-1] < bins:
        beyond = max(0, edges[-1] - lead - FINE)
        early = AHEAD if edges[-1] + AHEAD <= lead - AHEAD else 1
        step = max(early, GROWTH * beyond)
        edges.append(min(bins, edges[-1] + int(step)))
    return np.array(edges)
