"""Darks, background, the balance of the arms, and the area of the pulses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import erfcx

from perovskite_meas.core.value import Value

from .blinking import Chain
from .decay import FIELD_WIDTH
from .rows import Array, Bursts, Rows
from .setup import Setup
from .sweeps import Fit, maximise, slopes

AREA_SCATTER = 0.007
"""Relative 1-sigma of the light of a dwell beyond photon statistics."""
AREA_LAW = 0.01
"""Relative 1-sigma of an area by the law of short pulses."""


@dataclass(frozen=True)
class Floor:
    """Rates in cps without the emitter."""

    dark: Value | None
    """None where not measured."""
    beside: Value | None
    """Beside the emitter under both arms, darks included; None where not measured."""

    @property
    def level(self) -> float:
        """Darks and background under both arms, in cps."""
        known = self.beside or self.dark
        return known.nominal if known is not None else 0.0

    @property
    def darks(self) -> float:
        """In cps; 0 where not measured."""
        return self.dark.nominal if self.dark is not None else 0.0

    @property
    def leak(self) -> float:
        """Light beside the emitter under both arms without darks, in cps."""
        return max(self.beside.nominal - self.darks, 0.0) if self.beside is not None else 0.0


@dataclass(frozen=True)
class Light:
    """What the arms do one by one."""

    floor: Floor
    balance: Value | None
    """Light under arm b over that under arm a; None where not measured."""
    area: Value | None
    """Of the pulses of arm a, in pi; None where not known."""
    area_source: str
    """'power rows', 'pi_power' or why there is none."""

    @property
    def arms(self) -> Value | None:
        """Visibility that unequal arms allow: 2 sqrt(r)/(1 + r)."""
        if self.balance is None:
            return None
        r = self.balance.nominal
        nominal = 2 * math.sqrt(r) / (1 + r)
        return Value(nominal, abs(1 - r) / (math.sqrt(r) * (1 + r) ** 2) * self.balance.sigma, "1")


def read_floor(rows: Rows) -> Floor:
    """Return the rates of the rows in the dark and beside the emitter."""
    return Floor(_plain(rows.every.of("dark")), _plain(rows.every.of("off_emitter")))


def read_light(rows: Rows, setup: Setup, floor: Floor, chain: Chain) -> Light:
    """Return what the rows without fringes tell; `chain` is how the emitter blinks."""
    a, b = (_lit(rows.every.of(name), setup, floor.darks + 0.5 * floor.leak, chain) for name in ("arm_a", "arm_b"))
    balance = None
    if a is not None and b is not None and a.nominal > 0 and b.nominal > 0:
        r = b.nominal / a.nominal
        balance = Value(r, r * math.hypot(a.relative, b.relative), "1")
    area, source = _area(rows, setup, floor, balance, chain)
    return Light(floor, balance, area, source)


def undamped(area: Value | None, t2: float, duration: float) -> Value | None:
    """Return the area of the pulses' field from the one that sin^2(area/2) shows; t2 and duration in ps.

    Dephasing within the pulse lowers the rate of weak pulses by eta, the overlap of line and laser spectrum, and
    that of stronger ones less; eta^(1/6) is what optical Bloch equations leave of the area within 0.5 % up to
    0.3 pi, for Gaussian pulses of 2 ps and T2 of 5 ps and more.
    """
    if area is None or not 0 < t2 < math.inf:
        return area
    eta = float(erfcx(FIELD_WIDTH * duration / t2 / math.sqrt(2)))
    nominal = area.nominal / eta ** (1 / 6)
    return Value(nominal, math.hypot(area.sigma, AREA_LAW * nominal), area.unit)


def _plain(bursts: Bursts) -> Value | None:
    seconds = float((bursts.seconds * bursts.fine.shape[1]).sum()) if len(bursts) else 0.0
    if not seconds > 0:
        return None
    counts = float(bursts.counts.sum())
    return Value(counts / seconds, math.sqrt(counts + 1) / seconds, "cps")


def _levels(bursts: Bursts, setup: Setup, background: Array, chain: Chain) -> tuple[Array, Array]:
    """Return the rates of the on state without background in cps, and their 1-sigma."""
    phase = np.zeros(bursts.fine.shape)
    start = Fit.begin(bursts, phase, background * bursts.exposure, fringes=False)
    fit = maximise(replace(start, chain=chain, level=start.level * (1.0 if chain.steady else 1.1)), 6, learn=False)
    found = slopes(fit)
    information = np.maximum(found.complete.sum(axis=1)[:, 0, 0], 1.0)
    rate = fit.level / bursts.exposure
    return rate * (1 + (rate + background) * setup.dead_time), rate * np.hypot(1 / np.sqrt(information), AREA_SCATTER)


def _lit(bursts: Bursts, setup: Setup, background: float, chain: Chain) -> Value | None:
    if not len(bursts) or not bursts.counts.any():
        return None
    rate, sigma = _levels(bursts, setup, np.full(len(bursts), background), chain)
    weight = sigma**-2
    return Value(float((rate * weight).sum() / weight.sum()), float(weight.sum() ** -0.5), "cps")


def _area(rows: Rows, setup: Setup, floor: Floor, balance: Value | None, chain: Chain) -> tuple[Value | None, str]:
    """Return the area of arm a at the power of the scan, by sin^2(area/2) against power, else as stated."""
    share = 1 / (1 + (balance.nominal if balance is not None else 1.0))
    own = rows.every.of("power")
    if not len(own) or not own.counts.any():
        own = own.only(np.zeros(len(own), dtype=bool))
    relative = _relative_power(rows, own)
    if len(own) >= 2 and relative is not None and np.ptp(relative) > 1:
        rate, sigma = _levels(own, setup, floor.darks + floor.leak * share * relative, chain)
        found = _sine(relative, rate, sigma)
        if found is not None:
            return found, "power rows"
    power = rows.bright.other("power")
    usual = float(np.nanmean(power)) if np.isfinite(power).any() else math.nan
    if setup.pi_power is not None and usual > 0:
        nominal = math.sqrt(usual * share / setup.pi_power.nominal)
        return Value(nominal, nominal * 0.5 * max(setup.pi_power.relative, 0.02), "1"), "pi_power"
    return None, "neither rows at several powers nor sample.expect.pi_power"


def _relative_power(rows: Rows, own: Bursts) -> Array | None:
    for name in ("power", "power_set"):
        power, usual = own.other(name), rows.bright.other(name)
        if len(own) and np.isfinite(power).all() and np.isfinite(usual).any() and np.nanmean(usual) > 0:
            relative: Array = power / float(np.nanmean(usual))
            return relative
    return None


def _sine(relative: Array, rate: Array, sigma: Array) -> Value | None:
    """Return the area in pi at relative power 1 from rates ~ sin^2(area sqrt(p)/2)."""
    sigma = np.maximum(sigma, 0.5 / np.sqrt(relative.size))

    def misfit(area: float) -> float:
        shape = np.sin(0.5 * math.pi * area * np.sqrt(relative)) ** 2
        scale = float((shape * rate / sigma**2).sum() / max((shape**2 / sigma**2).sum(), 1e-12))
        return float((((rate - scale * shape) / sigma) ** 2).sum())

    tried = np.linspace(0.005, 1.0, 400)
    losses = np.array([misfit(float(a)) for a in tried])
    k = int(np.argmin(losses))
    low, high = float(tried[max(k - 1, 0)]), float(tried[min(k + 1, tried.size - 1)])
    best = minimize_scalar(misfit, bounds=(low, high), method="bounded")
    near = tried[losses < losses[k] + 1]
    width = 0.5 * float(near.max() - near.min())
    return Value(float(best.x), max(width, float(tried[1] - tried[0])), "1")
