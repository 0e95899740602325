"""Models of the lines in a field: exciton with or without its dark state, trion, and lines that do not move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.setup import MU_B

Levels = tuple[Array, Array]
BRIGHT = np.array([[-2.0, -1.0], [1.0, -1.0], [1.0, 2.0]]) / 3.0
"""Bright energies from their mean, by the two splittings."""
ZERO = 0.05
"""T that counts as no field."""
AWAY = -1e3
"""meV where no spectrum is."""
SIZE = 7
"""Parameters of the exciton."""
FLOOR = 1e-8
"""Square of a component of the field's direction that counts as none."""
LEAST_SPAN = 1e-3
"""meV between lowest and highest bright level below which directions do not matter."""


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


def _middle(values: Array) -> tuple[float, float]:
    """Return where the middle bright level lies between the lowest (0) and the highest (1), and their distance."""
    span = max(float(values[1] + values[2]), LEAST_SPAN)
    return float(np.clip(values[1] / span, 0.0, 1.0)), span


def most_across(values: Array) -> float:
    """Return the largest b_y^2 that has the q of the angle."""
    middle, _ = _middle(values)
    high = float(np.cos(values[5])) ** 2
    return min(high / max(middle, 1e-9), (1.0 - high) / max(1.0 - middle, 1e-9))


def directions(values: Array) -> tuple[Array, Array]:
    """Return b (3,) and its slopes by first, second, angle and across (3, 4), q as the angle says it.

    b_z^2 = cos^2 - k b_y^2 and b_x^2 = sin^2 - (1 - k) b_y^2 keep q, k where the middle level lies. The levels depend
    on the squares alone, so signs do not matter.
    """
    middle, span = _middle(values)
    angle = float(values[5])
    across = float(values[6]) if len(values) > 6 else 0.0
    squares = np.array([np.sin(angle) ** 2 - (1 - middle) * across, across, np.cos(angle) ** 2 - middle * across])
    by_middle = across * np.array([1.0, 0.0, -1.0])
    turn = np.sin(2 * angle)
    slopes = np.stack(
        [by_middle * (1 - middle) / span, -by_middle * middle / span, turn * np.array([1.0, 0.0, -1.0]),
         np.array([middle - 1.0, 1.0, -middle])], axis=1,
    )  # fmt: skip
    b: Array = np.sqrt(np.maximum(squares, FLOOR))
    if across <= 0.0:  # the plane itself, where angles have signs
        b = np.array([np.sin(angle), np.sqrt(FLOOR), np.cos(angle)])
    halved = np.where(np.abs(b) > np.sqrt(FLOOR), b, np.sqrt(FLOOR))
    return b, slopes / (2 * halved[:, None])


@dataclass(frozen=True)
class Exciton:
    """Bright triplet and dark singlet; energies from the mean of the bright ones.

    `angle` is that of the gauge, where the field lies in the plane of the lowest and highest bright dipole; it says
    q = SUM_j E_j b_j^2. `across` is b_y^2 at the same q, of which the bright levels know nothing and a dark level close
    to them a little: a nuisance held by its prior, never a result. Without it the field lies in that plane.
    """

    dim: bool = False
    """Whether the dark level gives no line without field at all; else it may, as a replica would."""
    name: str = "exciton"
    parameters: tuple[str, ...] = ("splitting", "first", "second", "g_sum", "g_diff", "angle", "across")

    def hamiltonian(self, values: Array, field: Array) -> tuple[Array, Array]:
        """Return H (k, 4, 4) and its derivatives (k, 7, 4, 4) at fields in T; energies in meV, angle in rad."""
        splitting, first, second, g_sum, g_diff = (float(v) for v in values[:5])
        towards, turned = directions(values)
        parts = 0.5 * MU_B * field[:, None, None, None] * matrices()[None]
        whole, other = (np.einsum("j,kjab->kab", towards, part) for part in (parts[:, :3], parts[:, 3:]))
        diagonal = np.concatenate([[-splitting], BRIGHT @ np.array([first, second])])
        h = np.diag(diagonal)[None] + g_sum * whole + g_diff * other
        slopes = np.zeros((field.size, len(values), 4, 4), dtype=complex)
        mixed = np.einsum("jp,kjab->kpab", turned, g_sum * parts[:, :3] + g_diff * parts[:, 3:])
        slopes[:, [1, 2, 5]] = mixed[:, :3]
        if len(values) > 6:
            slopes[:, 6] = mixed[:, 3]
        slopes[:, 0, 0, 0] = -1.0
        for j in range(3):
            slopes[:, 1, j + 1, j + 1] += BRIGHT[j, 0]
            slopes[:, 2, j + 1, j + 1] += BRIGHT[j, 1]
        slopes[:, 3], slopes[:, 4] = whole, other
        return h, slopes

    def positions(self, values: Array, field: Array) -> Levels:
        """Return the four levels, lowest first, and their slopes (Hellmann and Feynman)."""
        places, which = np.unique(field, return_inverse=True)
        h, slopes = self.hamiltonian(values, places)
        energy, states = np.linalg.eigh(h)
        slope = np.einsum("kin,kpij,kjn->knp", states.conj(), slopes, states).real
        if self.dim:
            none = np.flatnonzero(np.abs(places) < ZERO)
            energy[none, np.abs(states[none, 0, :]).argmax(axis=1)] = AWAY
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
        if kept.size > 6:
            kept[6] = np.clip(kept[6], 0.0, most_across(kept))
        return kept

    def prior(self) -> Levels:
        """Return mean and 1-sigma of a wide prior, that of `across` as for fields of any direction."""
        return np.array([2.0, 0.3, 0.3, 2.5, 1.0, 0.8, 1 / 3]), np.array([10.0, 3.0, 3.0, 3.0, 4.0, 2.0, 0.3])


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
