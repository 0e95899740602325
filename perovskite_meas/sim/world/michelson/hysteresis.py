"""Hysteresis of a piezo: three play operators in parallel (Prandtl-Ishlinskii; PHYSICS 2)."""

from __future__ import annotations

import numpy as np

from perovskite_meas.core.compiled import compiled

from ..noise import Floats

RADII = np.array([0.015, 0.1, 0.25])
"""Half widths of the plays, of the whole range."""
_OPENINGS = np.array([0.05, 0.25, 0.7])
"""What each contributes to the opening of the loop over the whole range; small loops open by a like share of theirs."""


def weights(hysteresis: float) -> Floats:
    """Return the share of each play operator, shape (3,); `hysteresis` is the opening of the full loop over its range.

    A play of half width r and share w opens the loop by 2 w r.
    """
    found: Floats = hysteresis * _OPENINGS / (2.0 * RADII)
    return found


@compiled
def dragged(table: Floats, radii: Floats, before: Floats) -> Floats:
    """Return the state of each play operator at every point of a table, from the state before it.

    Args:
        table: the positions that are gone through, shape (m,); linear in between.
        radii: half widths of the plays, shape (3,).
        before: states, shape (3,).

    Returns:
        States, shape (3, m).
    """
    found = np.empty((len(radii), len(table)))
    for row in range(len(radii)):
        state = before[row]
        for place in range(len(table)):
            state = min(max(state, table[place] - radii[row]), table[place] + radii[row])
            found[row, place] = state
    return found
