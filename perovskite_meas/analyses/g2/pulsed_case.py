"""One power of pulsed excitation: the fit, its checks and its other estimators."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from perovskite_meas.core.value import Value

from .afterpulses import FEARED
from .areas import Areas, consistency, corrected, read_areas
from .biexciton import mean_excitations
from .bootstrap import block_bootstrap, statistical
from .case import Case, Found
from .crosstalk import Crosstalk
from .gated import pulse_ratio
from .interval import Posterior
from .pulsed import PulsedFit, first_lifetime, fit_pulsed, symmetric_peaks
from .response import Response

NEAR_PERIOD = 1.0
"""Lifetime over period from which on overlap hides what is looked for."""
SATELLITES = 4.0
"""Sigmas by which satellites must change g2_zero before they are taken out without a control."""
STRETCH = 0.05
"""Relative change of the response's width by which its effect is measured."""
SHAPE_DOUBT = 0.2
"""Relative 1-sigma of the effect of afterpulses, for their decay need not be exponential."""
SHOWN = 10
"""Pulse lags kept for the figure."""


def pulsed_case(case: Case) -> Found:
    """Return g2(0), lifetime and their checks for pulsed light.

    Raises:
        AnalysisRefused: no peaks at the period.
    """
    rows, response = case.rows, case.response
    on, counts, edges = rows.on, rows.on.counts(), rows.edges
    guess = first_lifetime(counts, edges, on.period, response)
    fit = _fitted(case, response, case.crosstalk, guess)
    notes: list[str] = []
    if not case.crosstalk.boxes:
        fit, said = _masked(case, fit, guess)
        notes += said
    lifetime, zero = fit.lifetime, fit.zero.nominal
    floor = fit.fit["accidental"]
    areas = read_areas(counts, edges, zero, on.period, floor)
    if lifetime.nominal < on.period / 6:
        notes += consistency(areas, counts, rows.lags, zero, lifetime.nominal)
    rates, bunching = _rates(case, fit)
    estimators = _estimators(case, fit, guess, floor, bunching.nominal)
    own, _ = fit.sigma()
    seen = block_bootstrap(fit.fit, fit.gradient, on.histogram, _share(case))
    own = statistical(own, seen, on.live_time.size)
    parts = _parts(case, fit, guess)
    systematic = math.sqrt(sum(part**2 for part in parts.values()))
    value = Value.combine(fit.g2_zero, own, systematic, "1")
    rest = fit.fit.expected - fit.fit["centre"] * fit.centre_shape
    posterior = Posterior.of_amplitude(counts, rest, fit.centre_shape, fit.fit["centre"], fit.fit["side"], value.sigma)
    if posterior.spread > own:  # few counts: the curvature at the maximum says nothing
        value = Value.combine(fit.g2_zero, posterior.spread, systematic, "1")
    survival = math.exp(-on.period / lifetime.nominal)
    overlap = ""
    if lifetime.nominal > NEAR_PERIOD * on.period:
        overlap = (
            f"the lifetime ({lifetime}) exceeds the period ({on.period:.4g} ns): neighbouring pulses share their pairs "
            "with lag zero, and g2_zero = q(1+r)/(1-r) tells no number of emitters; lower the repetition rate"
        )
    lifetime = Value.combine(lifetime.nominal, lifetime.sigma, 0.0 if response.known else _pair_width(case) / 4, "ns")
    return Found(
        g2_zero=value,
        raw=areas.ratio,
        posterior=posterior,
        zero=fit.zero,
        model="truncated" if fit.overlap else "isolated",
        bunching=bunching,
        plateau=(float(on.period / 2), float(min(-edges[0], edges[-1]))),
        rates=rates,
        estimators=estimators,
        systematics=parts,
        bootstrap=seen,
        expected=fit.fit.expected,
        floor=np.full(counts.size, floor),
        peaks=_peaks(case, areas),
        lifetime=lifetime,
        overlap=overlap,
        survival=survival,
        notes=tuple(notes),
    )


def _fitted(case: Case, response: Response, crosstalk: Crosstalk, guess: tuple[float, float]) -> PulsedFit:
    rows = case.rows
    first = fit_pulsed(
        rows.on.counts(), rows.edges, rows.on, response, case.background, crosstalk,
        guess=guess if case.decay is None else (case.decay.nominal, guess[1]), overlap=True, decay=case.decay,
        excitations=mean_excitations(rows.on),
    )  # fmt: skip
    tau = first.lifetime.nominal
    if rows.on.period < 9.0 * tau:  # ten lifetimes, as far as a lifetime is known
        return first
    return fit_pulsed(
        rows.on.counts(), rows.edges, rows.on, response, case.background, crosstalk,
        guess=(tau, guess[1]), overlap=False, afterpulses=case.afterpulses,
    )  # fmt: skip


def _masked(case: Case, fit: PulsedFit, guess: tuple[float, float]) -> tuple[PulsedFit, list[str]]:
    """Without a control: leave out where crosstalk would be, if that changes the result."""
    zero = fit.zero.nominal
    free = Crosstalk(
        ((-10.5, -6.0), (-6.0, -1.5), (1.5, 6.0), (6.0, 10.5)), np.zeros(4),
        np.full(4, max(fit.fit["side"], 1.0)), None, None, (),
    )  # fmt: skip
    if case.rows.on.period < 40 or not -case.rows.edges[0] > 11 + abs(zero):
        return fit, []
    other = _fitted(case, case.response, free, guess)
    gain = fit.fit.deviance - other.fit.deviance
    excess = sum(other.fit[f"crosstalk_{k}"] for k in range(4))
    if gain < SATELLITES**2 + 8 or not excess > 0:
        return fit, []
    return other, [
        f"an excess of {excess:.0f} pairs 1.5 to 10.5 ns from lag zero looks like crosstalk of the detectors "
        f"(2 ln of the likelihood ratio {gain:.0f}); taken out without a control: record reference light"
    ]


