"""Dwell times counted in bins: the power law with a cut-off, by maximum likelihood.

No array here needs compiled code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.errors import UsageError

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Cost = Callable[[Any], float]

LEAST = 3
"""Shortest dwell used, in bins: shorter ones are distorted by the bins."""
FEWEST = 50
"""Dwells of at least LEAST bins below which nothing is fitted."""
EXACT = 64
"""Bins up to which the probability is integrated over the phase of the bins."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)
TAIL_NODES, TAIL_WEIGHTS = np.polynomial.legendre.leggauss(80)


@dataclass(frozen=True, eq=False)
class Dwells:
    """Dwells of one kind (on or off) in whole bins."""

    complete: Integers
    """Bins of each dwell whose start and end were seen, shape (n,)."""
    censored: Integers
    """Bins of each dwell whose start was seen and which the end of a record cut, shape (m,)."""

    @property
    def longest(self) -> int:
        """Return the most bins of any dwell; 0 where there is none."""
        return int(max(self.complete.max(initial=0), self.censored.max(initial=0)))


@dataclass(frozen=True)
class PowerLaw:
    """P(t) ~ t^-exponent exp(-t/cutoff), as fitted."""

    exponent: float
    exponent_sigma: float
    cutoff: float | None
    """In bins; None where the dwells do not reach it."""
    cutoff_sigma: float | None
    """In bins."""
    dwells: int
    """Dwells used, cut ones included."""
    least: int
    """Shortest dwell used, in bins."""
    log_likelihood: float


def dwells_of(records: Iterable[Bools]) -> tuple[Dwells, Dwells]:
    """Return the (on, off) dwells of records of consecutive bins; True is on.

    A dwell that lasts since the start of its record is left out (its length since then is not a dwell time); one
    that reaches the end of its record is censored.
    """
    complete: dict[bool, list[Integers]] = {True: [], False: []}
    censored: dict[bool, list[int]] = {True: [], False: []}
    for record in records:
        changes = np.nonzero(record[1:] != record[:-1])[0] + 1
        if len(changes) == 0:
            continue
        lengths = np.diff(changes)
        first = bool(record[changes[0]])
        complete[first].append(lengths[0::2])
        complete[not first].append(lengths[1::2])
        censored[bool(record[-1])].append(len(record) - int(changes[-1]))
    return tuple(  # type: ignore[return-value]
        Dwells(
            np.concatenate(complete[kind]) if complete[kind] else np.empty(0, np.int64),
            np.asarray(censored[kind], dtype=np.int64),
        )
        for kind in (True, False)
    )


def fit_power_law(dwells: Dwells, *, least: int = LEAST, shift: float = 0.0) -> PowerLaw:
    """Fit exponent and cut-off to dwells counted in bins, by maximum likelihood of the whole numbers.

    The phase of the bins is random, so that a dwell of t bins is counted as one of the two whole numbers about
    t - shift: P(k) is the density folded with a triangle of half-width one bin. It is normalised over k >= least, the
    shortest true dwell need not be known. Cut dwells contribute the probability of lasting at least as long.

    Args:
        dwells: complete and censored dwells.
        least: shortest dwell used, in bins, at least 3 by default.
        shift: bins by which a dwell is counted too short: 2 x threshold - 1 for on dwells (threshold as a fraction of
            the way from the off to the on level), the opposite for off dwells.

    Raises:
        UsageError: fewer than 50 dwells of at least `least` bins, or a shift beyond one bin.

    Source: maximum likelihood instead of straight lines: Clauset, Shalizi and Newman, SIAM Rev. 51, 661 (2009);
    the cut-off is the usual one of blinking. The folding with the bins is our own.
    """
    from scipy import optimize

    if not -1 < shift < 1:
        raise UsageError(f"fit_power_law: shift is {shift:g} bins; it must lie between -1 and 1")
    lengths, counts = np.unique(dwells.complete[dwells.complete >= least], return_counts=True)
    cut = dwells.censored[dwells.censored > least]
    if counts.sum() < FEWEST:
        raise UsageError(f"{counts.sum()} dwells of at least {least} bins; a power law needs {FEWEST}")

    def cost(point: Any) -> float:
        a, log_cutoff = point
        return -_log_likelihood(float(a), math.exp(log_cutoff), lengths, counts, cut, least, shift)

    longest = max(dwells.longest, 10 * least)
    widest = math.log(1e3 * longest)
    bounds = [(-1.0, 6.0), (math.log(least), widest)]
    starts = [[1.5, math.log(longest / 3.0)], [1.2, math.log(longest / 30.0 + least)]]
    first, *others = starts
    best = optimize.minimize(cost, first, method="Nelder-Mead", bounds=bounds, options=_TIGHT)
    if not (bounds[1][0] + 1 < best.x[1] < math.log(longest)):  # at an edge of what the dwells can show: look again
        again = optimize.minimize(cost, others[0], method="Nelder-Mead", bounds=bounds, options=_TIGHT)
        best = min((best, again), key=lambda found: float(found.fun))
    point = np.asarray(best.x, dtype=np.float64)
    unbounded = cost(np.array([point[0], widest]))
    if point[1] > math.log(20.0 * longest) or unbounded - float(best.fun) < 0.5:
        return _without_cutoff(cost, widest, int(counts.sum() + len(cut)), least)
    covariance = np.linalg.inv(_curvature(cost, point, np.array([0.01, 0.05])))
    cutoff = math.exp(point[1])
    return PowerLaw(
        exponent=float(point[0]),
        exponent_sigma=math.sqrt(max(covariance[0, 0], 0.0)),
        cutoff=cutoff,
        cutoff_sigma=cutoff * math.sqrt(max(covariance[1, 1], 0.0)),
        dwells=int(counts.sum() + len(cut)),
        least=least,
        log_likelihood=-float(best.fun),
    )


