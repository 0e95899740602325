"""Models of the lines in a field: exciton with or without its dark state, trion, and lines that do not move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.setup import MU_B

Levels = tuple[Array, Array]
BRIGHT = np.array([[-2.0, -1.0], [1.0, -1.0], [1.0, 2.0]]) / 3.0
"""Bright energies from their mean, by the two splittings."""


def matrices() -> Array:
    """Return dH/d(sum b_j), then dH/d(diff b_j), j = x, y, z, in the basis D, X, Y, Z, per muB B/2, (6, 4, 4).

    The field lies in the plane of X and Z: only q = sum E_j b_j^2 is determined by the bright energies.
    Source: Fu et al., Nano Lett. 17, 2895 (2017); Tamarat et al., Nat. Mater. 18, 717 (2019).
    """
    found = np.zeros((6, 4, 4), dtype=complex)
    d, x, y, z = range(4)
    for j, (first, second) in enumerate(((y, z), (z, x), (x, y))):
        found[j, first, second], found[j, second, first] = -1j, 1j
        found[3 + j, d, j + 1] = found[3 + j, j + 1, d] = 1.0
    return found


@dataclass(frozen=True)
class Exciton:
    """Bright triplet and dark singlet; energies from the mean of the bright ones."""

    azimuth: float = 0.0
    """Of the field about the highest bright dipole, in rad; 0 is the gauge, anything else a test of it."""
    name: str = "exciton"
    parameters: tuple[str, ...] = ("splitting", "first", "second", "g_sum", "g_diff", "angle")

    def hamiltonian(self, values: Array, field: Array) -> tuple[Array, Array]:
        """Return H (k, 4, 4) and its derivatives (k, 6, 4, 4) at fields in T; energies in meV, angle in rad."""
        splitting, first, second, g_sum, g_diff, angle = (float(v) for v in values)
        parts = 0.5 * MU_B * field[:, None, None, None] * matrices()[None]
        s, c = np.sin(angle), np.cos(angle)
        flat = np.array([np.cos(self.azimuth), np.sin(self.azimuth)])
        towards, turned = np.array([*(s * flat), c]), np.array([*(c * flat), -s])
        whole, other = (np.einsum("j,kjab->kab", towards, part) for part in (parts[:, :3], parts[:, 3:]))
        diagonal = np.concatenate([[-splitting], BRIGHT @ np.array([first, second])])
        h = np.diag(diagonal)[None] + g_sum * whole + g_diff * other
        slopes = np.zeros((field.size, 6, 4, 4), dtype=complex)
        slopes[:, 0, 0, 0] = -1.0
        for j in range(3):
            slopes[:, 1, j + 1, j + 1], slopes[:, 2, j + 1, j + 1] = BRIGHT[j]
        slopes[:, 3], slopes[:, 4] = whole, other
        slopes[:, 5] = np.einsum("j,kjab->kab", turned, g_sum * parts[:, :3] + g_diff * parts[:, 3:])
        return h, slopes

    def positions(self, values: Array, field: Array) -> Levels:
        """Return the four levels, lowest first, and their slopes (Hellmann and Feynman)."""
        places, which = np.unique(field, return_inverse=True)
        h, slopes = self.hamiltonian(values, places)
        energy, states = np.linalg.eigh(h)
        slope = np.einsum("kin,kpij,kjn->knp", states.conj(), slopes, states).real
        return energy[which], slope[which]

    def dark_share(self, values: Array, field: Array) -> Array:
        """Return how much of each level is the dark state, (k, 4)."""
        _, states = np.linalg.eigh(self.hamiltonian(values, field)[0])
        share: Array = np.abs(states[:, 0, :]) ** 2
        return share

    def bounded(self, values: Array) -> Array:
        """Return the parameters with splittings that are not negative."""
        kept = values.copy()
        kept[1:3] = np.maximum(kept[1:3], 0.0)
        kept[3:5] = np.clip(kept[3:5], -12.0, 12.0)
        return kept

    def prior(self) -> Levels:
        """Return mean and 1-sigma of a wide prior."""
        return np.array([2.0, 0.3, 0.3, 2.5, 1.0, 0.8]), np.array([10.0, 3.0, 3.0, 3.0, 4.0, 2.0])


@dataclass(frozen=True)
class Triplet:
    """The bright states alone."""

    name: str = "no dark line"
    parameters: tuple[str, ...] = ("first", "second", "g_sum", "angle")

    def positions(self, values: Array, field: Array) -> Levels:
        """Return the three levels, lowest first, and their slopes."""
        first, second, g_sum, angle = values
        places, which = np.unique(field, return_inverse=True)
        h, slopes = Exciton().hamiltonian(np.array([0.0, first, second, g_sum, 0.0, angle]), places)
        energy, states = np.linalg.eigh(h[:, 1:, 1:])
        slope = np.einsum("kin,kpij,kjn->knp", states.conj(), slopes[:, [1, 2, 3, 5], 1:, 1:], states).real
        return energy[which], slope[which]

    def bounded(self, values: Array) -> Array:
        """Return the parameters with splittings that are not negative."""
        kept = values.copy()
        kept[:2] = np.maximum(kept[:2], 0.0)
        kept[2] = np.clip(kept[2], -12.0, 12.0)
        return kept

    def prior(self) -> Levels:
        """Return mean and 1-sigma of a wide prior."""
        return np.array([0.3, 0.3, 2.5, 0.8]), np.array([3.0, 3.0, 3.0, 2.0])


@dataclass(frozen=True)
class Trion:
    """Four transitions linear in the field, one line without it."""

    name: str = "trion"
    parameters: tuple[str, ...] = ("g_sum", "g_diff")

    def positions(self, values: Array, field: Array) -> Levels:
        """Return the lines at +-(g_e +- g_h)/2 muB B and their slopes."""
        half = 0.5 * MU_B * field
        signs = np.array([[-1.0, 0.0], [0.0, -1.0], [0.0, 1.0], [1.0, 0.0]])
        slope = half[:, None, None] * signs[None]
        return slope @ np.asarray(values), slope

    def bounded(self, values: Array) -> Array:
        """Return the parameters within their bounds."""
        return np.clip(values, -12.0, 12.0)

    def prior(self) -> Levels:
        """Return mean and 1-sigma of a wide prior."""
        return np.array([2.5, 1.0]), np.array([3.0, 3.0])
