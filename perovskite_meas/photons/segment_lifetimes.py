"""Intensity and lifetime of each segment of a pulsed recording (FLID)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags

from .changepoints import ChangePoints

Floats = npt.NDArray[np.float64]

BINS = 96
"""Bins of a segment's decay in the window of the fit."""
START = 500.0
"""ps after the arrival at which the window begins by default, so that the detectors' jitter is over."""
MARGIN = 0.03
"""Part of the period left out before the next pulse: its early photons."""
FEWEST = 30
"""Photons in the window below which a segment has no lifetime."""
GRID = 25
"""Lifetimes tried before the refinement."""
REFINEMENTS = 4
CHUNK = 2000
"""Segments worked on at once."""


@dataclass(frozen=True, eq=False)
class Flid:
    """Intensity and lifetime of each segment, shape (n,); NaN where there are too few photons."""

    levels: Floats
    """cps."""
    level_sigmas: Floats
    """cps."""
    lifetimes: Floats
    """ns."""
    lifetime_sigmas: Floats
    """ns, from the curvature of the likelihood."""
    photons: npt.NDArray[np.int64]
    """Photons in the window of the fit."""
    durations: Floats
    """s."""

    def histogram(self, level_edges: npt.ArrayLike, lifetime_edges: npt.ArrayLike, *, weights: str = "time") -> Floats:
        """Return the map of level (cps) against lifetime (ns), shape (levels, lifetimes).

        Args:
            level_edges: edges of the levels, cps.
            lifetime_edges: edges of the lifetimes, ns.
            weights: "time" counts seconds, "segments" counts segments.
        """
        good = np.isfinite(self.lifetimes)
        weight = {"time": self.durations, "segments": np.ones(len(good))}.get(weights)
        if weight is None:
            raise UsageError(f"flid.histogram: weights is {weights!r}; known are 'time' and 'segments'")
        edges = (np.asarray(level_edges, np.float64), np.asarray(lifetime_edges, np.float64))
        found, _, _ = np.histogram2d(self.levels[good], self.lifetimes[good], bins=edges, weights=weight[good])
        return np.asarray(found, dtype=np.float64)


def flid(
    tags: Tags,
    points: ChangePoints,
    *,
    arrivals: Mapping[int, float] | None = None,
    background: float = 0.0,
    start: float = START,
) -> Flid:
    """Return the level and the lifetime of each segment between change points.

    The delays later than `start` after the pulse's arrival are fitted, segment by segment, with one exponential that
    goes on over all earlier pulses (it is the same exponential again) and a uniform background of known rate, by
    maximum likelihood on bins much narrower than the lifetime. The response of the detectors is not deconvolved:
    `start` must lie behind it.

    Args:
        tags: a T3 recording.
        points: the change points of the same recording.
        arrivals: ps after the sync at which the pulse's light arrives, by channel; found from the decay where absent.
        background: cps of all channels together that know nothing of the pulse.
        start: ps after the arrival at which the fit begins.

    Raises:
        UsageError: a T2 recording, no laser period, or a window of no length.

    Source: FLID as in Palstra and Koenderink, J. Phys. Chem. C 125, 12050 (2021).
    """
    if tags.dtimes is None or tags.period is None or not tags.period > 0:
        raise UsageError("flid needs a pulsed (T3) recording with its laser period: this one has no delays")
    width = tags.period * (1 - MARGIN) - start
    if width <= 0:
        raise UsageError(f"flid: the window starts {start:g} ps after the pulse, the period is {tags.period:g} ps")
    delays = _delays(tags, arrivals or arrivals_of(tags)) - start
    inside = (delays >= 0) & (delays < width)
    segment = np.searchsorted(points.edges, tags.times, side="right") - 1
    inside &= (segment >= 0) & (segment < len(points.photons))
    slot = np.minimum((delays[inside] * (BINS / width)).astype(np.int64), BINS - 1)
    flat = np.bincount(segment[inside] * BINS + slot, minlength=len(points.photons) * BINS)
    counts = flat.reshape(-1, BINS).astype(np.float64)
    lifetimes, sigmas = _lifetimes(counts, points.durations * background * width / tags.period, width)
    return Flid(
        levels=points.levels,
        level_sigmas=points.sigmas,
        lifetimes=lifetimes * 1e-3,
        lifetime_sigmas=sigmas * 1e-3,
        photons=counts.sum(axis=1).astype(np.int64),
        durations=points.durations,
    )


