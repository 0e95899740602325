"""Which lengths the law holds: fits of ever longer windows, and what their choice is worth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2 as chi2_law

from perovskite_meas.analyses.pulses.rows import Array

from .bands import Seen
from .fit import Fit, Problem
from .law import NAMES

FEWEST = 4
"""Lengths in a window."""
MOST = 5
"""Windows that are tried."""
SHORTEST = 8.0
"""Longest stripe of all over that of the shortest window, at most."""
LEAST_P = 0.01
"""Probability of chi2 below which a window is not the law's."""
LEAST_MORE = 1e-3
"""The same of what a window has beyond the last one."""
UNSURE = 25.0
"""1/cm: where the first window leaves the gain known worse, other starts are tried."""
OTHER = np.array([0.7 * (name == "ln_pairs") for name in NAMES])
"""From one start to another."""
HOPELESS = 1e-4
"""The same of the shortest window: then no window holds."""


@dataclass(frozen=True)
class Windows:
    """Fits of windows of shortest lengths, and the one that is taken."""

    fits: tuple[Fit, ...]
    lengths: tuple[float, ...]
    """Longest of each, cm."""
    taken: int
    spread: float
    """1-sigma of the net gain by the choice of the window, 1/cm."""

    @property
    def chosen(self) -> Fit:
        """Return the longest window that the law holds."""
        return self.fits[self.taken]

    @property
    def held(self) -> float:
        """Return its longest stripe, cm."""
        return self.lengths[self.taken]


def ends(length: Array) -> list[float]:
    """Return the longest stripes of the windows to try, cm, rising.

    Args:
        length: of all stripes, cm.

    Raises:
        ValueError: fewer than four lengths.
    """
    different = np.unique(length)
    if different.size < FEWEST:
        raise ValueError(f"{different.size} lengths; a gain needs at least {FEWEST}")
    longest = float(different[-1])
    wanted = np.geomspace(max(float(different[FEWEST - 1]), longest / SHORTEST), longest, MOST)
    places = np.abs(np.log(different[None, :] / wanted[:, None])).argmin(axis=1)
    return [float(different[place]) for place in np.unique(np.maximum(places, FEWEST - 1))]


def windows(seen: Seen, problem: Callable[[Seen], Problem], theta: Array) -> Windows:
    """Fit windows of shortest stripes until the law fails; short ones elsewhere and the first once more are in each.

    Source: Cerdan, "Variable stripe length method: influence of stripe length choice on measured optical gain", Opt.
    Lett. (2017), unverified against the paper: the lengths must follow from the data.

    Args:
        seen: all exposures.
        problem: makes the least squares of some of them.
        theta: start.

    Raises:
        ValueError: fewer than four lengths.
    """
    stripe = seen.series == "stripe"
    fits: list[Fit] = []
    used: list[float] = []
    taken, levels, filters = 0, None, None
    for end in ends(seen.length[stripe]):
        own = problem(seen.only(~stripe | (seen.length <= end * (1 + 1e-9))))
        fit = own.solve(theta, levels, filters)
        if not fits and not fit.net_sigma < UNSURE:
            # A film that hardly amplifies and one that absorbs look alike to the first step of a search.
            for there in (OTHER, -OTHER):
                other = own.solve(theta + there)
                fit = other if other.chi2 < fit.chi2 else fit
        fits.append(fit)
        used.append(end)
        if len(fits) > 1:
            last = fits[-2]
            more = fit.chi2 - last.chi2, fit.freedom - last.freedom
            fails = fit.p < LEAST_P or float(chi2_law.sf(max(more[0], 0.0), max(more[1], 1))) < LEAST_MORE
            if fails and last.p > HOPELESS:
                break
        taken = len(fits) - 1
        if math.isfinite(fit.chi2):
            theta, levels, filters = fit.theta, fit.levels, fit.filters
    return Windows(tuple(fits), tuple(used), taken, _spread(fits, taken))


def _spread(fits: list[Fit], taken: int) -> float:
    """Return by how much the windows before the chosen one differ from it beyond what their own noise explains."""
    best, total, weights = fits[taken], 0.0, 0.0
    for other in fits[max(taken - 2, 0) : taken]:
        # The longer window holds the shorter one's data: the difference scatters by the rest alone.
        own = max(other.net_sigma**2 - best.net_sigma**2, 0.0)
        total += max((other.net() - best.net()) ** 2 - own, 0.0) / other.net_sigma**2
        weights += 1 / other.net_sigma**2
    return math.sqrt(total / weights) if weights else 0.0
