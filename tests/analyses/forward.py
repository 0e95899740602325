"""Forward model of a two-photon saturation run; written without looking at any analysis.

Pulses draw Poisson numbers of excitons (a multinomial over all pulses of an exposure), every exciton
number sends photons step by step, every photon is detected at random; dead time thins what arrives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

H_C_NM = 6.62607015e-34 * 2.99792458e8 * 1e9  # J nm
SERIES = ("up", "down", "reference", "return", "off_emitter", "dark")
SHAPE = 2 * math.sqrt(math.log(2) / (2 * math.pi))  # INT s^2 dt * FWHM of a Gaussian

EXPECT = {"biexciton_ratio": (0.08, 0.03, "1"), "lifetime": (20.0, 2.0, "ns")}


@dataclass(frozen=True)
class Truth:
    """Everything hidden; the `stated_*` are what the bench believes."""

    cross_section: float = 6.8e6  # GM, absorbed photons
    brightness: float = 1e5  # cps plateau
    q: float = 0.08
    ladder: float = 1.0  # Q_m = q (2/(m(m-1)))^ladder
    lifetime: float = 20.0  # ns
    rate: float = 5e6  # Hz
    duration: float = 150.0  # fs
    waist: float = 433.0  # nm
    offset: float = 0.0  # nm
    ratio: float = 0.1
    zero: float = 0.0  # W on the head
    leak: float = 1.2e-7  # W on the head at the attenuator's minimum
    dead_time: float = 45e-9
    background: float = 0.01  # of the brightness, per unit <N>
    dark: float = 200.0
    blinking: float = 0.02
    bleach: float = 0.0  # relative loss over the whole dose
    jitter: float = 0.003  # laser against each reading
    reading: float = 0.005
    pulse_jitter: float = 0.0
    one_photon: float = 0.0  # <N> from one-photon absorption at the power with two-photon <N> = 1
    x_range: tuple[float, float] = (0.02, 10.0)  # planned, for the default emitter
    points: int = 24
    dwell: float = 1.0
    down: bool = True
    reference: bool = True
    expect: dict[str, Any] = field(default_factory=lambda: dict(EXPECT))
    sigma_zero: float = 1e-6


def unit_power(t: Truth) -> float:
    """Power at the sample (W) at which a default emitter would have <N> = 1."""
    sigma2 = t.cross_section * 1e-50
    fluence = math.sqrt(t.duration * 1e-15 / (0.5 * SHAPE * sigma2))
    energy = fluence * (H_C_NM / 800.0) * math.pi * (t.waist * 1e-7) ** 2 / 2
    return energy * t.rate


def _photons_isolated(t: Truth, x: float, pulses: int, eta: float, rng: np.random.Generator) -> int:
    top = int(x + 8 * math.sqrt(x) + 8)
    if t.pulse_jitter:
        x = x * np.clip(rng.normal(1, t.pulse_jitter, 4000), 0, None) ** 2
        pmf = np.array([np.mean(np.exp(-x) * x**n / math.factorial(n)) for n in range(top)])
    else:
        pmf = np.array([math.exp(-x + n * math.log(x) - math.lgamma(n + 1)) for n in range(top)])
    numbers = rng.multinomial(pulses, np.append(pmf, max(0.0, 1 - pmf.sum())) / max(1.0, pmf.sum()))
    reached = numbers[::-1].cumsum()[::-1]  # pulses with at least n excitons
    total = rng.binomial(int(reached[1]), eta)
    for m in range(2, reached.size):
        total += rng.binomial(int(reached[m]), eta * t.q * (2 / (m * (m - 1))) ** t.ladder)
    return int(total)


def _photons_chain(t: Truth, x: float, pulses: int, eta: float, rng: np.random.Generator) -> int:
    """Follow 4000 dots through 120 pulses, exciton by exciton."""
    dots, steps, burn = 4000, 120, 40
    left = np.zeros(dots, dtype=bool)
    photons = 0.0
    period = 1e9 / t.rate
    for step in range(steps):
        n = left + rng.poisson(x, dots)
        emitted = np.zeros(dots)
        for m in range(2, int(n.max()) + 1):
            emitted += (n >= m) * t.q * (2 / (m * (m - 1))) ** t.ladder
        decays = rng.exponential(t.lifetime, dots) < period
        emitted += (n >= 1) & decays
        left = (n >= 1) & ~decays
        if step >= burn:
            photons += emitted.sum()
    mean = photons / (dots * (steps - burn))
    return int(rng.poisson(pulses * eta * mean))


def simulate(t: Truth, seed: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    p_one, planned = unit_power(t), unit_power(replace(Truth(), rate=t.rate))
    ladder = planned * np.sqrt(np.geomspace(*t.x_range, t.points))
    plan: list[tuple[str, float]] = [("dark", 0.0)] * 4
    reference = planned * math.sqrt(0.5)

    def sweep(name: str, powers: np.ndarray) -> None:
        for k, p in enumerate(powers):
            if t.reference and k % 6 == 0:
                plan.append(("reference", reference))
            plan.append((name, float(p)))

    sweep("up", ladder)
    if t.down:
        sweep("down", ladder[::-1])
    if t.reference:
        plan.append(("reference", reference))
    plan += [("off_emitter", float(p)) for p in ladder[::2]]
    plan += [("dark", 0.0)] * 4
    plan.append(("return", float(ladder[0])))

    per_joule = 2 / (math.pi * (t.waist * 1e-7) ** 2)
    total_dose = sum(p * t.dwell * per_joule for name, p in plan if name not in ("off_emitter", "dark"))
    eta = t.brightness / t.rate
    centre = math.exp(-4 * t.offset**2 / t.waist**2)
    walk, dose, rows = 0.0, 0.0, []
    for k, (name, p_set) in enumerate(plan):
        walk += rng.normal(0, 5e-4)
        p = p_set * math.exp(walk) * (1 + rng.normal(0, t.jitter))
        head = p / t.ratio if name != "dark" else t.leak
        before, after = ((head * (1 + rng.normal(0, t.reading)) + t.zero + rng.normal(0, 3e-8)) for _ in (0, 1))
        x = centre * (p / p_one) ** 2 + t.one_photon * p / p_one
        pulses = int(t.rate * t.dwell)
        photons = rng.poisson(t.dark * t.dwell)
        if name != "dark":
            photons += rng.poisson(t.background * t.brightness * (p / p_one) ** 2 * t.dwell)
        own = 0.0
        if name not in ("dark", "off_emitter"):
            own = p * t.dwell * per_joule
            health = (1 - t.bleach) ** ((dose + own / 2) / total_dose)
            duty = 1 - rng.gamma(1.5, t.blinking / math.sqrt(1.5)) if x > 0.1 else 1.0
            duty += t.blinking * math.sqrt(1.5) if x > 0.1 else 0.0
            emit = _photons_chain if t.lifetime * t.rate > 2e8 else _photons_isolated
            photons += emit(t, x, pulses, min(1.0, eta * health * duty), rng)
        counts = rng.binomial(int(photons), 1.0 / (1.0 + photons * t.dead_time / t.dwell))
        power = t.ratio * (before + after) / 2
        rows.append((SERIES.index(name), p_set, before, after, power, counts, t.dwell, 1.5 * k, dose))
        dose += own
    return dataset(rows, t)


def dataset(rows: list[tuple[float, ...]], t: Truth) -> xr.Dataset:
    """Return rows as the procedure stores them."""
    names = ("series", "power_set", "pickoff_before", "pickoff_after", "power", "counts", "live_time", "time", "dose")
    table = np.array(rows, dtype=float)
    data = xr.Dataset({name: ("row", table[:, k]) for k, name in enumerate(names)})
    data["series"] = data["series"].astype(int)
    data["series"].attrs = {"flag_values": [0, 1, 2, 3, 4, 5], "flag_meanings": " ".join(SERIES)}
    data.attrs["conditions"] = conditions(t)
    return data


def quantity(value: float, sigma: float, unit: str) -> dict[str, Any]:
    return {"value": value, "sigma": sigma, "unit": unit}


def conditions(t: Truth) -> dict[str, Any]:
    """Return what the bench states; the stated spot, pulse and ratio are those of `t` unless replaced."""
    maximum = 1.2e-4
    return {
        "pulse": {
            "repetition_rate": quantity(t.rate, 0.0, "Hz"),
            "duration": quantity(t.duration, 0.0, "fs"),
            "shape": "gauss",
            "wavelength": quantity(800.0, 0.0, "nm"),
        },
        "spot": {"waist": quantity(t.waist, 0.0, "nm"), "centring": quantity(0.0, 0.0, "nm")},
        "power_at_sample": {
            "ratio": quantity(t.ratio, 0.0, "1"),
            "zero": quantity(0.0, t.sigma_zero, "W"),
            "extinction": quantity(t.leak * t.ratio / maximum, 0.1 * t.leak * t.ratio / maximum, "1"),
            "maximum": quantity(maximum, 0.0, "W"),
        },
        "counter": {"dead_time": quantity(45.0, 0.0, "ns")},
        "sample": {
            "name": "dot",
            "two_photon_convention": "absorbed_photons",
            "expect": {name: quantity(*what) for name, what in t.expect.items()},
        },
    }


def redrawn(seed: int, **changes: Any) -> Truth:
    """Return a truth with its main numbers within +-50 % of the default."""
    rng = np.random.default_rng(10_000 + seed)

    def around(value: float) -> float:
        return float(value * rng.uniform(0.5, 1.5))

    t = Truth()
    q = around(t.q)
    expect = {
        "biexciton_ratio": (max(0.005, q + rng.normal(0, 0.03)), 0.03, "1"),
        "lifetime": (t.lifetime, 2.0, "ns"),
    }
    drawn = replace(
        t,
        cross_section=around(t.cross_section),
        brightness=around(t.brightness),
        q=q,
        dark=around(t.dark),
        background=around(t.background),
        blinking=around(t.blinking),
        bleach=rng.uniform(0, 0.1),
        zero=rng.normal(0, 1e-6),
        expect=expect,
    )
    return replace(drawn, **changes)


def with_session_errors(t: Truth, seed: int) -> Truth:
    """Return the truth with the hidden spot, pulse, ratio and centring drawn about what `stated` says."""
    rng = np.random.default_rng(20_000 + seed)
    return replace(
        t,
        waist=433.0 * (1 + rng.normal(0, 0.02)),
        duration=150.0 * (1 + rng.normal(0, 0.05)),
        ratio=0.1 * (1 + rng.normal(0, 0.015)),
        offset=float(np.hypot(*rng.normal(0, 50 / math.sqrt(2), 2))),
    )


def stated(data: xr.Dataset) -> xr.Dataset:
    """State the nominal calibrations with their sigmas, whatever the hidden ones are."""
    state(data, "spot.waist", 433.0, 0.02 * 433.0, "nm")
    state(data, "spot.centring", 50.0, 0.0, "nm")
    state(data, "pulse.duration", 150.0, 7.5, "fs")
    state(data, "power_at_sample.ratio", 0.1, 0.0015, "1")
    return data


def state(data: xr.Dataset, path: str, value: float, sigma: float, unit: str) -> xr.Dataset:
    """Replace one stated condition of the data."""
    *parents, last = path.split(".")
    node = data.attrs["conditions"]
    for name in parents:
        node = node[name]
    node[last] = quantity(value, sigma, unit)
    return data
