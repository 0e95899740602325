"""What a planned Michelson scan will tell, from the bench's expectations alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import Forecast
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .decay import Line, coherence
from .rows import COLUMNS, FRINGES, series_names
from .setup import Setup, optional

if TYPE_CHECKING:
    import xarray as xr

USUAL_VISIBILITY = 0.85
USUAL_DURATION = 2.0
"""ps."""


def forecast(planned: xr.Dataset) -> Forecast:
    """Return the expected count rate and the relative sigma of T2 for planned rows.

    Uses `series`, `delay` (or `delay_set`), `sweeps`, `exposure` and the shape of `counts`, whose values may be NaN;
    the photons' Fisher information of every burst, sum over points of (d rate)^2/rate.
    """
    lacking = [name for name in COLUMNS if name not in planned]
    if lacking:
        return Forecast(unknown=tuple(f"the column {name!r}" for name in lacking))
    try:
        setup = Setup.of(planned)
    except AnalysisRefused as reason:
        return Forecast(unknown=(f"the analysis would refuse: {reason}",))
    t2, rate = optional(planned, "sample.expect.t2", "ps"), optional(planned, "sample.expect.brightness", "cps")
    unknown = [f"sample.expect.{name}" for name, value in (("t2", t2), ("brightness", rate)) if value is None]
    rate = rate or _counted(planned)
    own = np.isin(series_names(planned), FRINGES)
    if not own.any():
        return Forecast(unknown=(*unknown, "the analysis would refuse: no row on the emitter is planned"))
    count_rate = None if rate is None else rate.nominal * (1 + USUAL_VISIBILITY)
    if t2 is None or rate is None:
        return Forecast(count_rate=count_rate, unknown=tuple(unknown))
    sigma = _sigma(planned, own, setup, t2.nominal, rate.nominal)
    if sigma is None:
        return Forecast(count_rate=count_rate, unknown=(*unknown, "sigma of t2: these delays do not determine it"))
    return Forecast(count_rate=count_rate, sigma={"t2": sigma}, unknown=tuple(unknown))


def _counted(planned: xr.Dataset) -> Value | None:
    """Return the rate that the planned rows themselves hold, where the dry run knows one."""
    counts = np.asarray(planned["counts"].values, np.float64)
    exposure = np.asarray(planned["exposure"].values, np.float64)
    own = np.isin(series_names(planned), FRINGES)
    if counts.ndim != 3 or not own.any():
        return None
    seconds = exposure[own] * np.asarray(planned["sweeps"].values, np.float64)[own] * counts.shape[2]
    photons = counts[own].sum(axis=(1, 2))
    if not (np.isfinite(photons).all() and photons.sum() > 0 and np.isfinite(seconds).all() and seconds.sum() > 0):
        return None
    return Value(float(photons.sum() / seconds.sum()), 0.0, "cps")


def _sigma(planned: xr.Dataset, own: np.ndarray, setup: Setup, t2: float, rate: float) -> float | None:
    delay = np.asarray(planned["delay"].values, np.float64)
    if not np.isfinite(delay[own]).all() and "delay_set" in planned:
        delay = np.asarray(planned["delay_set"].values, np.float64)
    points = np.asarray(planned["fine_delay"].values).shape[-1]
    seconds = np.asarray(planned["exposure"].values, np.float64) * np.asarray(planned["sweeps"].values, np.float64)
    tau, photons = np.abs(delay[own]), rate * points * seconds[own]
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
