"""The threshold analysis: from the rows of a fluence sweep to thresholds by name, or to a reasoned refusal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.pulses.light import Light, read_light
from perovskite_meas.analyses.pulses.rows import COLUMNS, Rows, read_rows
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.core.analysis import Forecast, analysis
from perovskite_meas.core.errors import UsageError, did_you_mean
from perovskite_meas.core.value import Value

from .controls import controls
from .estimators import ILL, NAMES, Estimates, estimate
from .filters import Filters, compare_filters
from .fresh import fresh_spots
from .gain import refusal, shape_of
from .groups import Groups, by_row, group
from .knee import KNEE, first_look, fit_soft_knee
from .lasing import lasing_or_ase
from .law import Fit, Noise, rough_noise
from .naive import set_point_average
from .notes import misfits, notes, summary, verdict
from .order import photon_order, slope
from .result import ThresholdResult
from .reversibility import Reversal, reversal
from .shown import curves_shown, points_shown, spectra_shown
from .widths import linewidths

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

PRIMARY = "soft_knee"
LASES = "the film lases: its light grows in cavities, and not along the stripe once"
KNOWN = 1e-5
"""Relative sigma of a filter that is the reference of the others, or none at all."""
KNEE_BEYOND = 0.55
"""ln <N> from zero gain to the soft knee, where no gain model tells."""


@analysis(needs=COLUMNS)
def threshold(data: xr.Dataset, *, primary: str = PRIMARY) -> ThresholdResult:
    """Return the threshold of amplified spontaneous emission from spectra against the energy of every pulse.

    Args:
        data: rows of `ASEFluence`.
        primary: the estimator whose value is called `threshold`.

    Raises:
        AnalysisRefused: the rows cannot support any threshold (the message says what is missing).
        UsageError: there is no such estimator.
    """
    if primary not in NAMES:
        raise UsageError(f"there is no estimator {primary!r}; {did_you_mean(primary, NAMES)}")
    return analyse(data, primary)


@threshold.figure
def plot(data: xr.Dataset, result: ThresholdResult, figure: Figure) -> None:
    """Draw spectra and emission against fluence with the estimators, width, and up against down."""
    from .figure import draw

    draw(result, figure)


@threshold.forecast
def predict(planned: xr.Dataset) -> Forecast:
    """Return <N> and the expected sigma of the threshold for planned rows."""
    from .forecast import forecast

    return forecast(planned)


def analyse(data: xr.Dataset, primary: str = PRIMARY) -> ThresholdResult:
    """Return the result of `threshold`.

    Source: gain of nanocrystals with Poisson excitation and a two-fold band edge as in `film`; that the threshold
    depends on its definition, Milanese et al., Molecules 27, 4261 (2022).

    Raises:
        AnalysisRefused: the rows cannot support any threshold.
    """
    rows, said = read_rows(data)
    setup = Setup.of(data)
    light, dark_notes = read_light(rows, setup)
    unit = float(np.median(rows.asked[rows.series == "up"]))
    light, filters, knee, noise = _calibrated(rows, light, unit, setup)
    each = by_row(rows, light, unit)
    up, down = (group(rows, light, _frames(rows, light, name), unit) for name in ("up", "down"))
    back = reversal(rows, each, up, down, knee, noise, setup.photons)
    chosen, knee, noise = _chosen(rows, light, unit, setup, back, knee, noise)
    found = estimate(chosen, light, knee, noise, setup, filters, no_gain(setup, back))
    fresh = fresh_spots(rows, each, chosen, knee, noise)
    checked = controls(rows, each, knee, noise)
    emission = lasing_or_ase(rows, light, chosen, knee, noise, found.narrowing.above, checked.polarisation)
    if emission.verdict == "lasing":
        found = found.without("gain_model", found.refused.get("gain_model", LASES))
    scale = setup.scale | ({"spot_to_spot": fresh.scatter.nominal} if fresh.scatter is not None else {})
    scales = {
        name: scale | {"zero": setup.zero / (unit * math.exp(ln)), **damage(back)} for name, ln in found.ln.items()
    }
    values = {name: found.value(name, unit, scales[name]) for name in found.ln}
    flags = {name: "ill-conditioned" for name in values if found.own(name) > ILL}
    nominal = np.array([value.nominal for value in values.values()])
    spread = float(nominal.std() / nominal.mean()) if nominal.size else 0.0
    gain = found.gain
    jitter = _jitter(rows)
    order = _order(chosen, noise, setup, found)
    widths = linewidths(chosen, light, found.narrowing, setup.dispersion)
    said += [*dark_notes, *notes(rows, setup, found, filters, back, fresh, emission, jitter, order), *checked.notes()]
    return ThresholdResult(
        threshold=values.get(primary),
        primary=primary,
        thresholds=values,
        refused=found.refused,
        flags=flags,
        spread=spread,
        misfit=misfits(found),
        gain_chi2=None if gain is None else gain.chi2,
        systematics={name: {**found.systematic[name], **scales[name]} for name in values},
        order=order,
        photons=setup.photons,
        slope_log=slope(chosen, float(knee.theta[3]), setup.photons),
        gain={} if gain is None else gain.parameters,
        gain_law="" if gain is None else min(gain.table, key=lambda name: gain.table[name][1]),
        charged_fraction=0.0 if setup.charged is None else setup.charged.nominal,
        optical_depth=None if setup.optical_depth is None else setup.optical_depth.nominal,
        profile=setup.profile or "not stated",
        reversible=back.verdict,
        threshold_ratio=back.thresholds,
        signal_ratio=back.signals,
        return_ratio=back.back,
        damage_slope=back.damage,
        damage_per_shots=back.damage_shots,
        fresh_scatter=fresh.scatter,
        heating_ratio=checked.heating,
        fresh_ratios=fresh.ratios,
        lasing=emission.verdict,
        evidence=emission.evidence,
        polarisation=checked.polarisation,
        mode_contrast=emission.contrast,
        linewidth_below=widths[0],
        linewidth_above=widths[1],
        naive=set_point_average(rows, each, light, setup, found),
        energy_jitter=jitter,
        flicker=noise.relative,
        cosmic_rays=light.hits.row.size,
        recording=setup.recording,
        collection=setup.collection,
        filters=_filters_shown(rows, filters),
        verdict=verdict(primary, values, found, back, emission, flags, spread),
        summary=summary(values, found, flags),
        points=points_shown(rows, chosen, up, down, found, noise),
        curves=curves_shown(chosen, found),
        spectra=spectra_shown(rows, light, each),
        notes=tuple(dict.fromkeys(said)),
    )


def no_gain(setup: Setup, back: Reversal) -> str | None:
    """Return why no gain model is fitted, or None."""
    if back.verdict == "irreversible":
        changes = "; ".join(back.changes) or "emission does not come back"
        return f"the film changed while it was measured ({changes}): its curve is that of no one film"
    return refusal(setup)


def damage(back: Reversal) -> dict[str, float]:
    """Return what a film that changed leaves open of every threshold: half of what up and down differ by."""
    if back.verdict != "irreversible" or back.thresholds is None:
        return {}
    return {"damage": 0.5 * abs(math.log(max(back.thresholds.nominal, 1e-3)))}


def _calibrated(rows: Rows, light: Light, unit: float, setup: Setup) -> tuple[Light, Filters, Fit, Noise]:
    """Return the light with the filters' corrections, and the softplus law of the whole sweep."""
    whole = group(rows, light, _frames(rows, light, "up", "down"), unit)
    knee, noise = first_look(whole, setup.photons, setup.reading)
    filters = compare_filters(rows, by_row(rows, light, unit), knee, noise, setup)
    if filters.compared:
        light = light.with_factors(filters.factors(rows.step[light.row]))
        whole = group(rows, light, _frames(rows, light, "up", "down"), unit)
        knee = fit_soft_knee(whole, noise, setup.photons, knee.theta)
        noise = rough_noise(whole, knee, setup.reading)
    return light, filters, knee, noise


