"""Intensity states: which of the levels between change points are the same level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.errors import UsageError

from .changepoints import ChangePoints

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SPREAD = 0.02
"""Relative scatter of one state's level beyond photon statistics that is not taken for another state."""
MOST_STATES = 10
LEAST_GAIN = 0.01
"""Gain in log-likelihood below which the maximisation ends."""
BULK = 200
"""Above this number of groups, pairs are merged many at a time."""
PATIENCE = 3
"""The search ends after this many numbers of states without a better BIC."""


@dataclass(frozen=True, eq=False)
class States:
    """Intensity states of one stream, darkest first."""

    levels: Floats
    """cps of each state, shape (g,)."""
    sigmas: Floats
    """1-sigma of the levels, cps, shape (g,)."""
    occupancy: Floats
    """Fraction of the time in each state, shape (g,)."""
    assigned: Integers
    """State of each segment, shape (number of segments,)."""
    bic: Floats
    """Bayesian information criterion with 1, 2, ... states, as far as tried; the largest is best."""

    def __len__(self) -> int:
        return len(self.levels)


def group_states(
    points: ChangePoints | tuple[npt.ArrayLike, npt.ArrayLike],
    *,
    most: int = MOST_STATES,
    spread: float = SPREAD,
) -> States:
    """Group the segments between change points into intensity states.

    Segments are merged pair by pair (the pair that costs the least likelihood first; in one dimension these are
    neighbours in the order of their levels), then refined by expectation-maximisation for each number of states.
    The number of states is the one with the largest BIC = 2 ln L - (2 g - 1) ln n with n change points
    (the term n ln N of the source is the same for every g).

    Args:
        points: ChangePoints, or the pair (photons, durations in s) of each segment.
        most: largest number of states tried.
        spread: relative scatter of a level beyond photon statistics; without it long segments of one slowly
            drifting level count as many states.

    Raises:
        UsageError: no segment, or a segment without duration.

    Source: Watkins and Yang, J. Phys. Chem. B 109, 617 (2005), section on clustering; the spread is our addition:
    a segment of k photons counts as k / (1 + k spread^2).
    """
    photons, spans = _segments(points)
    weight = 1.0 / (1.0 + photons * spread**2)
    counts, times = photons * weight, spans * weight
    order = np.argsort(photons / spans, kind="stable")
    groups_k, groups_t = counts[order], times[order]
    groups_k, groups_t = _sums(groups_k, groups_t, _merged(groups_k, groups_t, min(4 * most, len(order))))
    scores, fits = [], []
    for groups in range(1, min(most, len(order)) + 1):
        own, span = _sums(groups_k, groups_t, _merged(groups_k, groups_t, groups))
        rates, likelihood = _expectation_maximisation(counts, times, own / span)
        scores.append(2 * likelihood - (2 * groups - 1) * np.log(max(len(order) - 1, 2)))
        fits.append(rates)
        if groups - 1 - int(np.argmax(scores)) >= PATIENCE:
            break
    return _described(photons, spans, counts, times, fits[int(np.argmax(scores))], np.asarray(scores))


def _segments(points: ChangePoints | tuple[npt.ArrayLike, npt.ArrayLike]) -> tuple[Floats, Floats]:
    if isinstance(points, ChangePoints):
        photons, spans = points.photons.astype(np.float64), points.durations
    else:
        photons, spans = (np.asarray(part, dtype=np.float64) for part in points)
    if len(photons) == 0 or len(photons) != len(spans):
        raise UsageError(f"group_states: {len(photons)} segments with {len(spans)} durations; it needs at least one")
    if not bool((spans > 0).all()):
        raise UsageError("group_states: every segment must have a duration above 0 s")
    return np.maximum(photons, 0.5), spans


def _merged(counts: Floats, times: Floats, groups: int) -> Integers:
    """Return the first segment of each of `groups` groups, merging neighbours at the least loss of likelihood.

    Among many segments, the cheaper pairs that do not touch are merged at once.
    """
    starts = np.arange(len(counts), dtype=np.int64)
    own, span = counts, times
    while len(starts) > groups:
        losses = _losses(own, span)
        cheap = np.zeros(len(losses), np.bool_)
        many = (len(starts) - groups) // 4 if len(starts) > BULK else 1
        cheap[np.argsort(losses, kind="stable")[: max(many, 1)]] = True
        cheap[1:] &= ~cheap[:-1]
        if not cheap.any():
            cheap[int(np.argmin(losses))] = True
        starts = starts[np.append(True, ~cheap)]
        own, span = _sums(counts, times, starts)
    return starts


def _losses(own: Floats, span: Floats) -> Floats:
    rate = own / span
    joined = (own[:-1] + own[1:]) / (span[:-1] + span[1:])
    return own[:-1] * np.log(rate[:-1] / joined) + own[1:] * np.log(rate[1:] / joined)


def _sums(counts: Floats, times: Floats, starts: Integers) -> tuple[Floats, Floats]:
    return np.add.reduceat(counts, starts), np.add.reduceat(times, starts)


def _expectation_maximisation(counts: Floats, times: Floats, rates: Floats) -> tuple[Floats, float]:
    """Return the levels of a Poisson mixture and its log-likelihood (terms without the levels left out)."""
    shares = np.full(len(rates), 1.0 / len(rates))
    likelihood = -np.inf
    reference = counts * np.log(counts / times) - counts
    for _ in range(200):
        terms = counts[:, None] * np.log(rates) - times[:, None] * rates + np.log(shares) - reference[:, None]
        top = terms.max(axis=1)
        weights = np.exp(terms - top[:, None])
        total = weights.sum(axis=1)
        found = float((top + np.log(total)).sum())
        if found - likelihood < LEAST_GAIN:
            return rates, found
        likelihood = found
        weights /= total[:, None]
        shares = np.maximum(weights.mean(axis=0), 1e-300)
        rates = np.maximum(weights.T @ counts, 1e-300) / np.maximum(weights.T @ times, 1e-300)
    return rates, likelihood


def _described(photons: Floats, spans: Floats, counts: Floats, times: Floats, rates: Floats, bic: Floats) -> States:
    rates = np.sort(rates)
    terms = counts[:, None] * np.log(rates) - times[:, None] * rates
    assigned = np.argmax(terms, axis=1)
    used = np.unique(assigned)
    assigned = np.searchsorted(used, assigned)
    own = np.bincount(assigned, weights=photons)
    span = np.bincount(assigned, weights=spans)
    known = np.bincount(assigned, weights=counts)
    return States(
        levels=own / span,
        sigmas=own / span / np.sqrt(known),
        occupancy=span / span.sum(),
        assigned=assigned.astype(np.int64),
        bic=bic,
    )