def _share(case: Case) -> np.ndarray:
    on = case.rows.on
    weight = on.singles_a * on.singles_b / on.live_time
    return np.asarray(weight / weight.sum())


def _rates(case: Case, fit: PulsedFit) -> tuple[Value | None, Value]:
    """Return g2(0) normalised by the rates, and side peaks over the pairs that the rates give."""
    background, on = case.background, case.rows.on
    whole = background.lit * on.period * 1e-9
    mixed = fit.fit["mixed"] if "mixed" in fit.fit.names else 0.0
    emitter = whole - background.light_share.nominal * whole
    if not emitter > 0:
        return None, Value(math.nan, math.nan, "1")
    level = (fit.fit["side"] + mixed) / whole
    spread = math.sqrt(1 / max(on.singles_a.sum(), 1) + 1 / max(on.singles_b.sum(), 1))
    bunching = Value(level, math.hypot(fit.fit.sigma("side") / whole, level * spread), "1")
    value = fit.fit["centre"] / emitter
    return Value(value, fit.fit.sigma("centre") / emitter, "1"), bunching


def _estimators(
    case: Case, fit: PulsedFit, guess: tuple[float, float], floor: float, bunching: float
) -> dict[str, Value]:
    rows, on = case.rows, case.rows.on
    areas = read_areas(on.counts(), rows.edges, fit.zero.nominal, on.period, floor)
    own, told = fit.sigma()
    found = {"fit": Value.combine(fit.g2_zero, own, told, "1")}
    satellites = float(np.sum(case.crosstalk.pairs))
    side = areas.net[areas.k != 0]
    if side.size and side.mean() > 0:
        plain = areas.net_ratio
        found["area_ratio"] = corrected(
            replace(plain, nominal=plain.nominal - satellites / float(side.mean())), case.background, darks=False,
            bunching=bunching,
        )  # fmt: skip
    by_pulse = pulse_ratio(on, case.crosstalk)
    if by_pulse is not None:
        found["pulse_lags"] = corrected(by_pulse[0], case.background, darks=True, bunching=bunching)
    naive = symmetric_peaks(on.counts(), rows.edges, on, case.response, case.background, guess)
    if naive is not None:
        found["symmetric_peaks"], found["symmetric_peaks_lifetime"] = naive
    return found


def _peaks(case: Case, areas: Areas) -> dict[str, Any]:
    """Return the areas of the peaks over the mean side peak: by pulse lag where that was counted."""
    by_pulse = pulse_ratio(case.rows.on, case.crosstalk)
    if by_pulse is None:
        side = areas.k != 0
        if not side.any() or not areas.net[side].mean() > 0:
            return {}
        return {"k": areas.k, "raw": areas.raw / areas.raw[side].mean(), "net": areas.net / areas.net[side].mean()}
    pairs = by_pulse[1]
    k = np.arange(pairs.size) - pairs.size // 2
    raw = pairs / pairs[k != 0].mean()
    kept = 1 - case.background.total_share
    shown = np.abs(k) <= SHOWN
    return {"k": k[shown].astype(np.float64), "raw": raw[shown], "net": 1 - (1 - raw[shown]) / kept}


def _parts(case: Case, fit: PulsedFit, guess: tuple[float, float]) -> dict[str, float]:
    """Return the systematic 1-sigma of g2(0) by cause."""
    whole = fit.fit.variance(fit.gradient)

    def cause(prefix: str) -> float:
        known = [name for name in fit.fit.names if name.startswith(prefix)]
        return math.sqrt(max(whole - fit.fit.variance(fit.gradient, known=known), 0.0)) if known else 0.0

    parts = {"background": cause("mixed"), "crosstalk": cause("crosstalk")}
    if fit.overlap and case.decay is not None:
        parts["re-excitation"] = cause("recovery")
    if not fit.overlap:
        parts["afterpulses"] = _of_afterpulses(case, fit, guess)
    response = case.response
    if response.jitter is not None and response.weights.size > 1:
        relative = response.jitter.sigma / max(response.jitter.nominal, 1e-3)
        wider = response.stretched(1 + STRETCH, case.rows.bin)
        other = fit_pulsed(
            case.rows.on.counts(), case.rows.edges, case.rows.on, wider, case.background, case.crosstalk,
            guess=(fit.lifetime.nominal, guess[1]), overlap=fit.overlap, decay=case.decay,
            excitations=mean_excitations(case.rows.on),
        )  # fmt: skip
        parts["irf"] = abs(other.g2_zero - fit.g2_zero) / STRETCH * relative
    return parts


def _of_afterpulses(case: Case, fit: PulsedFit, guess: tuple[float, float]) -> float:
    """Return the 1-sigma of g2(0) from what is not known of the afterpulses."""
    after = case.afterpulses
    if case.crosstalk.afterpulsing is None:
        return FEARED
    if not after.share:
        return 0.0
    plain = fit_pulsed(
        case.rows.on.counts(), case.rows.edges, case.rows.on, case.response, case.background, case.crosstalk,
        guess=(fit.lifetime.nominal, guess[1]), overlap=False,
    )  # fmt: skip
    return abs(plain.g2_zero - fit.g2_zero) * math.hypot(after.sigma / after.share, SHAPE_DOUBT)


def _pair_width(case: Case) -> float:
    return max(0.3, case.rows.bin)
