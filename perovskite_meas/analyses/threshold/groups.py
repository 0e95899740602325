"""Pulses in groups of like measured energy: what every law is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from perovskite_meas.analyses.pulses.light import Light
from perovskite_meas.analyses.pulses.rows import Array, Indices, Mask, Rows

EDGE = 1.03
"""Part by which pulses may lie beyond the outermost set points."""
CELLS = 5
"""Groups over which their density is a mean."""
SIZE = 8
"""Pulses in a group where each has a spectrum of its own."""


@dataclass(frozen=True)
class Groups:
    """n groups of up to k pulses; their emission is the mean over the pulses."""

    log_fluence: Array
    """ln of the measured fluence of each pulse over `unit`, (n, k)."""
    weight: Array
    """1/(pulses of the group), 0 for padding, (n, k)."""
    mean: Array
    """Emission per pulse, electrons, (n,)."""
    noise: Array
    """Variance of the mean by shot and read noise, (n,)."""
    relative: Array
    """Variance of the mean beyond that, over its square, for a variance of 1 of one recorded frame, (n,)."""
    unit: float
    """J/cm^2."""
    step: Indices
    """Place of the filter, (n,)."""
    row: Indices
    """Row of each group; -1 where it holds pulses of several, (n,)."""
    members: tuple[Indices, ...]
    """Frames of the light in each group."""

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def centre(self) -> Array:
        """Mean ln fluence of each group over the unit, (n,)."""
        centre: Array = (self.log_fluence * self.weight).sum(axis=1)
        return centre

    @property
    def cells(self) -> Array:
        """Part of the ln fluence axis that belongs to each group, over the mean of all, (n,).

        Weights by it make an estimate one of the curve, and not of where it was measured most densely.
        """
        order = np.argsort(self.centre)
        sorted_centre = self.centre[order]
        middle = 0.5 * (sorted_centre[1:] + sorted_centre[:-1])
        edges = np.concatenate([sorted_centre[:1], middle, sorted_centre[-1:]])
        found = np.empty(len(self))
        # Several groups lie within one step of a sweep: what counts is how many, not their chance distances.
        found[order] = uniform_filter1d(np.diff(edges), min(CELLS, len(self)), mode="nearest")
        return found / max(float(found.mean()), 1e-30)

    def only(self, keep: Mask) -> Groups:
        """Return the selected groups."""
        return replace(
            self, log_fluence=self.log_fluence[keep], weight=self.weight[keep], mean=self.mean[keep],
            noise=self.noise[keep], relative=self.relative[keep], step=self.step[keep], row=self.row[keep],
            members=tuple(one for one, kept in zip(self.members, keep, strict=True) if kept),
        )  # fmt: skip

    def scaled(self, factor: Array) -> Groups:
        """Return the groups with every mean multiplied by its factor, (n,)."""
        return replace(self, mean=self.mean * factor, noise=self.noise * factor**2)


def group(rows: Rows, light: Light, keep: Mask, unit: float, size: int = SIZE) -> Groups:
    """Return the frames `keep` of the light (m,) in groups.

    Frames of single pulses are sorted by measured fluence, filter by filter, and grouped by `size`: the energies of
    the pulses, not the set points, decide where a pulse belongs. A frame that holds all pulses of its row is a group.
    """
    chosen = np.flatnonzero(keep)
    single = light.pulse[chosen] >= 0
    members: list[Indices] = [np.array([k]) for k in chosen[~single]]
    alone = chosen[single]
    own = rows.fluences[light.row[alone], light.pulse[alone]]
    # Beyond the outermost set points pulses come by chance: they would move what a law that is not quite right gives.
    asked = rows.asked[light.row[alone]]
    if alone.size:
        inside = (own > asked.min() / EDGE) & (own < asked.max() * EDGE)
        alone, own = alone[inside], own[inside]
    for step in np.unique(rows.step[light.row[alone]]):
        here = rows.step[light.row[alone]] == step
        order = alone[here][np.argsort(own[here])]
        members += np.array_split(order, max(1, round(order.size / size))) if order.size else []
    return _gathered(rows, light, members, unit)


def by_row(rows: Rows, light: Light, unit: float) -> Groups:
    """Return one group per row with light, in their order."""
    return _gathered(rows, light, [np.flatnonzero(light.row == k) for k in np.unique(light.row)], unit, named=True)


def _gathered(rows: Rows, light: Light, members: list[Indices], unit: float, *, named: bool = False) -> Groups:
    fluences = [_energies(rows, light, one) for one in members]
    most = max((part.size for part in fluences), default=1)
    logs, weight = np.zeros((len(members), most)), np.zeros((len(members), most))
    for k, part in enumerate(fluences):
        logs[k, : part.size], logs[k, part.size :] = np.log(part / unit), np.log(part[0] / unit)
        weight[k, : part.size] = 1.0 / part.size
    first = np.array([light.row[one[0]] for one in members], dtype=np.intp)
    whole = np.array([light.pulse[one[0]] < 0 for one in members], dtype=bool)
    lost = np.where(whole, rows.uncertain[first] / np.maximum(rows.shots[first], 1), 0.0)
    counts = np.array([one.size for one in members], dtype=np.float64)
    mean = np.array([light.signal[one].mean() for one in members])
    noise = np.array([light.noise[one].sum() for one in members]) / counts**2 + (0.5 * lost * mean) ** 2
    return Groups(
        logs,
        weight,
        mean,
        noise,
        1.0 / counts,
        unit,
        rows.step[first],
        np.where(whole | named, first, -1),
        tuple(members),
    )


def _energies(rows: Rows, light: Light, frames: Indices) -> Array:
    if light.pulse[frames[0]] >= 0:
        one: Array = rows.fluences[light.row[frames], light.pulse[frames]]
        return one
    every: Array = rows.fluences[light.row[frames[0]]]
    positive: Array = every[every > 0]
    return positive


def spectra(groups: Groups, light: Light) -> tuple[Array, Array]:
    """Return the mean spectrum of each group in electrons per pulse before the filter and its variance, both (n, b)."""
    found = np.array([(light.electrons[one] * light.factor[one, None]).mean(axis=0) for one in groups.members])
    parts = [
        ((np.clip(light.electrons[one], 0, None) + light.variance) * light.factor[one, None] ** 2).sum(axis=0)
        / one.size**2
        for one in groups.members
    ]
    return found, np.array(parts)
