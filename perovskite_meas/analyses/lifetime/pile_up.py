"""Pile-up and dead time: in which part of the pulses a detector was blind at each delay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import condition, fact

from .rows import Array, Decays, series_names

if TYPE_CHECKING:
    import xarray as xr

FEWEST_PAIRS = 30.0
"""Coincidences that are expected at random below which they tell nothing about the light."""
NEARBY = 5
"""Pulses to either side that tell how photons of different pulses are correlated."""


@dataclass(frozen=True)
class Bunching:
    """How photons of the light come together, relative to independent ones."""

    same: float
    """Pairs from one pulse; 0 for an emitter of single photons, 1 for a laser."""
    other: float
    """Pairs from neighbouring pulses; above 1 for an emitter that blinks."""
    source: str
    """'pairs' (measured in this run), 'stated' (sample.expect.g2_zero), or 'assumed' (independent photons)."""


INDEPENDENT = Bunching(1.0, 1.0, "assumed")


def bunching(data: xr.Dataset, decays: Decays) -> Bunching:
    """Return how the photons on the emitter come together.

    From the coincidences by pulse lag where the run holds them: pairs N_p/(N_a N_b), with N_p pulses.
    """
    found = _from_pairs(data, decays)
    if found is not None:
        return found
    crowding = decays.series["on"].crowding
    if fact(data, "sample.expect.g2_zero") is not None:
        stated = min(max(condition(data, "sample.expect.g2_zero", "1").nominal, 0.0), 1.0)
        return Bunching(stated * crowding, crowding, "stated")
    return Bunching(crowding, crowding, "assumed")


def _from_pairs(data: xr.Dataset, decays: Decays) -> Bunching | None:
    if "pulse_pairs" not in data:
        return None
    table = np.asarray(data["pulse_pairs"].values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 * NEARBY + 1 or table.shape[1] % 2 == 0:
        return None
    live = np.asarray(data["live_time"].values, dtype=np.float64)
    own = (series_names(data) == "on") & np.isfinite(table).all(axis=1) & (live > 0)
    pairs = table[own].sum(axis=0)
    zero = pairs.size // 2
    total_a, total_b = (float(part.sum()) for part in decays.series["on"].counts)
    random = total_a * total_b / decays.pulses("on")
    if random < FEWEST_PAIRS:
        return None
    beside = np.r_[pairs[zero - NEARBY : zero], pairs[zero + 1 : zero + 1 + NEARBY]]
    return Bunching(float(pairs[zero]) / random, float(beside.mean()) / random, "pairs")


def blind(
    counts: Array, pulses: float, bin_width: float, dead_time: float | None, zero: int, light: Bunching = INDEPENDENT
) -> Array:
    """Return the probability that the detector could not see a photon in each bin, shape (m,).

    Every registered photon makes its detector blind for the dead time that follows, and no photon is registered
    meanwhile; so the blind part of the pulses is the sum of the registered photons per pulse over the dead time
    before. Photons of the same pulse count as often as the light brings them together with another one. Without a
    dead time, one photon per period of the axis is registered, and this is the correction of Coates, J. Phys. E 1,
    878 (1968), unverified against the paper.

    Args:
        counts: registered photons per bin, shape (m,).
        pulses: number of excitation pulses.
        bin_width: ps.
        dead_time: ps; None: one photon per period.
        zero: bin in which the light of the pulse arrives.
        light: how photons come together.
    """
    rate = counts / pulses
    m = rate.size
    # One long axis: earlier periods first, so that a window never leaves it.
    periods = 1 if dead_time is None else int(dead_time / (m * bin_width)) + 2
    before = np.concatenate([[0.0], np.cumsum(np.tile(rate, periods))])
    here: Array = np.arange(m, dtype=np.float64) + (periods - 1) * m + 0.5
    grid: Array = np.arange(before.size, dtype=np.float64)

    def upto(position: Array) -> Array:
        found: Array = np.interp(position, grid, before)
        return found

    start: Array = np.zeros(m) if dead_time is None else here - dead_time / bin_width
    late = np.arange(m) >= zero
    pulse = np.where(late, zero, zero - m) + (periods - 1) * m
    own: Array = np.clip(pulse, start, here)
    blinded = light.same * (upto(here) - upto(own)) + light.other * (upto(own) - upto(start))
    out: Array = np.clip(blinded, 0.0, 0.95)
    return out
