"""The saturation analysis: from the rows of a run to a cross-section, or to a reasoned refusal."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import Forecast, analysis
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .centring import with_centring
from .counts import live_rate
from .estimators import estimators, spread
from .expectations import surprises
from .fit import Fit
from .full import Recipe, full_fit, light_seen, slope_fit
from .gates import Facts, darkness_refusal, flags, leak_is_seen, period_refusal, sigma_refusal, slope_refusal, verdict
from .model import Model, build_model
from .points import chi2_reduced, curve, misfit, points, residuals
from .power import powers
from .result import SaturationResult
from .reversibility import return_ratio, reversibility
from .rows import COLUMNS, Rows, read_rows
from .setup import Setup
from .systematics import Systematics, systematics

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

USES = ("pulse.repetition_rate", "pulse.duration", "spot.waist", "power_at_sample.ratio")
Q_TRUST = 0.5
"""Relative 1-sigma of a biexciton ratio that was stated without one."""


@analysis(needs=COLUMNS, uses=USES)
def saturation(data: xr.Dataset) -> SaturationResult:
    """Return the two-photon cross-section of one emitter from counts against power.

    Raises:
        AnalysisRefused: the rows cannot support any fit (the message says what is missing).
    """
    return analyse(data)


@saturation.figure
def plot(data: xr.Dataset, result: SaturationResult, figure: Figure) -> None:
    """Draw counts against power, residuals, and the estimators."""
    from .figure import draw

    draw(result, figure)


@saturation.forecast
def predict(planned: xr.Dataset) -> Forecast:
    """Return expected count rates, <N> and sigma of the cross-section for planned rows."""
    from .forecast import forecast

    return forecast(planned)


def analyse(data: xr.Dataset, *, finite_period: bool = True) -> SaturationResult:
    """Return the result of `saturation`; without `finite_period` pulses are taken as isolated.

    Source: saturation of pulsed absorption with Poisson excitation, Cao et al., J. Chem. Phys. 151,
    154201 (2019) and review section 2.4; the ladder of multiexcitons as in `ladder`.

    Raises:
        AnalysisRefused: the rows cannot support any fit.
    """
    rows = read_rows(data)
    setup, centred = with_centring(_with_trusted_q(Setup.of(data)), data)
    power = powers(rows, setup)
    model = build_model(rows, power, setup)
    refused = period_refusal(setup, finite_period=finite_period)
    if not finite_period:
        model = _isolated(model)
    drift_seen = bool(rows.of("reference").any() or (rows.of("up").any() and rows.of("down").any()))
    recipe = Recipe.of(model, power.noise, setup.biexciton_ratio, drift_seen=drift_seen)
    best = full_fit(model, recipe)
    if dark := darkness_refusal(light_seen(model, recipe, best)):
        raise AnalysisRefused(dark)
    steep = slope_fit(model, recipe, best.theta)
    slope, quadratic = _slope(steep), best
    if leak_is_seen(slope):
        recipe = recipe.with_leak()
        best = full_fit(model, recipe, best.theta)
    found = systematics(model, recipe, best, quadratic, setup)
    facts = _facts(model, best, rows, setup, slope)
    refused = refused or slope_refusal(slope) or sigma_refusal(facts.relative)
    notes = [*power.notes, *centred, *flags(facts, setup, found)]
    if rows.dropped:
        notes.insert(0, f"{rows.dropped} row(s) without finite counts, live time or power readings were left out")
    measured = _cross_section(setup, model, best, found)
    others = estimators(model, recipe, best, rows, setup)
    claimed = None if refused else measured
    brightness = _exponential(best, "ln_brightness", "cps")
    if claimed is not None:
        notes += surprises(data, {"cross_section": claimed, "brightness": brightness})
    return SaturationResult(
        cross_section=claimed,
        convention=setup.convention,
        saturation_fluence=_saturation_fluence(setup, model, best, found),
        low_power_slope=slope,
        biexciton_ratio=Value(best.value("q"), best.sigma("q"), "1"),
        brightness=brightness,
        background=_background(best),
        reversibility=facts.reversibility,
        return_ratio=facts.return_ratio,
        verdict=verdict(facts, refused, claimed),
        refused=refused,
        estimators=others,
        spread=spread(others),
        systematics=found.all,
        chi2_reduced=chi2_reduced(model, best),
        excess_noise=facts.blink,
        drift=facts.drift,
        mean_excitations=facts.mean_excitations,
        dead_time_correction=facts.dead_time_correction,
        points=points(model, best, rows),
        curve=curve(model, best),
        notes=tuple(notes),
    )


def _with_trusted_q(setup: Setup) -> Setup:
    q = setup.biexciton_ratio
    if q is None or q.sigma > 0:
        return setup
    return replace(setup, biexciton_ratio=Value(q.nominal, max(Q_TRUST * q.nominal, 0.01), "1"))


def _isolated(model: Model) -> Model:
    return replace(model, survival=0.0)


def _slope(fit: Fit) -> Value:
    zero = abs(fit.cov("exponent", "zero"))
    total = fit.sigma("exponent")
    return Value(fit.value("exponent"), total, "1", math.sqrt(max(total**2 - zero**2, 0.0)), zero)


def _statistical(best: Fit, found: Systematics) -> float:
    """Return sigma of ln alpha without the part that the head's zero causes."""
    return math.sqrt(max(best.sigma("ln_alpha") ** 2 - found.model["meter_zero"] ** 2, 0.0))


