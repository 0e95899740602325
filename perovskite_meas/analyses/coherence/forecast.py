"""What a planned Michelson scan will tell, from the bench's expectations alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import Forecast
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .decay import Line, coherence
from .rows import FRINGES, Array, series_names
from .setup import EV_NM, Setup, optional

if TYPE_CHECKING:
    import xarray as xr

USUAL_VISIBILITY = 0.85
USUAL_DURATION = 2.0
"""ps."""
PLANNED = ("series", "delay", "sweeps", "exposure")
"""Columns that a dry run knows and the forecast rests on; `counts` and `monitor` come with the light."""
BANDWIDTH = {"gauss": 0.441, "sech2": 0.315, "rect": 0.886}
"""Spectral times temporal FWHM of a transform-limited pulse."""
PLANCK = 4.135667696
"""meV ps."""


def forecast(planned: xr.Dataset) -> Forecast:
    """Return the expected count rate, the span of the delays and the relative sigma of T2 for planned rows.

    Uses `series`, `delay` (or `delay_set`), `sweeps`, `exposure`, `power_set` and the number of points, from whichever
    array there is; the photons' Fisher information of every burst, sum over points of (d rate)^2/rate.
    `sample.expect.brightness` is the rate if every pulse excited the emitter; where `sample.expect.pi_power` or the
    power is not known it is taken for the rate as it is.
    """
    lacking = [name for name in PLANNED if name not in planned]
    if lacking:
        return Forecast(unknown=("what these rows tell: they have no " + ", ".join(lacking),))
    try:
        setup = Setup.of(planned)
    except AnalysisRefused as reason:
        return Forecast(unknown=(f"the analysis would refuse: {reason}",))
    t2, bright = optional(planned, "sample.expect.t2", "ps"), optional(planned, "sample.expect.brightness", "cps")
    names = series_names(planned)
    own = np.isin(names, FRINGES)
    unknown = [f"sample.expect.{name}" for name, value in (("t2", t2), ("brightness", bright)) if value is None]
    if not own.any():
        return Forecast(unknown=(*unknown, "the analysis would refuse: no row on the emitter is planned"))
    areas = _areas(planned, setup)
    if bright is None:
        counted = _counted(planned)
        rates = None if counted is None else np.full(len(names), counted)
    else:
        rates = bright.nominal * (1.0 if areas is None else 2 * np.sin(math.pi / 2 * areas) ** 2) * np.ones(len(names))
    count_rate = None if rates is None else _highest(rates, names)
    delay, points = _delays(planned, own), _points(planned)
    photons = None if rates is None or points is None else rates[own] * points * _seconds(planned)[own]
    notes = _notes(setup, t2, delay, photons, None if areas is None else areas[own])
    notes += _colour(planned, setup)
    if "zero" not in names:
        believed = f"that of the calibration 'delay' is believed to {setup.zero.sigma:.2g} ps"
        notes.append(f"zero delay is not looked for: {believed}")
    if t2 is None or photons is None:
        return Forecast(count_rate=count_rate, unknown=tuple(unknown), notes=tuple(notes))
    sigma = _sigma(delay, photons, setup, t2.nominal)
    if sigma is None:
        unknown.append("sigma of t2: these delays do not determine it")
    told = {} if sigma is None else {"t2": sigma}
    return Forecast(count_rate=count_rate, sigma=told, unknown=tuple(unknown), notes=tuple(notes))


def _areas(planned: xr.Dataset, setup: Setup) -> Array | None:
    """Return the pulse area of one arm in pi, by row; None where power or pi_power are not known."""
    if setup.pi_power is None or not setup.pi_power.nominal > 0 or "power_set" not in planned:
        return None
    watt = np.asarray(planned["power_set"].values, np.float64)
    areas: Array = np.sqrt(np.maximum(watt, 0.0) / 2 / setup.pi_power.nominal)
    return areas if np.isfinite(areas).all() else None


def _highest(rates: Array, names: np.ndarray) -> float:
    """Return the highest count rate: at the top of the fringes, or of arm a alone."""
    shown = np.where(np.isin(names, FRINGES), 1 + USUAL_VISIBILITY, np.where(names == "power", 0.5, 0.0))
    return float(np.max(shown * rates))


def _points(planned: xr.Dataset) -> int | None:
    """Return how many points a sweep has, from any array with one value per point."""
    for name in ("fine_delay", "point_time", "position", "counts"):
        if name in planned and planned[name].ndim > 1:
            return int(planned[name].shape[-1])
    return None


def _seconds(planned: xr.Dataset) -> Array:
    """Return the counting time of one point over all sweeps, in s."""
    exposure, sweeps = (np.asarray(planned[name].values, np.float64) for name in ("exposure", "sweeps"))
    seconds: Array = exposure * sweeps
    return seconds


def _delays(planned: xr.Dataset, own: np.ndarray) -> Array:
    delay = np.asarray(planned["delay"].values, np.float64)[own]
    if not np.isfinite(delay).all() and "delay_set" in planned:
        delay = np.asarray(planned["delay_set"].values, np.float64)[own]
    distance: Array = np.abs(delay)
    return distance


def _notes(setup: Setup, t2: Value | None, delay: Array, photons: Array | None, areas: Array | None) -> list[str]:
    notes = []
    if np.isfinite(delay).all():
        low, high = float(delay.min()), float(delay.max())
        span = "" if t2 is None else f": {(high - low) / t2.nominal:.2g} T2 of {t2.nominal:.3g} ps"
        notes.append(f"delays         {low:.3g} to {high:.3g} ps{span}")
    if photons is not None:
        notes.append(f"photons        {float(f'{np.median(photons):.2g}'):.0f} per burst on the emitter")
    if areas is not None:
        notes.append(f"pulse area     {float(areas.max()):.2g} pi of each arm")
    return notes


def _colour(planned: xr.Dataset, setup: Setup) -> list[str]:
    """Return the warning that the laser's colour is not that of the line."""
    energy, laser = optional(planned, "sample.expect.energy", "eV"), optional(planned, "pulse.wavelength", "nm")
    if energy is None or laser is None or setup.duration is None or not laser.nominal > 0:
        return []
    beside = abs(energy.nominal - EV_NM / laser.nominal) * 1e3
    width = BANDWIDTH[setup.shape] * PLANCK / setup.duration.nominal
    if beside < max(width, 2 * energy.sigma * 1e3):
        return []
    return [f"the line lies {beside:.3g} meV beside the laser, whose pulses are {width:.2g} meV wide: little light"]


