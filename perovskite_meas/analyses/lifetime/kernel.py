"""Periodic decays integrated over bins, in closed form."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammainc, gammaln

from .rows import Array

REACH = 40
"""Periods of a stretched decay that are wrapped; the tail beyond is left out."""
COMPLETE = 18.0
"""Value of (t/tau)^beta at which a stretched decay is over."""
NEAR = 4.0
"""Bins behind the pulse over which a stretched decay is integrated exactly."""
NODES = ((0.0, 7 / 12), (math.sqrt(0.4), 5 / 24), (-math.sqrt(0.4), 5 / 24))
"""Offsets (bins) and weights with the moments of the triangle that binning twice makes."""


def exponential(lag: Array, bin_width: float, tau: float, period: float) -> Array:
    """Return the photons per bin of an exponential decay that is excited every `period`.

    Both the response and the decay are histograms with bins of `bin_width`: a count of the response lies anywhere
    in its bin. With C the integral of the wrapped decay, SUM_k exp(-(t + kT)/tau)/tau, and G that of C, the
    kernel is the second difference [G(x + b) - 2 G(x) + G(x - b)]/b. It sums to 1 over a period.

    Args:
        lag: regular grid of lags in steps of `bin_width`, shape (n + 2,); the outer two are needed for differences.
        bin_width: ps.
        tau: ps.
        period: ps.

    Returns:
        Fraction of the photons per bin, shape (n,).
    """
    out: Array = with_slopes(lag, bin_width, tau, period)[0]
    return out


def with_slopes(lag: Array, bin_width: float, tau: float, period: float) -> Array:
    """Return the kernel of `exponential`, its derivative by ln tau, and that by the lag (per ps), shape (3, n)."""
    whole = np.floor(lag / period)
    u = lag - whole * period
    rise = np.expm1(-u / tau)
    z = -math.expm1(-period / tau)
    d_inverse = (1.0 - z) * period / (tau * z) ** 2
    # Over w whole periods: SUM_{i<w} (i T + T/z - tau). Parts linear in the lag drop out of the difference.
    once = whole + -rise / z
    twice = 0.5 * whole * (whole - 1.0) * period + whole * (period / z - tau + u) + (u + tau * rise) / z
    by_tau = whole * (period * d_inverse - 1.0) + (rise + (1.0 + rise) * u / tau) / z + (u + tau * rise) * d_inverse
    out: Array = _second_difference(np.stack([twice, tau * by_tau, once]), bin_width)
    return out


def stretched(lag: Array, bin_width: float, tau: float, beta: float, period: float) -> Array:
    """Return the photons per bin of exp(-(t/tau)^beta), excited every `period`; arguments as for `exponential`.

    Exact next to the pulse; further away, where the decay is smooth, by three points per bin (`NODES`).
    """
    mean = tau * math.exp(gammaln(2.0 / beta) - gammaln(1.0 / beta))
    density = bin_width * beta / (tau * math.exp(gammaln(1.0 / beta)))
    x = lag[1:-1]
    total = np.zeros_like(x)
    for k in range(-1, REACH):
        first, last = np.searchsorted(x + k * period, (-bin_width, NEAR * bin_width), "right")
        t = np.clip(lag[first : last + 2] + k * period, 0.0, None)
        if last > first:
            grown = (t / tau) ** beta
            integral = t * gammainc(1.0 / beta, grown) - mean * gammainc(2.0 / beta, grown)
            total[first:last] += _second_difference(integral, bin_width)
        end = int(np.searchsorted(x + k * period, tau * COMPLETE ** (1.0 / beta), "right"))
        if end <= last:
            if k > 0:
                break
            continue
        far = x[last:end] + k * period
        for offset, weight in NODES:
            total[last:end] += weight * density * np.exp(-(((far + offset * bin_width) / tau) ** beta))
    return total


def stretched_mean(tau: float, beta: float) -> float:
    """Return the amplitude-averaged lifetime of a stretched exponential, in the unit of tau."""
    return tau / beta * math.exp(gammaln(1.0 / beta))


def _second_difference(integral: Array, bin_width: float) -> Array:
    out: Array = (integral[..., 2:] - 2.0 * integral[..., 1:-1] + integral[..., :-2]) / bin_width
    return out
