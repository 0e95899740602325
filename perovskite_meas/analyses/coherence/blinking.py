"""Which points an emitter was on for: a hidden Markov chain along each sweep."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .rows import Array

MOST = 48
"""Levels between on and off, at most."""
PRIOR = np.array([[200.0, 1.0, 0.2], [1.0, 1.0, 1.0], [0.2, 1.0, 20.0]])
"""Pseudo-counts of transitions."""


@dataclass(frozen=True)
class Levels:
    """Brightness of the sub-states over that of the on state."""

    level: Array
    """1 for on; in between for a switch within the point, or grey; 0 for off, (m,)."""
    state: Array
    """Which of the three states of the chain each belongs to: 0 on, 1 between, 2 off."""
    share: Array
    """Part of each within its state."""

    @classmethod
    def fine_enough(cls, photons: float) -> Levels:
        """Return levels in steps of about the noise of a point with so many photons when on."""
        number = int(np.clip(np.ceil(0.6 + 0.6 * np.sqrt(max(photons, 0.0))), 3, MOST))
        between = 1 - (np.arange(number) + 0.5) / number
        state = np.concatenate([[0.0], np.ones(number), [2.0]])
        return cls(np.concatenate([[1.0], between, [0.0]]), state, np.where(state == 1, 1 / number, 1.0))


@dataclass(frozen=True)
class Chain:
    """Transitions of the three states from one point to the next, the same in all sweeps."""

    transition: Array
    """Row: from; column: to; (3, 3)."""
    steady: bool = False
    """Whether the emitter is taken to be always on."""

    @classmethod
    def guess(cls) -> Chain:
        """Return what an emitter might do that blinks a little."""
        return cls(np.array([[0.99, 0.009, 0.001], [0.45, 0.1, 0.45], [0.005, 0.045, 0.95]]))

    @property
    def stationary(self) -> Array:
        """Part of the time spent in each state, (3,)."""
        if self.steady:
            return np.array([1.0, 0.0, 0.0])
        values, vectors = np.linalg.eig(self.transition.T)
        found = np.real(vectors[:, int(np.argmin(np.abs(values - 1)))])
        share: Array = found / found.sum()
        return share

    def relearned(self, seen: Array) -> Chain:
        """Return the chain with the transitions that were seen, (3, 3)."""
        counts = seen + PRIOR
        return replace(self, transition=counts / counts.sum(axis=1, keepdims=True))