def _counted(planned: xr.Dataset) -> float | None:
    """Return the rate that the planned rows themselves hold, where the dry run knows one."""
    if "counts" not in planned:
        return None
    counts = np.asarray(planned["counts"].values, np.float64)
    exposure = np.asarray(planned["exposure"].values, np.float64)
    own = np.isin(series_names(planned), FRINGES)
    if counts.ndim != 3 or not own.any():
        return None
    seconds = exposure[own] * np.asarray(planned["sweeps"].values, np.float64)[own] * counts.shape[2]
    photons = counts[own].sum(axis=(1, 2))
    if not (np.isfinite(photons).all() and photons.sum() > 0 and np.isfinite(seconds).all() and seconds.sum() > 0):
        return None
    return float(photons.sum() / seconds.sum())


def _sigma(tau: Array, photons: Array, setup: Setup, t2: float) -> float | None:
    good = np.isfinite(tau) & (photons > 0)
    if good.sum() < 2:
        return None
    duration = setup.duration.nominal if setup.duration is not None else USUAL_DURATION
    step = 1e-3

    def law(factor: float) -> np.ndarray:
        found: np.ndarray = USUAL_VISIBILITY * coherence(Line(t2 * factor), tau[good], duration, setup.shape)
        return found

    v = law(1.0)
    root = np.sqrt(1 - v**2)
    per_photon = np.where(v > 1e-3, (1 - root) / (np.maximum(v, 1e-3) ** 2 * root), 0.5)
    slopes = np.stack([v / USUAL_VISIBILITY, (law(1 + step) - law(1 - step)) / (2 * step)])
    information = (slopes * (photons[good] * per_photon)) @ slopes.T
    if not np.linalg.det(information) > 1e-12 * float(np.prod(np.diag(information))):
        return None
    return math.sqrt(float(np.linalg.inv(information)[1, 1]))
