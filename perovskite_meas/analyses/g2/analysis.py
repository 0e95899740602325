"""The g2 analysis: from the rows of an HBT run to g2(0), a lifetime and a verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.core.analysis import Forecast, analysis, condition, fact
from perovskite_meas.core.value import Value

from .biexciton import biexciton_ratio, excitation_order, mean_excitations
from .case import Case, Found, case_of, dead_time_of, pooled_deviance, read_case
from .control import control, reference
from .cw_case import cw_case, lifetime_of
from .decay import decay_time, disagreement
from .gated import Gated, gated_g2
from .pulsed_case import pulsed_case
from .result import G2Result
from .rows import COLUMNS, Group
from .verdict import Evidence, verdict

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

DEAD_TIME_SMALL = 0.01
PER_PULSE = 0.05
POOR_FIT = 1.5
BUNCHED, BLINKS = 0.05, 5.0
"""Excess of pairs beside lag zero, and its sigmas, from which blinking is called out."""


@analysis(needs=COLUMNS)
def g2(data: xr.Dataset) -> G2Result:
    """Return depth at lag zero, lifetime, biexciton ratio and the verdict single or not from chunks of coincidences.

    Raises:
        AnalysisRefused: the rows cannot support any fit (the message says what is missing).
    """
    return analyse(data)


@g2.figure
def plot(data: xr.Dataset, result: G2Result, figure: Figure) -> None:
    """Draw the coincidences with the model and residuals, the peaks, the slow correlation and the control."""
    from .figure import draw

    draw(result, figure)


@g2.forecast
def predict(planned: xr.Dataset) -> Forecast:
    """Return the expected count rate and sigma of g2(0) for planned rows."""
    from .forecast import forecast

    return forecast(planned)


def analyse(data: xr.Dataset) -> G2Result:
    """Return the result of `g2`.

    Source: the package's physics notes on HBT; Nair et al., Nano Lett. 11, 1136 (2011) for the biexciton,
    Mangum et al., Opt. Express 21, 7419 (2013) for the gate.

    Raises:
        AnalysisRefused: the rows cannot support any fit.
    """
    case = read_case(data)
    on = case.rows.on
    found, refreshed = _found(case), list[str]()
    if found.model == "truncated":
        case, found, refreshed = _with_decay(data, case, found)
    powers = _powers(case, found, dead_time_of(data))
    gated = (
        gated_g2(case.rows, case.background, case.crosstalk, found.lifetime.nominal)
        if found.lifetime is not None and on.period
        else Gated(None, None, "time gating needs pulsed light", 0.0)
    )
    checked, said = control(case.rows, case.response, case.crosstalk)
    word, why = verdict(Evidence(found.posterior, gated, found.overlap, case.background.light_seen, found.doubts))
    lower, upper = found.posterior.bounds()
    x = mean_excitations(on) if on.period else None
    order = excitation_order([one.on for one in case.every], sum(rate.nominal for rate in case.background.dark))
    if on.period:
        ratio, how = biexciton_ratio(found.g2_zero, x, powers, order, found.survival)
    else:
        ratio, how = None, "continuous light: <N> per pulse has no meaning"
    lifetime, no_lifetime = found.lifetime, ""
    if not on.period:
        lifetime, no_lifetime = lifetime_of(powers, order)
    if found.model == "truncated" and case.decay is None and lifetime is not None:
        lifetime, said_so = _refreshed(lifetime, x, on.period)
        refreshed = [*refreshed, *said_so]
    deviance = pooled_deviance(on.counts(), found.expected)
    notes = [
        *_dropped(case), *case.response.notes, *case.background.notes, *case.crosstalk.notes, *said, *found.notes,
        *refreshed,
        *_flags(data, case, found.bunching, deviance), *_surprises(data, found, ratio),
    ]  # fmt: skip
    rates = found.rates
    return G2Result(
        g2_zero=found.g2_zero,
        g2_zero_raw=found.raw,
        lower=lower,
        upper=upper,
        verdict=word,
        verdict_reason=why,
        lifetime=lifetime,
        lifetime_reason=no_lifetime,
        antibunching_time=found.antibunching_time,
        biexciton_ratio=ratio,
        biexciton_reason=how,
        g2_gated=gated.value,
        gate=gated.gate,
        background_fraction=case.background.fraction,
        normalisation_side_peaks=found.g2_zero,
        normalisation_rates=rates,
        normalisation_difference=math.nan if rates is None else rates.nominal - found.g2_zero.nominal,
        bunching=found.bunching,
        plateau=found.plateau,
        zero_lag=found.zero,
        pair_jitter=case.response.jitter,
        irf_source=case.response.source,
        control=checked,
        crosstalk=case.crosstalk.probability,
        afterpulsing=case.crosstalk.afterpulsing,
        model=found.model,
        mean_excitations=x,
        estimators=found.estimators,
        systematics=found.systematics,
        bootstrap=found.bootstrap,
        deviance=deviance,
        photons=float(on.singles_a.sum() + on.singles_b.sum()),
        seconds=on.seconds,
        histogram={"lag": case.rows.lags, "counts": on.counts(), "model": found.expected, "floor": found.floor},
        peaks=found.peaks,
        slow=_slow(on),
        reference=reference(data, case.rows, case.response),
        powers=powers,
        notes=tuple(dict.fromkeys(notes)),
    )


def _found(case: Case) -> Found:
    return pulsed_case(case) if case.rows.on.period else cw_case(case)


def _with_decay(data: xr.Dataset, case: Case, found: Found) -> tuple[Case, Found, list[str]]:
    """Return the case and its fit with the lifetime of the arrival times, and the pairs' own beside it."""
    decay, why = decay_time(data)
    if decay is None:
        return case, found, [f"the lifetime near the period rests on the pairs alone: {why}"]
    case = replace(case, decay=decay)
    again = _found(case)
    alone = {"pairs_alone": found.g2_zero} | ({} if found.lifetime is None else {"pairs_lifetime": found.lifetime})
    said = disagreement(found.lifetime, decay)
    return case, replace(again, estimators={**again.estimators, **alone}), said


