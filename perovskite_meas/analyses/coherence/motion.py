"""How the phases of the sweeps move: drift and random walk, as the bursts together tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from perovskite_meas.core.value import Value

from .rows import Array
from .walk import Motion, Paths

COMMON = np.array([0.0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0])
OWN = np.array([0.0, 1e-3, 1e-2, 0.05, 0.2, 0.8, 3.0, 10.0])
"""Diffusion in rad^2/s that is tried."""
JITTER = np.array([0.0, 3e-3, 1e-2, 0.03, 0.1, 0.3, 1.0])
"""Scatter in rad^2 that is tried."""
OWN_WORTH = 3.0
"""Log-likelihood that motion by the line must bring."""
FEW = np.linspace(-3.0, 3.0, 5)
PHASES = 32


def find_motion(paths: Paths, drift: Value | None, before: Motion) -> tuple[Motion, float]:
    """Return drift and diffusion of highest likelihood, and the relative 1-sigma of the common diffusion."""
    width = 1 / np.sqrt(np.maximum(paths.known.information[..., 0, 0].sum(axis=1), 1e-6))
    grid = np.maximum(paths.centre[:, None] + width[:, None] * FEW, 1e-4)

    def worth(motion: Motion) -> float:
        likelihood = paths.likelihood(grid, motion, PHASES)
        top = likelihood.max(axis=1)
        told = 0.0 if drift is None else -0.5 * (motion.drift - drift.nominal) ** 2 / max(drift.sigma, 1e-4) ** 2
        return float((top + np.log(np.exp(likelihood - top[:, None]).mean(axis=1))).sum()) + told

    motion = before
    for _ in range(2 if not before.common else 1):
        motion = replace(motion, common=_best(COMMON, np.array([worth(replace(motion, common=d)) for d in COMMON])))
        for name, tried in (("own", OWN), ("jitter", JITTER)):
            found = np.array([worth(replace(motion, **{name: d})) for d in tried])
            gained = found.max() - found[0] > OWN_WORTH
            motion = replace(motion, **{name: _best(tried, found) if gained else 0.0})
        if not (motion.own or motion.jitter):
            break
    if drift is not None and not before.common:
        motion = replace(motion, drift=drift.nominal)
    motion = _drifted(motion, worth)
    relative = _relative(motion, worth)
    return motion, relative


def _drifted(motion: Motion, worth: Callable[[Motion], float]) -> Motion:
    step = 0.01
    for _ in range(2):
        low, here, high = (worth(replace(motion, drift=motion.drift + k * step)) for k in (-1, 0, 1))
        bend = low - 2 * here + high
        move = 0.5 * (low - high) / bend if bend < 0 else np.sign(high - low) * 3.0
        motion = replace(motion, drift=float(motion.drift + step * np.clip(move, -10, 10)))
    return motion


def _relative(motion: Motion, worth: Callable[[Motion], float]) -> float:
    if not motion.common:
        return 0.0
    low, here, high = (worth(replace(motion, common=motion.common * f)) for f in (1 / 1.3, 1.0, 1.3))
    bend = -(low - 2 * here + high) / np.log(1.3) ** 2
    return float(1 / np.sqrt(bend)) if bend > 0.25 else 2.0


def _best(tried: Array, worth: Array) -> float:
    """Return the diffusion at the top of a parabola in its logarithm through the three best neighbours."""
    k = int(np.argmax(worth))
    if k in (0, len(tried) - 1) or tried[k - 1] == 0:
        return float(tried[k])
    x, y = np.log(tried[k - 1 : k + 2]), worth[k - 1 : k + 2]
    curve = np.polyfit(x - x[1], y, 2)
    top = -curve[1] / (2 * curve[0]) if curve[0] < 0 else 0.0
    return float(tried[k] * np.exp(np.clip(top, x[0] - x[1], x[2] - x[1])))
