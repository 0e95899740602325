"""Forward model of an HBT run, photon by photon; written without looking at any analysis.

An emitter is a jump process: a pulse (or continuous light) adds excitons, those above one leave within some
10 ps and emit with a small probability, the last one lives `lifetime` unless the next pulse comes before. Photons
are detected at random on one of two detectors with jitter, dead time, darks, afterpulses and crosstalk, and
correlated pair by pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

SERIES = ("on", "off_emitter", "dark", "laser")
FLAGS = {"flag_values": [0, 1, 2, 3], "flag_meanings": " ".join(SERIES)}


@dataclass(frozen=True)
class Truth:
    """Everything hidden; ns and s, cps per detector unless said otherwise."""

    period: float = 200.0  # ns; 0: continuous
    lifetime: float = 20.0
    q: float = 0.05  # Q_BX/Q_X
    ladder: bool = True  # Q_m = 2q/(m(m-1)); else none above two
    x: float = 0.1  # mean excitons per pulse; continuous: excitations per lifetime
    rate: float = 2e4  # cps of the emitter, both detectors together
    dots: int = 1
    biexciton_lifetime: float = 0.075
    background: float = 0.0  # cps per detector, light with the pulses
    background_lifetime: float = 0.0  # 0: prompt
    dark: float = 100.0
    crosstalk: float = 0.0  # per photon
    crosstalk_lags: tuple[float, float] = (2.0, 10.0)
    afterpulse: float = 0.0
    dead_time: float = 45.0
    jitter: float = 0.15
    tail: tuple[float, float] = (0.1, 0.3)
    delays: tuple[float, float] = (8.0, 11.2)
    grey: float = 1.0  # brightness of the grey state
    dwell: tuple[float, float] = (0.05, 0.05)  # s, mean time bright and grey
    chunk: float = 10.0
    chunks: int = 30
    off: int = 3
    darks: int = 3
    laser: int = 6
    laser_rate: float = 5e4
    laser_period: float = 200.0
    bin: float = 0.5
    periods: float = 5.5
    window: float = 50.0  # ns, continuous
    pulses: int = 50
    gate: float = 2.0
    powers: tuple[float, ...] = ()  # excitons per pulse, cycled through; () = x only
    known: float = 0.0  # relative sigma of unit_power; 0 = unit_power not stated
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def g2_zero(self) -> float:
        """Area ratio of isolated pulses from the exact cascade, for one dot or several equal ones."""
        r = math.exp(-self.period / self.lifetime) if self.period else 0.0
        one = zero_of(self.q, self.x, ladder=self.ladder) * (1 + r) / (1 - r)
        return (self.dots - 1 + one) / self.dots


def zero_of(q: float, x: float, *, ladder: bool) -> float:
    """2 sum_(i<j) Q_i Q_j P(>=j) / (sum Q_i P(>=i))^2, isolated pulses."""
    p = [math.exp(-x)]
    for n in range(1, 60):
        p.append(p[-1] * x / n)
    at_least = np.cumsum(p[::-1])[::-1]
    yields = [0.0, 1.0, q] + [2 * q / (m * (m - 1)) if ladder else 0.0 for m in range(3, 60)]
    pairs = sum(yields[i] * yields[j] * at_least[j] for j in range(2, 60) for i in range(1, j))
    return float(2 * pairs / sum(yields[m] * at_least[m] for m in range(1, 60)) ** 2)


def yield_of(t: Truth, m: np.ndarray) -> np.ndarray:
    """Return the probability to emit of the m-th exciton."""
    high = 2 * t.q / (m * (m - 1.0) + (m < 2)) if t.ladder else np.where(m == 2, t.q, 0.0)
    return np.where(m == 1, 1.0, high)


def mean_photons(t: Truth, x: float) -> float:
    """Return the photons per pulse of an isolated emitter."""
    p = [math.exp(-x)]
    for n in range(1, 60):
        p.append(p[-1] * x / n)
    at_least = np.cumsum(p[::-1])[::-1]
    return float(sum(yield_of(t, np.array([m]))[0] * at_least[m] for m in range(1, 60)))


def efficiency(t: Truth) -> float:
    """Return the probability to detect an emitted photon at all, from the rate at x."""
    if t.period:
        return t.rate / t.dots / (mean_photons(t, t.x) * 1e9 / t.period)
    return t.rate / t.dots / (1e9 / t.lifetime * t.x / (1 + t.x))


def blinked(photons: np.ndarray, seconds: float, t: Truth, rng: np.random.Generator) -> np.ndarray:
    """Drop photons (ns) while the dot is grey: its yields fall, its excitation does not."""
    if t.grey >= 1:
        return photons
    edges, levels, now, bright = [0.0], [], 0.0, rng.random() < t.dwell[0] / sum(t.dwell)
    while now < seconds * 1e9:
        now += 1e9 * rng.exponential(t.dwell[0] if bright else t.dwell[1])
        edges.append(now)
        levels.append(1.0 if bright else t.grey)
        bright = not bright
    level = np.array(levels)[np.clip(np.searchsorted(edges, photons) - 1, 0, len(levels) - 1)]
    return photons[rng.random(photons.size) < level]


def isolated(t: Truth, x: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return detected emission times (ns) of one dot under pulses that never meet an exciton."""
    eta, pulses = efficiency(t), seconds * 1e9 / t.period
    top = int(x + 8 * math.sqrt(x) + 6)
    chances = np.array([math.exp(-x + n * math.log(x) - math.lgamma(n + 1)) for n in range(1, top)])
    chances[0] *= eta  # lone photons are drawn already detected
    number = int(rng.poisson(-pulses * math.log1p(-chances.sum())))  # of which some fall on the same pulse
    index = np.unique(np.floor(rng.random(number) * seconds * 1e9 / t.period))
    start, excitons = index * t.period, rng.choice(np.arange(1, top), index.size, p=chances / chances.sum())
    times = []
    when = np.zeros(start.size)
    for m in range(top, 1, -1):
        here = excitons >= m
        when[here] += rng.exponential(t.biexciton_lifetime, int(here.sum()))
        seen = here.copy()
        seen[here] = rng.random(int(here.sum())) < eta * yield_of(t, np.array([m]))[0]
        times.append((start + when)[seen])
    when += rng.exponential(t.lifetime, start.size)
    times.append((start + when)[(excitons == 1) | (rng.random(start.size) < eta)])
    return np.concatenate(times)


