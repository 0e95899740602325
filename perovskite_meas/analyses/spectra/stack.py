"""Frames in groups of equal amplitudes, as the joint fits take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .prepare import Spectra
from .rows import Array, Indices


@dataclass(frozen=True)
class Stack:
    """Frames in groups of equal amplitudes, F of P pixels."""

    energy: Array
    width: Array
    counts: Array
    good: Array
    """1 where a pixel counts, (F, P)."""
    floor: Array
    """Variance without light, (F, P)."""
    scale: Array
    """Brightness of a frame over the mean of its group, (F,)."""
    starts: Indices
    """First frame of each group, and the number of frames, (G + 1,)."""
    field: Array
    """Of each frame, in T, (F,)."""
    way: Array
    """+1 where |B| was going up, -1 down, 0 else, (F,)."""
    order: Indices
    """Frame in the spectra that each one is, (F,)."""

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.starts) - 1

    @property
    def group(self) -> Indices:
        """Return the group of each frame, (F,)."""
        return np.repeat(np.arange(self.groups), np.diff(self.starts))


def stack(spectra: Spectra, keys: Sequence[Sequence[float]], field: Array) -> Stack:
    """Return frames sorted into groups of equal keys; `field` is the true one of each frame, in T."""
    table = np.array([tuple(key) for key in keys], dtype=np.float64).reshape(len(spectra), -1)
    _, group = np.unique(table, axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    counts, good = spectra.electrons[order], spectra.good[order].astype(np.float64)
    energy = spectra.energy[order]
    made = Stack(
        energy, np.abs(np.gradient(energy, axis=1)), counts, good, np.full(counts.shape, spectra.floor),
        np.ones(len(order)), np.concatenate([[0], np.cumsum(sizes)]), field[order],
        spectra.frames.branch[order], order,
    )  # fmt: skip
    base = np.percentile(counts, 20, axis=1)
    return rescaled(made, np.maximum(counts.sum(axis=1) - base * counts.shape[1], 1.0))


def rescaled(made: Stack, light: Array) -> Stack:
    """Return the stack with the brightness of its frames set from their light."""
    group = made.group
    mean = np.bincount(group, light) / np.bincount(group)
    return replace(made, scale=np.clip(light / np.maximum(mean[group], 1e-9), 0.05, 20.0))


def coadd(made: Stack, shifts: Array) -> Stack:
    """Return one frame per field: all frames of a field added on the axis of the first, moved by their shifts."""
    _, which = np.unique(np.round(np.abs(made.field), 2), return_inverse=True)
    energy, counts, floor, good, field = [], [], [], [], []
    for k in range(which.max() + 1):
        own = np.flatnonzero(which == k)
        axis = made.energy[own[0]]
        up = np.argsort(axis)
        moved = [
            np.interp(axis, (made.energy[f] - shifts[f])[np.argsort(made.energy[f])],
                      made.counts[f][np.argsort(made.energy[f])])
            for f in own
        ]  # fmt: skip
        energy.append(axis[up])
        counts.append(np.sum(moved, axis=0)[up])
        floor.append(made.floor[own].sum(axis=0)[up])
        good.append(np.ones(axis.size))
        field.append(float(np.abs(made.field[own]).mean()))
    axis = np.array(energy)
    n = len(field)
    return Stack(
        axis, np.abs(np.gradient(axis, axis=1)), np.array(counts), np.array(good), np.array(floor), np.ones(n),
        np.arange(n + 1), np.array(field), np.zeros(n), np.arange(n),
    )  # fmt: skip
