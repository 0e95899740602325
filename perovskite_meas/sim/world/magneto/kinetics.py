"""How the populations of the emitting states decay after a pulse: one-phonon and two-phonon rates, and emission."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..noise import Floats
from .levels import Levels

K_B = 0.08617333
"""meV/K (PHYSICS 0)."""

_DARK_SLOWER = 20.0
"""Bright-dark one-phonon rates are slower by this (PHYSICS 3.7a, an assumption)."""
_LEAST_GAP = 1e-4
"""meV: closer states exchange population as if they were this far apart."""
_COLDEST = 0.5
"""K."""


@dataclass(frozen=True)
class Rates:
    """What the populations do.

    Attributes:
        bright_lifetime: of a fully bright state, ns.
        dark_lifetime: of a fully dark state, ns; it ends without light.
        phonon_rate: g0 of bright-bright one-phonon transitions, 1/ns.
        two_phonon_rate: of bright-dark two-LO-phonon transitions, times N(N + 1), 1/ns.
        lo_energy: of the LO phonon, meV.
        quantum_yield: of a fully bright state.
    """

    bright_lifetime: float = 0.6
    dark_lifetime: float = 500.0
    phonon_rate: float = 0.3
    two_phonon_rate: float = 10.0
    lo_energy: float = 16.0
    quantum_yield: float = 0.9

    def matrix(self, levels: Levels, kelvin: float) -> Floats:
        """Return K of dp/dt = K p, 1/ns, shape (n, n) for n emitting states; detailed balance holds."""
        share = self.share(levels)
        up = self.transfer(levels, kelvin)
        loss = share / self.bright_lifetime + (1.0 - share) / self.dark_lifetime
        found: Floats = up - np.diag(np.sum(up, axis=0) + loss)
        return found

    def transfer(self, levels: Levels, kelvin: float) -> Floats:
        """Return the rate into state i from state j, 1/ns, shape (n, n), zero on the diagonal."""
        warmth = K_B * max(kelvin, _COLDEST)
        share = self.share(levels)
        mixed = np.outer(share, 1.0 - share) + np.outer(1.0 - share, share)
        gap = levels.states[:, None] - levels.states[None, :]
        distance = np.maximum(np.abs(gap), _LEAST_GAP)
        lo = 1.0 / np.expm1(self.lo_energy / warmth)
        down = self.phonon_rate * (np.outer(share, share) + mixed / _DARK_SLOWER) / -np.expm1(-distance / warmth)
        down += self.two_phonon_rate * mixed * lo * (lo + 1.0)
        found: Floats = np.where(gap > 0.0, down * np.exp(-np.abs(gap) / warmth), down)
        np.fill_diagonal(found, 0.0)
        return found

    def share(self, levels: Levels) -> Floats:
        """Return how bright each emitting state is, 0..1, shape (n,)."""
        found = np.bincount(levels.upper, levels.bright, len(levels.states))
        return np.clip(found, 0.0, 1.0).astype(float)

    def yields(self, levels: Levels, kelvin: float) -> Floats:
        """Return photons emitted per excitation in each line, into all directions, shape (4,).

        A pulse fills all emitting states equally.
        """
        count = len(levels.states)
        spent = np.linalg.solve(self.matrix(levels, kelvin), np.full(count, -1.0 / count))
        found: Floats = self.quantum_yield / self.bright_lifetime * levels.bright * spent[levels.upper]
        return found

    def decay(self, levels: Levels, kelvin: float, weights: Floats | None = None) -> Decay:
        """Return the emission after a pulse, summed over the lines.

        Args:
            levels: the lines.
            kelvin: K.
            weights: share of each line's photons that counts (as `Collection.shares`), shape (4,); None for all.
        """
        counts = np.ones(4) if weights is None else weights
        count = len(levels.states)
        scaled = (levels.states - np.mean(levels.states)) / (K_B * max(kelvin, _COLDEST))
        root = np.exp(-scaled / 2.0)
        symmetric = self.matrix(levels, kelvin) * root[None, :] / root[:, None]
        values, vectors = np.linalg.eigh((symmetric + symmetric.T) / 2.0)
        seen = np.bincount(levels.upper, counts * levels.bright, count) * root
        begin = vectors.T @ (np.full(count, 1.0 / count) / root)
        return Decay(-values, self.quantum_yield / self.bright_lifetime * (seen @ vectors) * begin)


@dataclass(frozen=True)
class Decay:
    """A sum of exponentials: SUM_m amplitudes[m] exp(-rates[m] t).

    Attributes:
        rates: 1/ns, shape (n,).
        amplitudes: photons per ns and excitation, shape (n,); their sum is never negative.
    """

    rates: Floats
    amplitudes: Floats

    @property
    def photons(self) -> float:
        """Photons per excitation."""
        return float(np.sum(self.amplitudes / self.rates))

    def at(self, times: Floats) -> Floats:
        """Return photons per ns and excitation at these times after the pulse (ns), shape (n,)."""
        found: Floats = np.exp(-np.multiply.outer(times, self.rates)) @ self.amplitudes
        return found

    def emitted(self, times: Floats) -> Floats:
        """Return the share of the photons that have come by these times (ns), 0..1, shape (n,)."""
        gone = -np.expm1(-np.multiply.outer(times, self.rates))
        found: Floats = gone @ (self.amplitudes / self.rates) / self.photons
        return found

    def delays(self, rng: np.random.Generator, count: int) -> Floats:
        """Return when `count` photons come after their pulse, ns, shape (count,), in no order."""
        times, shares = self._table
        found: Floats = np.interp(rng.random(count), shares, times)
        return found

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        slow, fast = float(np.min(self.rates)), float(np.max(self.rates))
        times = np.concatenate([[0.0], np.geomspace(1e-3 / fast, 30.0 / slow, 4000)])
        return times, np.maximum.accumulate(self.emitted(times))
