"""Newton's method on a function whose arguments are scaled to about one sigma."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .rows import Array

MOST_STEPS = 40
LONGEST = 15.0
"""Of a step in any argument."""


def slopes(worth: Callable[[Array], float], x: Array, step: float) -> tuple[Array, Array]:
    """Return gradient and second derivatives by central differences."""
    size = x.size
    moves = step * np.eye(size)
    here = worth(x)
    up = np.array([worth(x + move) for move in moves])
    down = np.array([worth(x - move) for move in moves])
    hessian = np.diag((up - 2 * here + down) / step**2)
    for i in range(size):
        for j in range(i):
            # the mean of both diagonals is exact to third order
            both = worth(x + moves[i] + moves[j]) + worth(x - moves[i] - moves[j])
            mixed = (both - up[i] - up[j] - down[i] - down[j] + 2 * here) / (2 * step**2)
            hessian[i, j] = hessian[j, i] = mixed
    return (up - down) / (2 * step), hessian


def climb(worth: Callable[[Array], float], size: int) -> tuple[Array, float]:
    """Return where a function is highest, climbing from zero by Newton's steps, and its value there."""
    x = np.zeros(size)
    here = worth(x)
    for _ in range(MOST_STEPS):
        gradient, hessian = slopes(worth, x, 0.1)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            break
        values, vectors = np.linalg.eigh(-hessian)
        move = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), 1e-3))
        move *= min(1.0, LONGEST / max(float(np.abs(move).max()), 1e-12))
        gained = 0.0
        for part in (1.0, 0.4, 0.1, 0.02):
            there = worth(x + part * move)
            if there > here:
                gained, x, here = there - here, x + part * move, there
                break
        if gained < 1e-5:
            break
    return x, here
