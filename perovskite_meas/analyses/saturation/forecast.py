"""What a planned run will tell, from the bench's expectations alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.analysis import Forecast
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .centring import with_centring
from .fit import information_of
from .full import Q_WIDTH, TWO_PHOTONS, Recipe
from .gates import period_refusal
from .model import NAMES, Model
from .rows import ON_EMITTER, Array, Mask, series_names, shortcomings
from .setup import Setup, optional
from .systematics import calibration_parts

if TYPE_CHECKING:
    import xarray as xr

Names = npt.NDArray[np.str_]

Q_USUAL = 0.08
"""Biexciton ratio assumed for the count rate where none is stated."""
DARK_USUAL = 100.0
"""cps of dark counts assumed."""
BACKGROUND_USUAL = 0.01
"""Background per <N>, in plateaus, assumed."""
NOISE_USUAL = 0.02
"""Blinking noise of a 1 s point assumed; the power is taken to be known to a quarter of it."""


def forecast(planned: xr.Dataset) -> Forecast:
    """Return count rate, <N> and relative sigma of the cross-section for planned rows.

    Uses `power_set`, `live_time` and `series`; counts may be NaN. What is not stated in
    `sample.expect` is listed and not guessed, but for the small terms named in this module.
    """
    try:
        setup = Setup.of(planned)
        names = series_names(planned)
    except AnalysisRefused as reason:
        return Forecast(unknown=(f"the analysis would refuse: {reason}",))
    planned, names = _sane(planned, names)
    refusals = shortcomings(names, np.asarray(planned["power_set"].values, dtype=np.float64))
    if late := period_refusal(setup, finite_period=True):
        refusals.append(late)
    refused = tuple(f"the analysis would refuse: {reason}" for reason in refusals)
    cross_section = optional(planned, "sample.expect.cross_section", "GM")
    brightness = optional(planned, "sample.expect.brightness", "cps")
    unknown = [*refused] + [
        f"sample.expect.{name}"
        for name, value in (
            ("cross_section", cross_section),
            ("brightness", brightness),
            ("biexciton_ratio", setup.biexciton_ratio),
            ("lifetime", setup.lifetime),
        )
        if value is None
    ]
    if not (names == "off_emitter").any():
        unknown.append("the background: no row is planned beside the emitter")
    if cross_section is None or not (np.isin(names, ON_EMITTER) & (planned["power_set"].values > 0)).any():
        return Forecast(unknown=tuple(unknown))
    plateau = brightness.nominal if brightness else 1.0
    whole = planned
    planned, names = _only(planned, names, names != "centring")
    model, theta = _planned_model(planned, names, setup, cross_section.nominal, plateau)
    x = model.excitations(theta)[model.emitter]
    lowest_highest = (float(x.min()), float(x.max()))
    if brightness is None:
        return Forecast(mean_excitations=lowest_highest, unknown=tuple(unknown))
    sigma = {}
    if not refused:
        centred = _centred(whole, setup, cross_section.nominal, plateau)
        systematic = math.sqrt(sum(part**2 for part in calibration_parts(centred).values()))
        statistical = _statistical(model, theta, setup.biexciton_ratio)
        if math.isfinite(statistical):
            sigma["cross_section"] = math.hypot(statistical, systematic)
        else:
            unknown.append("the sigma of the cross-section: these powers do not determine it")
    return Forecast(
        count_rate=float(model.rate(theta).max()),
        mean_excitations=lowest_highest,
        sigma=sigma,
        unknown=tuple(unknown),
    )


def _only(planned: xr.Dataset, names: Names, keep: Mask) -> tuple[xr.Dataset, Names]:
    return planned.isel(row=np.flatnonzero(keep)), names[keep]


def _sane(planned: xr.Dataset, names: Names) -> tuple[xr.Dataset, Names]:
    """Leave out rows that no run can take: no power but in the dark, no time."""
    power = np.asarray(planned["power_set"].values, dtype=np.float64)
    live_time = np.asarray(planned["live_time"].values, dtype=np.float64)
    lit = np.isfinite(power) & (power > 0)
    return _only(planned, names, (lit | (names == "dark")) & np.isfinite(live_time) & (live_time > 0))


def _centred(planned: xr.Dataset, setup: Setup, cross_section: float, plateau: float) -> Setup:
    """Return the setup after the planned centring, with the counts that it would see."""
    names = series_names(planned)
    if "x" not in planned or "y" not in planned or not (names == "centring").any():
        return setup
    power, live_time, x, y = (
        np.asarray(planned[name].values, dtype=np.float64) for name in ("power_set", "live_time", "x", "y")
    )
    away = np.where(names == "centring", 1e6 * (x**2 + y**2), 0.0)
    excited = setup.alpha(cross_section) * power**2 * np.exp(-4 * away / setup.waist.nominal**2)
    rate = np.where(names == "dark", 0.0, -plateau * np.expm1(-excited)) + DARK_USUAL
    return with_centring(setup, planned.assign(counts=("row", rate * live_time)))[0]


def _planned_model(
    planned: xr.Dataset, names: Names, setup: Setup, cross_section: float, plateau: float
) -> tuple[Model, Array]:
    emitter, lit = np.isin(names, ON_EMITTER), names != "dark"
    power = np.asarray(planned["power_set"].values, dtype=np.float64)
    live_time = np.asarray(planned["live_time"].values, dtype=np.float64)
    unit = float(np.exp(np.log(power[emitter]).mean()))
    own = np.where(emitter, power * live_time, 0.0)
    dose = np.cumsum(own) - own / 2
    model = Model(
        counts=np.ones(power.size),
        live_time=live_time,
        power=np.where(lit, power, 0.0) / unit,
        power_noise=np.zeros(power.size),
        zero_step=0.0,
        dose=np.where(emitter, dose / own.sum(), 0.0),
        emitter=emitter,
        lit=lit,
        unit_power=unit,
        dead_time=setup.dead_time.nominal * 1e-9 if setup.dead_time else 0.0,
        survival=setup.survival,
        energy_spread=setup.energy_spread,
    )
    alpha = setup.alpha(cross_section) * unit**2
    q = setup.biexciton_ratio.nominal if setup.biexciton_ratio else Q_USUAL
    theta = np.zeros(len(NAMES))
    theta[:3] = math.log(alpha), math.log(plateau), q
    theta[5:7] = BACKGROUND_USUAL * plateau * alpha, DARK_USUAL
    theta[9:12] = math.log(NOISE_USUAL), math.log(NOISE_USUAL / 4), 2.0
    return model, theta


def _statistical(model: Model, theta: Array, q: Value | None) -> float:
    """Return the Cramer-Rao bound of ln alpha with the priors of the analysis; NaN where there is none."""
    model = replace(model, counts=model.moments(theta)[0])
    recipe = Recipe.of(model, NOISE_USUAL / 4, q, drift_seen=True)
    priors = {**recipe.priors, "q": (0.0, q.sigma or 0.5 * q.nominal if q else Q_WIDTH)}
    free = tuple(name for name in NAMES if name not in TWO_PHOTONS)
    information = information_of(model, theta, free)
    information += np.diag([priors[name][1] ** -2 if name in priors else 1e-12 for name in free])
    variance = float(np.linalg.pinv(information)[0, 0]) if np.isfinite(information).all() else math.nan
    return math.sqrt(variance) if variance > 0 else math.nan
