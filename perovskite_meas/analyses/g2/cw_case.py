"""One power of continuous excitation: the fit, its checks and its other estimators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .bootstrap import block_bootstrap, statistical
from .case import Case, Found
from .crosstalk import Crosstalk
from .cw import CwFit, first_dip, fit_cw
from .interval import Posterior
from .response import Response

SHARP = 3.0
"""Antibunching times must exceed the rms of the pair response this many times."""
HOPELESS = 1.0
"""Below this the depth is a matter of the response alone."""
STRETCH = 0.05
SATELLITES = 24.0
"""2 ln of the likelihood ratio from which satellites are taken out without a control."""
FEWEST_POWERS = 3
AFTERPULSES_FEARED = 0.01
"""1-sigma of g2_zero where no reference light shows afterpulses: they fill the dip by their share of the pairs."""


def cw_case(case: Case) -> Found:
    """Return g2(0), the antibunching time and their checks for continuous light.

    Raises:
        AnalysisRefused: too few coincidences, or no pairs of the emitter.
    """
    rows, response, background = case.rows, case.response, case.background
    on, counts, edges = rows.on, rows.on.counts(), rows.edges
    guess = first_dip(counts, edges, response)
    fit = fit_cw(counts, edges, response, background, case.crosstalk, guess)
    notes, doubts = [], []
    if not case.crosstalk.boxes:
        fit, said = _masked(case, fit, guess)
        notes += said
    level, tau = fit.fit["level"], fit.time
    own_level = level - fit.accidental
    if not own_level > 0:
        raise AnalysisRefused("all coincidences are those of background and darks: no light from the emitter is seen")
    whole = background.normalisation * rows.bin * 1e-9
    seen = block_bootstrap(fit.fit, fit.gradient, on.histogram, _share(case))
    known = [name for name in fit.fit.names if name.startswith("crosstalk")]
    fisher = math.sqrt(fit.fit.variance(fit.gradient, known=known))
    parts = {"background": fit.of_background, "crosstalk": _told(fit, known)}
    if case.crosstalk.afterpulsing is None:
        parts["afterpulses"] = AFTERPULSES_FEARED
    parts["irf"], of_time = _of_response(case, fit, guess)
    value = Value.combine(
        fit.g2_zero, statistical(fisher, seen, on.live_time.size),
        math.sqrt(sum(part**2 for part in parts.values())), "1",
    )  # fmt: skip
    rest = fit.fit.expected - fit.fit["bottom"] * fit.dip_shape
    posterior = Posterior.of_amplitude(counts, rest, fit.dip_shape, fit.fit["bottom"], own_level, value.sigma)
    if posterior.spread > (value.statistical or 0.0):  # few counts: the curvature at the maximum says nothing
        value = Value.combine(fit.g2_zero, posterior.spread, value.systematic or 0.0, "1")
    posterior = posterior.moved(1.0, -fit.accidental / own_level, 0.0)
    jitter = response.jitter.nominal if response.jitter else None
    if jitter is None:
        notes.append("no IRF: g2_zero holds what the jitter fills into the dip, and is too high by that")
    elif tau.nominal < SHARP * jitter:
        notes.append(
            f"the antibunching time ({tau}) is below {SHARP:g} times the pair jitter ({jitter:.3g} ns): depth, time "
            "and response are hardly told apart; use faster detectors or pulsed light"
        )
        if tau.nominal < HOPELESS * jitter:
            doubts.append("the dip is narrower than the pair response: its depth rests on the response alone")
    depth = own_level - (fit.fit["bottom"] - fit.accidental)
    if depth < 3 * value.sigma * own_level:
        notes.append("no dip is seen at lag zero beyond 3 sigma; the antibunching time means nothing")
    near = np.abs(rows.lags - fit.zero.nominal) <= rows.bin
    lowest = float(counts[near].sum())
    raw = Value(lowest / near.sum() / level, math.sqrt(max(lowest, 1.0)) / near.sum() / level, "1")
    spread = math.sqrt(1 / max(on.singles_a.sum(), 1) + 1 / max(on.singles_b.sum(), 1))
    bunching = Value(level / whole, math.hypot(fit.fit.sigma("level") / whole, level / whole * spread), "1")
    return Found(
        g2_zero=value,
        raw=raw,
        posterior=posterior,
        zero=fit.zero,
        model="cw",
        bunching=bunching,
        plateau=(5 * tau.nominal, float(min(-edges[0], edges[-1]))),
        rates=Value((fit.fit["bottom"] - fit.accidental) / (whole - fit.accidental), value.sigma, "1"),
        estimators=_estimators(case, fit, value, guess, raw),
        systematics=parts,
        bootstrap=seen,
        expected=fit.fit.expected,
        floor=np.full(counts.size, fit.accidental),
        antibunching_time=Value.combine(tau.nominal, tau.sigma, of_time, "ns"),
        doubts=tuple(doubts),
        notes=tuple(notes),
    )


def _share(case: Case) -> np.ndarray:
    on = case.rows.on
    weight = on.singles_a * on.singles_b / on.live_time
    return np.asarray(weight / weight.sum())


def _told(fit: CwFit, known: list[str]) -> float:
    whole = fit.fit.variance(fit.gradient)
    return math.sqrt(max(whole - fit.fit.variance(fit.gradient, known=known), 0.0)) if known else 0.0


def _of_response(case: Case, fit: CwFit, guess: tuple[float, float]) -> tuple[float, float]:
    """Return the 1-sigma of g2_zero and of the antibunching time from that of the response's width."""
    response = case.response
    if response.jitter is None or response.weights.size < 2:
        return 0.0, 0.0
    relative = response.jitter.sigma / max(response.jitter.nominal, 1e-3)
    wider = response.stretched(1 + STRETCH, case.rows.bin)
    other = fit_cw(
        case.rows.on.counts(), case.rows.edges, wider, case.background, case.crosstalk, (fit.time.nominal, guess[1])
    )
    scale = relative / STRETCH
    return abs(other.g2_zero - fit.g2_zero) * scale, abs(other.time.nominal - fit.time.nominal) * scale