def _chosen(
    rows: Rows, light: Light, unit: float, setup: Setup, back: Reversal, knee: Fit, noise: Noise
) -> tuple[Groups, Fit, Noise]:
    """Return the groups that estimators use: both ways where the film came back, else those going up."""
    if back.verdict == "irreversible":
        chosen = group(rows, light, _frames(rows, light, "up"), unit)
        knee = fit_soft_knee(chosen, noise, setup.photons, knee.theta)
        return chosen, knee, rough_noise(chosen, knee, setup.reading)
    return group(rows, light, _frames(rows, light, "up", "down"), unit), knee, noise


def _frames(rows: Rows, light: Light, *series: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.isin(rows.series[light.row], series)


def _order(groups: Groups, noise: Noise, setup: Setup, found: Estimates) -> Value | None:
    gain = found.gain
    if gain is None:
        below = float(found.knee.theta[KNEE]) - KNEE_BEYOND / setup.photons
        return photon_order(groups, noise, shape_of(setup), setup.biexciton.nominal, below, setup.zero)
    return photon_order(groups, noise, gain.shape, float(gain.best.theta[-1]), gain.ln_threshold, setup.zero)


def _jitter(rows: Rows) -> float:
    lit = (rows.fluences > 0) & np.isin(rows.series, ("up", "down"))[:, None]
    logs = np.where(lit, np.log(np.where(lit, rows.fluences, 1.0)), np.nan)
    many = lit.sum(axis=1) > 2
    if not many.any():
        return math.nan
    return float(np.sqrt(np.nanmean(np.nanvar(logs[many], axis=1, ddof=1))))


def _filters_shown(rows: Rows, filters: Filters) -> dict[str, Value]:
    found = {}
    for place, correction, sigma in zip(filters.steps, filters.correction, filters.sigma, strict=True):
        stated = float(rows.transmission[(rows.step == place) & (rows.series != "dark")].max())
        nominal = stated * math.exp(-float(correction))
        found[str(place)] = Value(nominal, nominal * float(sigma) if sigma > KNOWN else 0.0, "1")
    return found
