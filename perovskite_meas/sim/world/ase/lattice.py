"""Tables over the logarithm of <N>, which every strip of a line focus shares."""

from __future__ import annotations

import numpy as np

from ..noise import Floats
from .colours import cubic

LOWEST, STEP, NODES = -9.6, 0.05, 297
"""ln <N> from 7e-5 to 180; light is proportional to <N> below, and no longer grows above."""
_ACROSS = 48
_WIDTH = 2.2
"""Waists (of <N> to the power 1/n) that count on either side of a Gaussian line."""


def pairs() -> Floats:
    """Return <N> at the nodes, shape (NODES,)."""
    found: Floats = np.exp(LOWEST + STEP * np.arange(NODES))
    return found


def read(table: Floats, logs: Floats) -> Floats:
    """Return the table's rows (logarithms of light) at these ln <N>, shape (n, m).

    Args:
        table: shape (NODES, m).
        logs: shape (n,).
    """
    inside = np.clip(logs, LOWEST, LOWEST + STEP * (NODES - 1))
    rows, shares = cubic((inside - LOWEST) / STEP, NODES)
    found: Floats = np.minimum(logs - LOWEST, 0.0)[:, None] + np.zeros(table.shape[1])
    for row, share in zip(rows.T, shares.T, strict=True):
        found += share[:, None] * table[row]
    return found


def mean(table: Floats, shares: Floats, weights: Floats) -> Floats:
    """Return the table of places that see these shares (at most 1) of <N>, summed with these weights.

    Args:
        table: shape (NODES, m), as the result.
        shares: shape (k,).
        weights: shape (k,).
    """
    total = np.zeros_like(table)
    below = int(np.ceil(-np.log(np.min(shares)) / STEP)) + 3
    darker = table[0] - STEP * np.arange(below, 0, -1)[:, None]
    brighter = table[-1] + (table[-1] - table[-2]) * np.arange(1, 3)[:, None]
    longer = np.concatenate([darker, table, brighter])
    for share, weight in zip(shares, weights, strict=True):
        place = np.log(share) / STEP
        rows, four = cubic(np.array(below + place), len(longer))
        moved = sum(one * longer[row : row + NODES] for row, one in zip(rows.tolist(), four.tolist(), strict=True))
        total += weight * np.exp(moved)
    found: Floats = np.log(total)
    return found


def across(photon_order: int, even: float) -> tuple[Floats, Floats]:
    """Return <N> of strips of the line over that of its middle, and their weights by the pulse's energy.

    Args:
        photon_order: of the excitation.
        even: share of the energy in a flat top; the rest falls off like a Gaussian line.
    """
    places, weights = np.polynomial.legendre.leggauss(_ACROSS)
    places, weights = _WIDTH * (places + 1.0) / 2.0, _WIDTH * weights / 2.0
    waist = np.sqrt(np.pi / 8.0)  # the integral of exp(-2 u^2) from 0 on
    gauss = (1.0 - even) * weights / (waist * np.sqrt(photon_order))
    if even >= 1.0:
        return np.ones(1), np.ones(1)
    return np.append(np.exp(-2.0 * places**2), 1.0), np.append(gauss, even)
