"""Time-gated g2: pairs of late photons alone, to tell a cluster from a bright biexciton."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from perovskite_meas.core.value import Value

from .background import Background
from .crosstalk import Crosstalk
from .interval import Posterior
from .rows import Array, Group, Rows

FEWEST_SIDE = 5.0
"""Mean pairs per side peak below which no gated value is given."""


@dataclass(frozen=True)
class Gated:
    """g2(0) of photons later than the gate."""

    value: Value | None
    """Background and darks taken out; None where it cannot be told."""
    posterior: Posterior | None
    """Of the value."""
    reason: str
    """Why there is none; empty where there is."""
    gate: float
    """ns."""


def gated_g2(rows: Rows, background: Background, crosstalk: Crosstalk, lifetime: float) -> Gated:
    """Return the gated g2(0): a cluster keeps (n - 1)/n, one dot with a bright biexciton falls towards 0.

    Source: Mangum et al., Opt. Express 21, 7419 (2013).
    """
    on = rows.on
    gate = on.mean("gate") * 1e-3
    pairs = on.total("pulse_pairs_gated")
    if not on.period or pairs is None:
        return Gated(None, None, "no gated pairs in the data", gate)
    if on.period < 5 * lifetime:
        return Gated(None, None, f"the lifetime of {lifetime:.3g} ns carries photons into the next period", gate)
    if not gate > 0:
        return Gated(None, None, "the gate is not stated", gate)
    middle = pairs.size // 2
    own, side = float(pairs[middle]), np.delete(pairs, middle)
    if side.mean() < FEWEST_SIDE:
        return Gated(None, None, f"{side.mean():.2g} pairs per side peak are later than the gate", gate)
    shares, noise = _kept(rows, background, gate, lifetime)
    satellites, told = _satellites(crosstalk, on, gate, lifetime)
    kept = shares[0] * shares[1] / (1 + background.late_afterpulses)
    if not kept > 0.2:
        return Gated(None, None, f"only {kept:.0%} of the late pairs are the emitter's", gate)
    mean = float(side.mean())
    grid = np.linspace(max(0.0, own - 8 * math.sqrt(own + 1)), own + 10 * math.sqrt(own + 1) + 8, 601)
    log = xlogy(own, grid) - grid
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    ratio = (own - satellites) / mean
    nominal = 1 - (1 - ratio) / kept
    statistical = math.sqrt(max(own, 1.0) + ratio**2 * mean / side.size) / mean / kept
    systematic = math.hypot(told / mean, (1 - ratio) * noise, (1 - ratio) * 0.25 * background.prompt_afterpulses) / kept
    raw = Posterior((grid - satellites) / mean, weights, max(float(grid[1] - grid[0]) / mean, 1e-9))
    extra = math.hypot(systematic, abs(ratio) / math.sqrt(mean * side.size) / kept)
    return Gated(
        Value.combine(nominal, statistical, systematic, "1"), raw.moved(1 / kept, 1 - 1 / kept, extra), "", gate
    )


def _kept(rows: Rows, background: Background, gate: float, lifetime: float) -> tuple[list[float], float]:
    """Return the emitter's share of the late photons by detector, and the relative 1-sigma of the product."""
    shares, variance = [], 0.0
    for name, arrival, rate, dark, light in zip(
        ("decay_a", "decay_b"), ("arrival_a", "arrival_b"),
        background.rates, background.dark, background.light, strict=True,
    ):  # fmt: skip
        # Rows beside the emitter may have come before anything told where its light arrives.
        begin = rows.on.mean(arrival) * 1e-3 + gate
        late = _late(rows.on, name, begin)
        beside = None if rows.off is None else _late(rows.off, name, begin)
        part = dark.nominal * (1 - gate / rows.on.period)
        if late is None:
            # Without arrival histograms: late photons of the emitter, and background as late as it.
            left = math.exp(-gate / lifetime)
            late = (rate - dark.nominal) * left + part
            beside = light.nominal * left + part
        other = max(part, beside) if beside is not None else part
        shares.append(1 - other / late)
        seconds = rows.off.seconds if rows.off is not None else (rows.dark.seconds if rows.dark is not None else 1e9)
        variance += (math.sqrt(max(other, 1 / seconds) / seconds) / late / max(shares[-1], 1e-3)) ** 2
    return shares, math.sqrt(variance)


def _late(group: Group, name: str, begin: float) -> float | None:
    """Return the rate of photons later than `begin`, in ns after the sync; in cps."""
    decay = group.total(name)
    step = group.mean("decay_bin") * 1e-3
    if decay is None or decay.ndim != 1 or not step > 0:
        return None
    edges = np.arange(decay.size + 1) * step
    total = np.concatenate([[0.0], np.cumsum(decay)])
    end = group.period or float(edges[-1])
    return float(np.interp(end, edges, total) - np.interp(begin, edges, total)) / group.seconds


def _satellites(crosstalk: Crosstalk, on: Group, gate: float, lifetime: float) -> tuple[float, float]:
    """Return the satellite pairs among the late pairs, and their 1-sigma."""
    # A flash follows a late photon; of those that follow an early one some come late too: half of them in doubt.
    left = math.exp(-gate / lifetime)
    total = float(np.sum(crosstalk.pairs))
    return total * left, math.hypot(float(np.sqrt(np.sum(crosstalk.sigmas**2))) * left, 0.1 * total * (1 - left))


def pulse_ratio(on: Group, crosstalk: Crosstalk) -> tuple[Value, Array] | None:
    """Return central over side pairs by pulse lag, satellites taken out, and the pairs; None where there are none."""
    pairs = on.total("pulse_pairs")
    if pairs is None or not on.period:
        return None
    middle = pairs.size // 2
    own, side = float(pairs[middle]), np.delete(pairs, middle)
    if side.size < 2 or not side.mean() > 0:
        return None
    satellites = float(np.sum(crosstalk.pairs))
    told = float(np.sqrt(np.sum(crosstalk.sigmas**2)))
    mean = float(side.mean())
    ratio = (own - satellites) / mean
    sigma = math.sqrt(max(own, 1.0) + told**2 + ratio**2 * mean / side.size) / mean
    return Value(ratio, sigma, "1"), pairs
