"""Forward model of arrival histograms, photon by photon; written without any formula of an analysis.

Pulses bring photons; each photon has its emission time, and the detector adds jitter with a tail. Absolute times
are sorted, a detector that is blind drops what comes, afterpulses and dark counts join, and what is left is
folded at the period and counted in bins. Two detectors see independent halves of the light.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

SERIES = ("on", "off_emitter", "dark", "laser")


@dataclass(frozen=True)
class Truth:
    """Everything hidden; times in ps unless said."""

    lifetimes: tuple[float, ...] = (10_000.0,)
    photons: tuple[float, ...] = (1.0,)  # part of the photons in each decay
    counts: float = 1e5  # photons of the emitter that arrive, both detectors
    period: float = 200_000.0
    bin_width: float = 100.0
    rows: int = 3
    rate: float = 1e-3  # photons per pulse on each detector
    single: bool = False  # at most one photon per pulse and emitter
    one_per_period: bool = False  # the electronics take the first photon of each period
    dead_time: float = 0.0
    jitter: tuple[float, float] = (150.0, 150.0)
    tail: float = 0.1
    tail_time: float = 300.0
    cables: tuple[float, float] = (8_000.0, 11_200.0)
    drift: tuple[float, float] = (0.0, 0.0)  # of the emitter's light against the laser rows
    dark: float = 0.0  # cps per detector
    background: float = 0.0  # photons without the emitter, as a part of the emitter's
    background_lifetime: float = 3_000.0
    background_prompt: float = 0.3  # part of them that comes at once
    fast: float = 0.0  # part of the emitter's photons that are biexcitons
    fast_lifetime: float = 75.0
    afterpulsing: float = 0.0
    laser: float = 2e5  # photons in the laser rows, both detectors; 0: none taken
    off: float = 0.3  # time beside the emitter, in units of the time on it; 0: none
    dark_rows: bool = True
    stated: dict[str, Any] = field(default_factory=dict)


def simulate(truth: Truth, seed: int | list[int]) -> xr.Dataset:
    """Draw one run with the columns that the procedure would write."""
    rng = np.random.default_rng(seed)
    pulses = truth.counts / 2 / truth.rate
    seconds = pulses * truth.period * 1e-12
    plan = [("on", seconds / truth.rows)] * truth.rows
    if truth.off:
        plan.append(("off_emitter", seconds * truth.off))
    if truth.dark_rows:
        plan.append(("dark", seconds * 0.3))
    if truth.laser:
        plan.append(("laser", truth.laser / 2 / 0.005 * truth.period * 1e-12))
    edges = np.arange(int(np.ceil(truth.period / truth.bin_width)) + 1) * truth.bin_width
    decays: list[list[np.ndarray]] = [[], []]
    pairs = []
    for name, live in plan:
        number = round(live * 1e12 / truth.period)
        pulses_seen = []
        for d, photons in enumerate(_light(truth, name, number, rng)):
            times = _detect(truth, photons, number, d, rng, moved=name == "on")
            pulse = np.floor(times / truth.period).astype(np.int64)
            decays[d].append(np.histogram(times - pulse * truth.period, edges)[0])
            pulses_seen.append(np.floor((times - truth.cables[d] + 3_000.0) / truth.period).astype(np.int64))
        pairs.append(_pairs(*pulses_seen))
    names = [name for name, _ in plan]
    rows = len(plan)
    one = ("row",)
    data = xr.Dataset(
        {
            "series": (one, [SERIES.index(name) for name in names], {"flag_values": [0, 1, 2, 3]}),
            "live_time": (one, [live for _, live in plan], {"units": "s"}),
            "period": (one, np.full(rows, truth.period), {"units": "ps"}),
            "decay_bin": (one, np.full(rows, truth.bin_width), {"units": "ps"}),
            "decay_a": (("row", "arrival"), np.array(decays[0])),
            "decay_b": (("row", "arrival"), np.array(decays[1])),
            "pulse_pairs": (("row", "lag"), np.array(pairs)),
        },
        attrs={"conditions": dict(truth.stated)},
    )
    data["series"].attrs["flag_meanings"] = " ".join(SERIES)
    return data


def bare(truth: Truth, seed: int | list[int]) -> xr.Dataset:
    """Draw what a file of tags alone tells: rows on the emitter, and nothing stated."""
    data = simulate(replace(truth, laser=0.0, off=0.0, dark_rows=False), seed)
    return data.drop_vars("pulse_pairs")


def _light(truth: Truth, name: str, pulses: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return when the photons of each detector are emitted, ps from the first pulse."""
    if name == "dark":
        return [np.empty(0), np.empty(0)]
    if name == "laser":
        return [_pulses(rng.poisson(0.005 * pulses), pulses, truth, rng) for _ in range(2)]
    beside = 2 * truth.rate * truth.background
    number = rng.poisson(2 * truth.rate * pulses) if name == "on" else 0
    if truth.single:
        start = rng.choice(pulses, number, replace=False, shuffle=False) * truth.period
    else:
        start = _pulses(number, pulses, truth, rng)
    kind = rng.choice(len(truth.lifetimes), number, p=np.array(truth.photons) / sum(truth.photons))
    tau = np.array(truth.lifetimes)[kind]
    tau = np.where(rng.random(number) < truth.fast, truth.fast_lifetime, tau)
    own = start + rng.exponential(1.0, number) * tau
    stray = _pulses(rng.poisson(beside * pulses), pulses, truth, rng)
    late = rng.random(stray.size) >= truth.background_prompt
    stray = stray + late * rng.exponential(truth.background_lifetime, stray.size)
    every = np.concatenate([own, stray])
    left = rng.random(every.size) < 0.5
    return [every[left], every[~left]]


def _pulses(number: int, pulses: int, truth: Truth, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, pulses, number) * truth.period


def _detect(
    truth: Truth, photons: np.ndarray, pulses: int, detector: int, rng: np.random.Generator, *, moved: bool
) -> np.ndarray:
    times = photons + truth.cables[detector] + truth.jitter[detector] * rng.standard_normal(photons.size)
    times += (rng.random(photons.size) < truth.tail) * rng.exponential(truth.tail_time, photons.size)
    if moved:
        times += truth.drift[detector]
    dark = rng.random(rng.poisson(truth.dark * pulses * truth.period * 1e-12)) * pulses * truth.period
    times = np.sort(np.concatenate([times, dark]))
    times = times[times >= 0]
    if truth.one_per_period:
        _, first = np.unique(np.floor(times / truth.period), return_index=True)
        times = times[first]
    times = _blinded(times, truth.dead_time)
    if truth.afterpulsing:
        again = times[rng.random(times.size) < truth.afterpulsing]
        times = np.sort(np.concatenate([times, again + truth.dead_time + rng.exponential(50_000.0, again.size)]))
        times = _blinded(times, truth.dead_time)
    return times


def _blinded(times: np.ndarray, dead_time: float) -> np.ndarray:
    if dead_time <= 0:
        return times
    kept, last = np.ones(times.size, dtype=bool), -np.inf
    for k in range(times.size):
        if times[k] - last < dead_time:
            kept[k] = False
        else:
            last = times[k]
    return times[kept]


def _pairs(one: np.ndarray, two: np.ndarray, reach: int = 10) -> list[int]:
    out = []
    for lag in range(-reach, reach + 1):
        low, high = np.searchsorted(two, one + lag, "left"), np.searchsorted(two, one + lag, "right")
        out.append(int((high - low).sum()))
    return out