def chain(t: Truth, x: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return detected emission times (ns) of one dot whose exciton may meet the next pulses."""
    pulses, busy = seconds * 1e9 / t.period, -math.expm1(-x)
    number = int(pulses * busy)
    index = np.cumsum(rng.geometric(busy, number)).astype(np.float64)
    pmf = np.array([math.exp(-x + n * math.log(x) - math.lgamma(n + 1)) for n in range(1, 20)]) / busy
    added = rng.choice(np.arange(1, 20), size=number, p=pmf / pmf.sum())
    start = index * t.period
    lived = rng.exponential(t.lifetime, number)
    gap = np.append(np.diff(start), np.inf)
    alive = lived >= gap
    excitons = added + np.append(False, alive[:-1])
    eta, times, when = efficiency(t), [], np.zeros(number)
    assert eta <= 1
    for m in range(int(excitons.max()), 1, -1):
        here = excitons >= m
        when = when + np.where(here, rng.exponential(t.biexciton_lifetime, number), 0.0)
        seen = here & (rng.random(number) < eta * yield_of(t, np.array([m]))[0])
        times.append((start + when)[seen])
    seen = ~alive & (rng.random(number) < eta)
    times.append((start + lived)[seen])
    return np.concatenate(times)


def steady(t: Truth, x: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return detected emission times (ns) of one dot under continuous light; x = excitations per lifetime."""
    eta, number = efficiency(t), int(seconds * 1e9 * x / t.lifetime / (1 + x))
    wait = rng.exponential(t.lifetime / x, number)
    stay = rng.exponential(t.lifetime / (1 + x), number)
    begin = np.cumsum(wait + stay)  # good to order x: excursions lengthen a cycle by a few 10 ps
    times, again = [], np.flatnonzero(rng.random(number) < x / (1 + x))
    ends = begin.copy()
    extra = np.zeros(number)
    while again.size:
        burst = rng.exponential(t.biexciton_lifetime, again.size)
        seen = rng.random(again.size) < eta * t.q
        times.append((begin[again] + extra[again] + burst)[seen])
        extra[again] += burst + rng.exponential(t.lifetime / (1 + x), again.size)
        again = again[rng.random(again.size) < x / (1 + x)]
    times.append((ends + extra)[rng.random(number) < eta])
    return np.concatenate(times)


def emitted(t: Truth, x: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return the detected emission of all dots."""
    one = steady if not t.period else (isolated if t.period >= 10 * t.lifetime else chain)
    return np.concatenate([blinked(one(t, x, seconds, rng), seconds, t, rng) for _ in range(t.dots)])


def flat(rate: float, seconds: float, rng: np.random.Generator, period: float, decay: float) -> np.ndarray:
    """Return background photons (ns): with the pulses where there is a period, else at any time."""
    number = rng.poisson(rate * seconds)
    when = rng.random(number) * seconds * 1e9
    if period:
        when = np.floor(when / period) * period + (rng.exponential(decay, number) if decay else 0.0)
    return when


def detected(t: Truth, own: list[np.ndarray], seconds: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Return what both detectors register (ns), sorted, from the photons that reach each."""
    found = []
    for photons, delay in zip(own, t.delays, strict=True):
        late = photons + delay + rng.normal(0, t.jitter, photons.size)
        tail = rng.random(photons.size) < t.tail[0]
        late = late + np.where(tail, rng.exponential(t.tail[1], photons.size), 0.0)
        found.append(np.concatenate([late, rng.random(rng.poisson(t.dark * seconds)) * seconds * 1e9]))
    flashes = []
    for k in (0, 1):
        by = found[k][rng.random(found[k].size) < t.crosstalk] - t.delays[k] + t.delays[1 - k]
        flashes.append(by + rng.uniform(*t.crosstalk_lags, by.size) + rng.normal(0, t.jitter, by.size))
    found = [np.sort(np.concatenate([found[k], flashes[1 - k]])) for k in (0, 1)]
    for k in (0, 1):
        if t.dead_time:
            found[k] = alive(found[k], t.dead_time)
        if t.afterpulse:
            by = found[k][rng.random(found[k].size) < t.afterpulse]
            fast = rng.random(by.size) < 0.5
            wait = np.where(fast, rng.exponential(50.0, by.size), rng.exponential(1000.0, by.size))
            found[k] = np.sort(np.concatenate([found[k], by + t.dead_time + wait]))
    return found


def alive(times: np.ndarray, dead_time: float) -> np.ndarray:
    """Drop what comes within the dead time of the last one kept (one pass, again while needed)."""
    while times.size:
        close = np.flatnonzero(np.diff(times) < dead_time) + 1
        if not close.size:
            break
        first = close[np.append(True, np.diff(close) > 1)]
        times = np.delete(times, first)
    return times


def pairs(a: np.ndarray, b: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of all pairs with low <= b - a < high."""
    begin, end = np.searchsorted(b, a + low), np.searchsorted(b, a + high)
    number = end - begin
    first = np.repeat(np.arange(a.size), number)
    second = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + np.repeat(begin, number)
    return first, second


def row(t: Truth, series: str, x: float, seconds: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return one recording."""
    own = [np.empty(0), np.empty(0)]
    if series == "on":
        photons = emitted(t, x, seconds, rng)
        to_b = rng.random(photons.size) < 0.5
        own = [photons[~to_b], photons[to_b]]
    if series in ("on", "off_emitter"):
        own = [
            np.concatenate([part, flat(t.background * x / t.x, seconds, rng, t.period, t.background_lifetime)])
            for part in own
        ]
    period = t.period if series != "laser" else t.laser_period
    if series == "laser":
        own = [flat(t.laser_rate, seconds, rng, t.laser_period, 0.0) for _ in own]
    a, b = detected(t, own, seconds, rng)
    half = t.window if not t.period else t.periods * t.period
    n = 2 * round(half / t.bin)
    half = n * t.bin / 2
    first, second = pairs(a, b, -half, half)
    histogram = np.histogram(b[second] - a[first], bins=n, range=(-half, half))[0]
    K, m = t.pulses, 800 if t.period else 8
    pulse_pairs = [np.zeros(2 * K + 1), np.zeros(2 * K + 1)]
    decays = [np.zeros(m), np.zeros(m)]
    decay_bin = (t.period or 1.0) / m
    if t.period:
        sync, delay = zip(*(np.divmod(found, t.period) for found in (a, b)), strict=True)
        decays = [np.histogram(part, bins=m, range=(0, t.period))[0] for part in delay]
        for k, gate in enumerate((-np.inf, t.gate)):
            late = [sync[i][delay[i] >= t.delays[i] + gate] for i in (0, 1)]
            i, j = pairs(*late, -K - 0.5, K + 0.5)
            pulse_pairs[k] = np.bincount((late[1][j] - late[0][i] + K).astype(int), minlength=2 * K + 1)
    slow = np.geomspace(1e-6, 1.0, 25)
    return {
        "series": SERIES.index(series), "time": 0.0, "live_time": seconds, "power_set": 0.0, "power": 0.0, "dose": 0.0,
        "singles_a": a.size, "singles_b": b.size, "histogram": histogram, "bin_width": t.bin * 1e3,
        "period": period * 1e3 if t.period or series == "laser" else 0.0,
        "pulse_pairs": pulse_pairs[0], "pulse_pairs_gated": pulse_pairs[1], "gate": t.gate * 1e3,
        "arrival_a": t.delays[0] * 1e3, "arrival_b": t.delays[1] * 1e3, "decay_a": decays[0], "decay_b": decays[1],
        "decay_bin": decay_bin * 1e3, "slow_lag": slow, "slow_pairs": np.zeros(25), "slow_g2": np.ones(25),
        "g2_running": math.nan, "g2_sigma": math.nan,
    }  # fmt: skip


def simulate(t: Truth, seed: int) -> xr.Dataset:
    """Return the dataset of one run; 1 uW is one exciton per pulse (two-photon excitation)."""
    rng = np.random.default_rng(seed)
    powers, rows = t.powers or (t.x,), []
    plan = [("on", t.chunks), ("off_emitter", t.off), ("dark", t.darks), ("laser", t.laser)]
    for series, number in plan:
        for k in range(number * (len(powers) if series == "off_emitter" else 1)):
            x = powers[k % len(powers)]
            one = row(t, series, x, t.chunk, rng)
            if series in ("on", "off_emitter"):
                one["power"] = one["power_set"] = 1e-6 * math.sqrt(x)
            one["unit_power"], one["unit_power_sigma"] = (1e-6, t.known * 1e-6) if t.known else (0.0, 0.0)
            one["excitation_order"] = 2
            rows.append(one)
    data = {}
    for name in rows[0]:
        stacked = np.array([one[name] for one in rows])
        data[name] = (("row",) if stacked.ndim == 1 else ("row", f"{name}_bin"), stacked)
    built = xr.Dataset(data)
    built["series"].attrs.update(FLAGS)
    built.attrs["conditions"] = {"tagger": {"dead_time": {"value": t.dead_time, "sigma": 0.0, "unit": "ns"}}} | dict(
        t.conditions
    )
    return built


def bare(data: xr.Dataset) -> xr.Dataset:
    """Return what a bare file gives: the rows on the emitter alone, without power or conditions."""
    on = data.isel(row=np.flatnonzero(data["series"].values == 0)).copy(deep=True)
    for name in ("power", "power_set", "unit_power", "unit_power_sigma", "excitation_order"):
        on[name] = ("row", np.zeros(on.sizes["row"]))
    on.attrs = {}
    return on
