"""Areas of the peaks by plain sums: what needs no model, beside the fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .background import Background

Array = npt.NDArray[np.float64]

ODD_PEAK = 4.5
"""Sigmas by which one side peak may miss the mean before it is called out."""
ODD_SWAP = 4.0
"""Sigmas of difference between the two halves of the central peak."""
DROPPED = 0.05
"""Share of the side peaks, the highest and the lowest, left out as a check."""


@dataclass(frozen=True)
class Areas:
    """Coincidences per peak, raw and without floor."""

    k: Array
    """Peak number, 0 in the middle."""
    raw: Array
    """Pairs within half a period of each peak."""
    net: Array
    """Without the flat floor."""

    @property
    def ratio(self) -> Value:
        """Raw central area over the mean of the side peaks."""
        return self._ratio(self.raw, self.raw)

    @property
    def net_ratio(self) -> Value:
        """The same without the floor."""
        return self._ratio(self.net, self.raw)

    def _ratio(self, areas: Array, noise: Array) -> Value:
        side = self.k != 0
        number = max(int(side.sum()), 1)
        mean = float(areas[side].mean()) if side.any() else math.nan
        own = float(areas[~side].sum())
        if not mean > 0:
            return Value(math.nan, math.nan, "1")
        variance = max(float(noise[~side].sum()), 1.0) / mean**2
        variance += (own / mean) ** 2 * float(noise[side].mean()) / mean**2 / number
        return Value(own / mean, math.sqrt(variance), "1")


def read_areas(counts: Array, edges: Array, zero: float, period: float, floor: float) -> Areas:
    """Return the areas of all peaks that lie wholly in the window.

    Args:
        counts: per bin.
        edges: ns.
        zero: lag of simultaneous photons, ns.
        period: ns.
        floor: flat pairs per bin.
    """
    lowest = math.ceil((edges[0] - zero) / period + 0.5 - 1e-9)
    highest = math.floor((edges[-1] - zero) / period - 0.5 + 1e-9)
    k = np.arange(lowest, highest + 1)
    total = np.concatenate([[0.0], np.cumsum(counts)])
    at = np.interp(zero + (np.append(k, highest + 1) - 0.5) * period, edges, total)
    raw = np.diff(at)
    return Areas(k.astype(np.float64), raw, raw - floor * period / float(edges[1] - edges[0]))


def corrected(ratio: Value, background: Background, *, darks: bool, bunching: float = 1.0) -> Value:
    """Return a ratio without the pairs of the background: (g - (1 - rho^2))/rho^2, rho_a rho_b for rho^2.

    Only pairs of the emitter are bunched by blinking: with side peaks `bunching` times what the rates give, the share
    of background pairs falls by that.

    Args:
        ratio: central over side.
        background: shares.
        darks: whether the darks are still in.
        bunching: side peaks over those expected from the rates.
    """
    share, told = (
        (background.total_share, background.total_share_sigma)
        if darks
        else (background.light_share.nominal, background.light_share.sigma)
    )
    share, told = share / max(bunching, 1e-9), told / max(bunching, 1e-9)
    kept = 1 - share
    nominal = 1 - (1 - ratio.nominal) / kept
    return Value.combine(nominal, ratio.sigma / kept, abs(1 - ratio.nominal) / kept**2 * told, "1")


def consistency(areas: Areas, counts: Array, lags: Array, zero: float, tau: float) -> list[str]:
    """Return what is odd: a side peak unlike the others, unequal halves, a mean that hangs on few peaks."""
    notes, side = [], areas.k != 0
    raw, k = areas.raw[side], areas.k[side]
    if raw.size > 3 and raw.mean() > 20:
        pull = (raw - raw.mean()) / math.sqrt(raw.mean())
        worst = int(np.argmax(np.abs(pull)))
        if abs(pull[worst]) > ODD_PEAK:
            notes.append(f"the side peak {k[worst]:+.0f} lies {pull[worst]:+.1f} sigma from the mean of all")
        cut = max(1, round(DROPPED * raw.size))
        fewer = float(np.sort(raw)[cut:-cut].mean()) if raw.size > 2 * cut else float(raw.mean())
        if abs(fewer / raw.mean() - 1) > 3 / math.sqrt(raw.sum()) + 0.01:
            notes.append(
                f"without the {cut} highest and lowest side peaks their mean changes by {fewer / raw.mean() - 1:+.1%}"
            )
    ahead = float(counts[(lags > zero + 0.5) & (lags < zero + 3 * tau)].sum())
    behind = float(counts[(lags < zero - 0.5) & (lags > zero - 3 * tau)].sum())
    if ahead + behind > 20 and abs(ahead - behind) > ODD_SWAP * math.sqrt(ahead + behind):
        notes.append(
            f"swapping the channels changes the central peak: {behind:.0f} pairs before, {ahead:.0f} after lag zero; "
            "wrong lag zero, or one detector lights the other"
        )
    return notes
