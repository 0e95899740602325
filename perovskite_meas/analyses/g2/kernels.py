"""Lag distributions of photon pairs, integrated over the bins of a histogram."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FAINT = 1e-3
"""Share of a side peak's excess that is left out."""


def two_sided(edges: Array, centre: float, tau: float) -> Array:
    """Return exp(-|t - centre|/tau)/(2 tau) integrated over each bin; ns throughout."""
    u = (edges - centre) / tau
    tail = 0.5 * np.exp(-np.abs(u))
    return np.diff(np.where(u < 0, tail, 1.0 - tail))


def truncated(edges: Array, centre: float, tau: float, period: float) -> Array:
    """Return the pairs of a photon with one of the next pulse but k-1, that pulse at `centre`, over each bin.

    One emitter with fast Auger at low <N>: the second photon follows its own pulse, the first one had left before the
    pulse after its own. Area 1; PHYSICS of the package's documentation, section on HBT, lifetime near the period:
    f(t) = e^(-u)[e^(-2 max(0, -u)) - r^2]/(2 tau (1 - r)), u = (t - centre)/tau > -T/tau, r = e^(-T/tau).
    """
    r = np.exp(-period / tau)
    u = np.maximum((edges - centre) / tau, -period / tau)
    rising = np.exp(np.minimum(u, 0.0)) - 2.0 * r + r**2 * np.exp(-np.minimum(u, 0.0))
    falling = (1.0 - r**2) * -np.expm1(-np.maximum(u, 0.0))
    return np.asarray(np.diff(rising + falling) / (2.0 * (1.0 - r)))


def side_peaks(edges: Array, zero: float, tau: float, period: float, *, overlap: bool) -> Array:
    """Return the sum of all side peaks, area 1 each, over each bin.

    Args:
        edges: of the lag bins, ns.
        zero: lag of simultaneous photons, ns.
        tau: lifetime, ns.
        period: ns.
        overlap: peaks of one emitter whose lifetime is comparable with the period (`truncated`); else `two_sided`.
    """
    t = edges - zero
    if overlap:
        return np.asarray(np.diff(np.sign(t) * _overlapping(np.abs(t), tau, period)))
    turns, u = np.divmod(t, period)
    r = np.exp(-period / tau)
    every = turns + 0.5 * (1.0 - (np.exp(-u / tau) - np.exp(-(period - u) / tau)) / (1.0 - r))
    return np.asarray(np.diff(every) - two_sided(edges, zero, tau))


def _overlapping(t: Array, tau: float, period: float) -> Array:
    """Return the integral from 0 to t >= 0 of the sum of `truncated` over all pulses after the first."""
    turns, w = np.divmod(t, period)
    r = np.exp(-period / tau)
    gone = turns - 0.5 * (1.0 + r) * np.exp(-w / tau) * (1.0 - r**turns) / (1.0 - r)
    coming = (np.exp((w - period) / tau) - 2.0 * r + r * np.exp(-w / tau)) / (2.0 * (1.0 - r))
    return np.asarray(gone + coming)


def recovering(edges: Array, zero: float, tau: float, period: float) -> Array:
    """Return the first side peaks fading as r^(k-1), r = e^(-T/tau), both sides, over each bin.

    A photon leaves the emitter empty, so that the next pulses find no exciton in their way and add more than the
    average pulse does: side peak k comes out 1 + r^(k-1) <N> r/(1 - r) high, to first order in <N>.
    """
    r = float(np.exp(-period / tau))
    number = max(1, int(np.ceil(np.log(FAINT) / np.log(max(r, FAINT)))))
    total = np.zeros(edges.size - 1)
    for k in range(1, number + 1):
        ahead = truncated(edges, zero + k * period, tau, period)
        behind = truncated(2 * zero - edges[::-1], zero + k * period, tau, period)[::-1]
        total += r ** (k - 1) * (ahead + behind)
    return total


def blurred(kernel: Array, response: Array) -> Array:
    """Return a binned kernel convolved with a response of odd length in the same bins, whose middle is lag zero."""
    if response.size == 1:
        return np.asarray(kernel * response[0])
    half = response.size // 2
    padded = np.concatenate([np.full(half, kernel[0]), kernel, np.full(half, kernel[-1])])
    return np.asarray(np.convolve(padded, response, mode="valid"))