def arrivals_of(tags: Tags) -> dict[int, float]:
    """Return, by channel, the delay in ps at which the decay rises to half its highest bin (200 bins per period)."""
    if tags.dtimes is None or tags.period is None:
        raise UsageError("arrivals need a pulsed (T3) recording with its laser period")
    found = {}
    for channel in np.unique(tags.channels):
        own = tags.dtimes[tags.channels == channel] * tags.resolution % tags.period
        decay = np.bincount((own * (200 / tags.period)).astype(np.int64), minlength=200).astype(np.float64)
        floor = np.median(np.sort(decay)[:40])
        top = int(np.argmax(decay))
        turned = np.roll(decay, -top - 1)
        low = np.nonzero(turned <= 0.5 * (floor + decay[top]))[0]
        steps = (len(decay) - 1 - low[-1]) if len(low) else 0
        found[int(channel)] = float((top - steps + 1) % 200 * tags.period / 200)
    return found


def _delays(tags: Tags, arrivals: Mapping[int, float]) -> Floats:
    if tags.dtimes is None or tags.period is None:
        raise UsageError("delays need a pulsed (T3) recording with its laser period")
    shift = np.zeros(256)
    for channel, arrival in arrivals.items():
        shift[channel] = arrival
    return np.asarray((tags.dtimes * tags.resolution - shift[tags.channels]) % tags.period, dtype=np.float64)


def _shapes(lifetimes: Floats, width: float) -> Floats:
    """Return the probability of each bin for exponentials cut to the window, shape (..., BINS)."""
    below = -np.expm1(-np.linspace(0, width, BINS + 1) / lifetimes[..., None])
    return np.asarray(np.diff(below, axis=-1) / below[..., -1:], dtype=np.float64)


def _lifetimes(counts: Floats, flat: Floats, width: float) -> tuple[Floats, Floats]:
    """Return lifetime and sigma (ps) of each row of `counts`; `flat` is the background expected in each window."""
    total = counts.sum(axis=1)
    share = np.clip(flat / np.maximum(total, 1.0), 0.0, 1.0)
    tau, sigma = np.full(len(total), math.nan), np.full(len(total), math.nan)
    good = np.nonzero((total >= FEWEST) & (share < 0.9))[0]
    if not len(good):
        return tau, sigma
    for rows in np.array_split(good, max(len(good) // CHUNK, 1)):
        tau[rows], sigma[rows] = _most_likely(counts[rows], share[rows], width)
    return tau, sigma


def _most_likely(counts: Floats, share: Floats, width: float) -> tuple[Floats, Floats]:
    logs = np.linspace(math.log(width / 400), math.log(width * 3), GRID)
    coarse = np.stack([_likelihood(np.full(len(counts), one), counts, share, width) for one in logs], axis=1)
    best = np.argmax(coarse, axis=1)
    inner = (best > 0) & (best < GRID - 1)
    centre, step = logs[best], np.full(len(counts), logs[1] - logs[0])
    curvature = np.full(len(counts), math.nan)
    for _ in range(REFINEMENTS):
        low, mid, high = (_likelihood(centre + k * step, counts, share, width) for k in (-1, 0, 1))
        bend = np.minimum(low - 2 * mid + high, -1e-9)
        curvature = bend / step**2
        centre = centre + step * np.clip(0.5 * (low - high) / bend, -1, 1)
        step = np.clip(1 / np.sqrt(-curvature), 1e-3, step)
    tau = np.where(inner, np.exp(centre), math.nan)
    return tau, tau / np.sqrt(-curvature)


def _likelihood(logs: Floats, counts: Floats, share: Floats, width: float) -> Floats:
    """Return the log-likelihood of each row at its own ln(lifetime), shape (len(counts),)."""
    shapes = _shapes(np.exp(logs[:1]) if np.ptp(logs) == 0 else np.exp(logs), width)
    mixed = (1 - share[:, None]) * shapes + share[:, None] / BINS
    return np.asarray((counts * np.log(mixed + 1e-300)).sum(axis=1), dtype=np.float64)