def _masked(case: Case, fit: CwFit, guess: tuple[float, float]) -> tuple[CwFit, list[str]]:
    """Without a control: leave out where crosstalk would be, if that changes the result."""
    large = float(case.rows.on.counts().sum()) + 1
    boxes = tuple((float(k), float(k + 1)) for k in (*range(-10, -2), *range(2, 10)))
    free = Crosstalk(boxes, np.zeros(len(boxes)), np.full(len(boxes), large), None, None, ())
    other = fit_cw(case.rows.on.counts(), case.rows.edges, case.response, case.background, free, guess)
    gain = fit.fit.deviance - other.fit.deviance
    excess = sum(other.fit[f"crosstalk_{k}"] for k in range(len(boxes)))
    if gain < SATELLITES + 2 * len(boxes) or not excess > 0:
        return fit, []
    return other, [
        f"an excess of {excess:.0f} pairs 2 to 10 ns from lag zero looks like crosstalk of the detectors (2 ln of the "
        f"likelihood ratio {gain:.0f}); taken out without a control: record reference light"
    ]


def _estimators(case: Case, fit: CwFit, value: Value, guess: tuple[float, float], raw: Value) -> dict[str, Value]:
    found = {"fit": value}
    own = fit.fit["level"] - fit.accidental
    found["lowest_bins"] = Value(
        (raw.nominal * fit.fit["level"] - fit.accidental) / own, raw.sigma * fit.fit["level"] / own, "1"
    )
    if case.response.known:
        none = Response(np.ones(1), 0.0, None, None, "none", math.inf)
        plain = fit_cw(
            case.rows.on.counts(), case.rows.edges, none, case.background, case.crosstalk,
            (fit.time.nominal, fit.zero.nominal),
        )  # fmt: skip
        found["no_irf"] = Value(plain.g2_zero, math.sqrt(plain.fit.variance(plain.gradient)), "1")
        found["no_irf_lifetime"] = plain.time
    return found


def lifetime_of(powers: Mapping[str, Any], order: float) -> tuple[Value | None, str]:
    """Return the lifetime from the antibunching times of three or more powers: 1/ta = k_r + W, W ~ P^order."""
    power, time, sigma = (
        np.asarray(powers[name], dtype=np.float64) for name in ("power", "antibunching_time", "antibunching_sigma")
    )
    good = np.isfinite(time) & (time > 0) & (sigma > 0) & (power > 0)
    if good.sum() < FEWEST_POWERS:
        return None, (
            "one run under continuous light gives 1/(k_r + W); the lifetime needs three powers or more, or pulsed light"
        )
    u = (power[good] / power[good].max()) ** (order or 1.0)
    rate, told = 1 / time[good], sigma[good] / time[good] ** 2
    design = np.column_stack([np.ones(u.size), u]) / told[:, None]
    cov = np.linalg.pinv(design.T @ design)
    line = cov @ (design.T @ (rate / told))
    if not line[0] > 0:
        return None, "the antibunching times at these powers leave no positive rate at zero power"
    said = "" if order else "the order of the excitation taken as 1"
    return Value(1 / line[0], math.sqrt(cov[0, 0]) / line[0] ** 2, "ns"), said