def _cross_section(setup: Setup, model: Model, best: Fit, found: Systematics) -> Value:
    nominal = setup.cross_section(math.exp(best.value("ln_alpha") + found.shift) / model.unit_power**2)
    return Value.combine(nominal, nominal * _statistical(best, found), nominal * found.total, "GM")


def _saturation_fluence(setup: Setup, model: Model, best: Fit, found: Systematics) -> Value:
    nominal = setup.saturation_fluence(math.exp(best.value("ln_alpha") + found.shift) / model.unit_power**2)
    # F_sat ~ P/(w^2 sqrt(alpha)): half of every relative sigma of sigma2, without the pulse duration.
    parts = [part for name, part in found.all.items() if name != "pulse_duration"]
    systematic = 0.5 * math.sqrt(sum(part**2 for part in parts))
    return Value.combine(nominal, 0.5 * nominal * _statistical(best, found), nominal * systematic, "J/cm^2")


def _exponential(fit: Fit, name: str, unit: str) -> Value:
    nominal = math.exp(fit.value(name))
    return Value(nominal, nominal * fit.sigma(name), unit)


def _background(fit: Fit) -> Value:
    p = math.exp(-fit.value("ln_alpha") / 2)
    nominal = fit.value("linear") * p + fit.value("square") * p**2
    variance = fit.sigma("linear") ** 2 * p**2 + fit.sigma("square") ** 2 * p**4
    variance += 2 * fit.cov("linear", "square") * p**3
    return Value(nominal, math.sqrt(max(variance, 0.0)), "cps")


def _q_strain(best: Fit, setup: Setup) -> float:
    stated = setup.biexciton_ratio
    return 0.0 if stated is None else (best.value("q") - stated.nominal) / stated.sigma


def _facts(model: Model, best: Fit, rows: Rows, setup: Setup, slope: Value) -> Facts:
    x = model.excitations(best.theta)[rows.emitter]
    raw = model.counts / model.live_time
    live = live_rate(raw, model.dead_time)
    residual = residuals(model, best)
    worst = int(np.argmax(np.abs(residual)))
    blink = _exponential(best, "ln_blink", "1")
    drift = math.exp(-best.value("drift"))
    return Facts(
        slope=slope,
        reversibility=reversibility(model, best, rows),
        return_ratio=return_ratio(model, best, rows),
        mean_excitations=(float(x.min()), float(x.max())),
        dead_time_correction=float((live * model.dead_time).max()),
        counts_per_pulse=float(raw.max()) / setup.repetition_rate,
        blink=blink,
        drift=Value(drift - 1, drift * best.sigma("drift"), "1"),
        relative=best.sigma("ln_alpha"),
        worst=(float(np.abs(residual[worst])), int(rows.index[worst])),
        background_seen=model.background_seen,
        q_strain=_q_strain(best, setup),
        misfit=misfit(residual[rows.emitter], model.power[rows.emitter]),
    )
