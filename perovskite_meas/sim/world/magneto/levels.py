"""Energies and dipoles of one electron-hole pair in a field, from the spins of electron and hole.

The pair lives in the product basis of both spins (1/2 x 1/2); no analysis formula is used. Fields and dipoles are
in the axes of the crystal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..noise import Floats

Complexes = NDArray[np.complex128]

MU_B = 0.0578838181
"""meV/T (PHYSICS 0)."""

_SIGMA = 0.5 * np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex128)
_ONE = np.eye(2)
_ELECTRON = np.array([np.kron(s, _ONE) for s in _SIGMA])
_HOLE = np.array([np.kron(_ONE, s) for s in _SIGMA])
_CONTACT = np.einsum("aij,ajk->aik", _ELECTRON, _HOLE)
_ROOT = math.sqrt(0.5)
_DIPOLE = np.array([[-_ROOT, 0, 0, _ROOT], [-1j * _ROOT, 0, 0, -1j * _ROOT], [0, _ROOT, _ROOT, 0]])
"""<T_a| in the basis uu, ud, du, dd: the triplet component that emits along crystal axis a; the singlet does not."""


class Levels(NamedTuple):
    """Four emission lines, by rising energy for an exciton."""

    energy: Floats
    """Of each line, meV, shape (4,)."""
    dipole: Complexes
    """Of each line, crystal axes, shape (4, 3); a fully bright state has length 1."""
    bright: Floats
    """Squared length of each dipole, shape (4,)."""
    upper: NDArray[np.int64]
    """Which state each line starts from, shape (4,): 0..3 for an exciton, 0..1 for a trion."""
    states: Floats
    """Energies of these states, meV, shape (n,)."""


@dataclass(frozen=True)
class Exciton:
    """An exciton: one dark (singlet) and three linearly polarised bright states at zero field.

    Attributes:
        energy: meV; all others are relative to it.
        dark: meV.
        bright: of the states along x, y, z, meV.
        g_electron: along x, y, z.
        g_hole: along x, y, z; the pair has g_e + g_h.
        diamagnetic: ueV/T^2.
    """

    energy: float
    dark: float
    bright: tuple[float, float, float]
    g_electron: tuple[float, float, float]
    g_hole: tuple[float, float, float]
    diamagnetic: float = 0.0

    def hamiltonian(self, field: Floats) -> Complexes:
        """Return H in the basis uu, ud, du, dd (electron first), meV, shape (4, 4); `field` in T, shape (3,).

        Exchange is an anisotropic Heisenberg term C + SUM_a J_a s_a^e s_a^h; its J follow from the four energies.
        """
        above = np.array(self.bright) - self.dark
        exchange = np.sum(above) - 2.0 * above
        h: Complexes = np.einsum("a,aij->ij", exchange, _CONTACT)
        h += np.einsum("a,aij->ij", MU_B * np.array(self.g_electron) * field, _ELECTRON)
        h += np.einsum("a,aij->ij", MU_B * np.array(self.g_hole) * field, _HOLE)
        shift = self.energy + self.dark + np.sum(above) / 4.0 + 1e-3 * self.diamagnetic * float(field @ field)
        found: Complexes = h + shift * np.eye(4)
        return found

    def solve(self, field: Floats) -> Levels:
        """Return the lines at this field (T, crystal axes, shape (3,)), by rising energy."""
        field = np.asarray(field, dtype=float)
        energy, states = np.linalg.eigh(self.hamiltonian(field))
        dipole: Complexes = (_DIPOLE @ states).T
        return Levels(energy, dipole, _squared(dipole), np.arange(4), energy)


@dataclass(frozen=True)
class Trion:
    """A trion: no exchange; the spin of its unpaired carrier before, and of the one left after emission.

    The annihilated pair has spins (e, h); its energy is (+-g_e +- g_h)/2 muB B, its dipole that of its triplet part.

    Attributes:
        energy: meV.
        g_electron: along x, y, z.
        g_hole: along x, y, z.
        diamagnetic: ueV/T^2.
    """

    energy: float
    g_electron: tuple[float, float, float]
    g_hole: tuple[float, float, float]
    diamagnetic: float = 0.0

    def solve(self, field: Floats) -> Levels:
        """Return the lines at this field (T, crystal axes, shape (3,)); the upper state is the spin of the hole."""
        field = np.asarray(field, dtype=float)
        electron, e_states = _spin(np.array(self.g_electron) * field)
        hole, h_states = _spin(np.array(self.g_hole) * field)
        centre = self.energy + 1e-3 * self.diamagnetic * float(field @ field)
        pairs = [(e, h) for e in (0, 1) for h in (0, 1)]
        energy = centre + np.array([electron[e] + hole[h] for e, h in pairs])
        spins = np.array([np.kron(e_states[:, e], h_states[:, h]) for e, h in pairs])
        dipole: Complexes = (_DIPOLE @ spins.T).T * math.sqrt(2.0 / 3.0)
        return Levels(energy, dipole, _squared(dipole), np.array([h for _, h in pairs]), hole)


def _spin(g_field: Floats) -> tuple[Floats, Complexes]:
    """Return energies (meV, shape (2,)) and states (columns) of one spin 1/2; `g_field` is g B, T; along z without."""
    if not g_field.any():
        return np.zeros(2), np.eye(2, dtype=np.complex128)
    energy, states = np.linalg.eigh(np.einsum("a,aij->ij", MU_B * g_field, _SIGMA))
    return energy, states


def _squared(dipole: Complexes) -> Floats:
    found: Floats = np.sum(np.abs(dipole) ** 2, axis=1)
    return found