def log_log_slope(dwells: Dwells) -> tuple[float, float]:
    """Return (exponent, sigma) of the straight line through the logarithms of the histogram of all dwells.

    This is the naive estimator, kept by name to be compared with: it takes the dwells of one bin as they are, weights
    a bin with one dwell like one with a thousand, and knows no cut-off.
    """
    lengths, counts = np.unique(dwells.complete, return_counts=True)
    if len(lengths) < 3:
        return math.nan, math.nan
    coefficients, covariance = np.polyfit(np.log(lengths), np.log(counts), 1, cov="unscaled")
    rest = np.log(counts) - np.polyval(coefficients, np.log(lengths))
    return -float(coefficients[0]), math.sqrt(float(covariance[0, 0]) * float(rest @ rest) / (len(lengths) - 2))


def survival(law: PowerLaw, lengths: npt.ArrayLike, *, shift: float = 0.0) -> Floats:
    """Return the probability that a dwell of at least `law.least` bins lasts at least each of `lengths` bins."""
    cutoff = law.cutoff if law.cutoff is not None else 1e12
    tails = _tail(np.append(law.least, np.asarray(lengths, dtype=np.float64)), law.exponent, cutoff, shift)
    return np.asarray(tails[1:] / tails[0], dtype=np.float64)


_TIGHT: Any = {"xatol": 1e-4, "fatol": 1e-4, "maxiter": 2000}


def _density(t: Floats, exponent: float, cutoff: float) -> Floats:
    return np.asarray(t**-exponent * np.exp(-t / cutoff), dtype=np.float64)


def _binned(lengths: Floats, exponent: float, cutoff: float, shift: float) -> Floats:
    """Return P(k), not normalised: the density folded with the triangle of the bins."""
    found = _density(lengths + shift, exponent, cutoff)
    near = lengths <= EXACT
    x = 0.5 * (1 + NODES)
    for sign in (-1.0, 1.0):
        t = lengths[near, None] + shift + sign * x
        part = 0.5 * (_density(t, exponent, cutoff) * (1 - x)) @ WEIGHTS
        found[near] = part if sign < 0 else found[near] + part
    return found


def _tail(lengths: Floats, exponent: float, cutoff: float, shift: float) -> Floats:
    """Return the sum of P(k) over k >= each of `lengths`, not normalised."""
    ladder = np.arange(1, EXACT + 1, dtype=np.float64)
    usable = ladder - 1 + shift > 0
    near = np.where(usable, _binned(np.where(usable, ladder, EXACT), exponent, cutoff, shift), 0.0)
    begins = np.where(lengths <= EXACT, EXACT + 0.5, lengths - 0.5) + shift
    log_ratio = np.log(np.maximum(60.0 * cutoff + begins, begins * 2) / begins)
    t = begins[:, None] * np.exp(0.5 * (1 + TAIL_NODES) * log_ratio[:, None])
    far = 0.5 * log_ratio * ((_density(t, exponent, cutoff) * t) @ TAIL_WEIGHTS)
    sums = np.append(np.cumsum(near[::-1])[::-1], 0.0)
    return np.asarray(far + sums[np.minimum(lengths, EXACT + 1).astype(np.int64) - 1], dtype=np.float64)


def _log_likelihood(
    exponent: float, cutoff: float, lengths: Integers, counts: Integers, cut: Integers, least: int, shift: float
) -> float:
    tails = _tail(np.append(least, cut).astype(np.float64), exponent, cutoff, shift)
    probability = _binned(lengths.astype(np.float64), exponent, cutoff, shift)
    total = counts @ np.log(np.maximum(probability, 1e-300)) + np.log(np.maximum(tails[1:], 1e-300)).sum()
    return float(total - (counts.sum() + len(cut)) * math.log(tails[0]))


def _curvature(cost: Cost, point: Floats, steps: Floats) -> Floats:
    """Return the second derivatives of the cost about its least."""
    size = len(point)
    found = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            a, b = np.eye(size)[i] * steps, np.eye(size)[j] * steps
            found[i, j] = (cost(point + a + b) - cost(point + a - b) - cost(point - a + b) + cost(point - a - b)) / (
                4 * steps[i] * steps[j]
            )
    return found


def _without_cutoff(cost: Cost, widest: float, dwells: int, least: int) -> PowerLaw:
    from scipy import optimize

    def pure(exponent: float) -> float:
        return cost(np.array([exponent, widest]))

    found = optimize.minimize_scalar(pure, bounds=(0.5, 6.0), method="bounded")
    best, step = float(found.x), 0.01
    bend = (pure(best + step) - 2 * pure(best) + pure(best - step)) / step**2
    sigma = 1 / math.sqrt(bend) if bend > 0 else math.nan
    return PowerLaw(best, sigma, None, None, dwells, least, -float(found.fun))