def _powers(case: Case, found: Found, dead_time: float | None) -> dict[str, Any]:
    """Return what every power gives; the one of `found` is not fitted again."""
    rows = []
    for one in case.every:
        if one is case.rows:
            own = found
        else:
            own = _found(replace(case_of(one, case.every, case.response, dead_time), decay=case.decay))
        tau = own.antibunching_time or Value(math.nan, math.nan, "ns")
        power = float(one.on.power.mean())
        rows.append((power, own.g2_zero.nominal, own.g2_zero.sigma, tau.nominal, tau.sigma))
    names = ("power", "g2_zero", "sigma", "antibunching_time", "antibunching_sigma")
    return {name: [float(row[k]) for row in rows] for k, name in enumerate(names)}


def _refreshed(lifetime: Value, x: Value | None, period: float) -> tuple[Value, list[str]]:
    """Return the lifetime without what pulses take from an empty dot's recovery: 1/fitted = 1/tau + P(>=1)/T."""
    if x is None:
        return lifetime, [
            "the lifetime near the period holds for weak excitation: at <N> per pulse it comes out short by about "
            f"<N> x {lifetime.nominal / period:.2g}"
        ]
    rate = 1 / lifetime.nominal + math.expm1(-x.nominal) / period
    if not rate > 0:
        return lifetime, ["the excitation is too strong for a lifetime near the period"]
    scale = 1 / (rate * lifetime.nominal)
    told = x.sigma / period / rate**2
    own = lifetime.sigma * scale**2
    return Value.combine(
        lifetime.nominal * scale, own, math.hypot(told, 0.2 * (scale - 1) * lifetime.nominal), "ns"
    ), []


def _dropped(case: Case) -> list[str]:
    number = case.rows.dropped
    return [f"{number} row(s) without finite coincidences, singles or live time were left out"] if number else []


def _slow(on: Group) -> dict[str, Any]:
    lag, level = on.others.get("slow_lag"), on.others.get("slow_g2")
    if lag is None or level is None or level.ndim != 2 or not np.isfinite(level).any():
        return {}
    good = np.isfinite(level)
    mean = np.where(good, level, 0.0).sum(axis=0) / np.maximum(good.sum(axis=0), 1)
    return {"lag": lag[0], "g2": mean}


def _flags(data: xr.Dataset, case: Case, bunching: Value, deviance: float) -> list[str]:
    notes, on = [], case.rows.on
    fastest = max(on.rates())
    dead = dead_time_of(data)
    if dead is None:
        notes.append("tagger.dead_time is not stated: that it does not matter was not checked")
    elif fastest * dead * 1e-9 > DEAD_TIME_SMALL:
        notes.append(
            f"dead time of {dead:.3g} ns hides {fastest * dead * 1e-9:.1%} of the photons (above "
            f"{DEAD_TIME_SMALL:.0%}): rates and lifetime are biased by about as much"
        )
    if on.period and fastest * on.period * 1e-9 > PER_PULSE:
        notes.append(f"{fastest * on.period * 1e-9:.1%} counts per pulse (above {PER_PULSE:.0%}): attenuate")
    if bunching.nominal - 1 > max(BLINKS * bunching.sigma, BUNCHED):
        notes.append(
            f"the pairs beside lag zero are {bunching.nominal:.2f} times what the rates give: the emitter blinks, or "
            "the light drifts; lifetime and g2_zero are means over its states, each by the square of its brightness"
        )
    if deviance > POOR_FIT:
        notes.append(f"the model does not fit: deviance {deviance:.2f} per degree of freedom")
    if len(case.every) > 1:
        notes.append(
            f"{len(case.every)} powers: g2_zero and verdict are those of {float(on.power.mean()) * 1e6:.4g} uW, where "
            "most coincidences were counted"
        )
    return notes


def _surprises(data: xr.Dataset, found: Found, ratio: Value | None) -> list[str]:
    notes = []
    for name, unit, value in (
        ("lifetime", "ns", found.lifetime),
        ("g2_zero", "1", found.g2_zero),
        ("biexciton_ratio", "1", ratio),
    ):
        if value is None or fact(data, f"sample.expect.{name}") is None:
            continue
        expected = condition(data, f"sample.expect.{name}", unit)
        if expected.sigma > 0 and abs(value.nominal - expected.nominal) > 3 * math.hypot(value.sigma, expected.sigma):
            notes.append(f"{name} is {value}, far from the expected {expected}: another emitter?")
    return notes
