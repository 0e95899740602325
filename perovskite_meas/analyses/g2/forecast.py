"""What a planned HBT run will tell, from the bench's expectations alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import Forecast, condition, fact
from perovskite_meas.core.value import Value

from .biexciton import zero_of
from .rows import series_names

if TYPE_CHECKING:
    import xarray as xr

USUAL_PEAKS = 10
"""Side peaks in the window."""
USUAL_LIFETIME = 20.0
"""ns where none is stated."""
RATIO_USUAL = 0.05
PERIODS = 2.0
"""Antibunching times of continuous light whose pairs carry the depth, over their number."""


def forecast(planned: xr.Dataset) -> Forecast:
    """Return count rate, <N> and sigma of g2(0) for planned rows.

    sigma(g2_zero) = sqrt(g0 + g0^2/M)/sqrt(A) with A pairs per side peak, A = (R/2)^2 T/f; for continuous light the
    same with the pairs of two antibunching times for A and 1 for g0 (the depth rides on the level). Given relative
    to 1, the level of uncorrelated pairs, not to g2_zero itself.
    """
    needed = [name for name in ("series", "live_time") if name not in planned]
    if needed:
        return Forecast(unknown=tuple(f"the column {name!r}" for name in needed))
    names = series_names(planned)
    live = np.asarray(planned["live_time"].values, dtype=np.float64)
    seconds = float(np.nansum(live[names == "on"]))
    if not seconds > 0:
        return Forecast(unknown=("no row on the emitter is planned",))
    x = _excitations(planned, names)
    rate = _optional(planned, "sample.expect.brightness", "cps")
    ratio = _optional(planned, "sample.expect.g2_zero", "1")
    unknown = []
    if ratio is None:
        ratio = _optional(planned, "sample.expect.biexciton_ratio", "1")
        if ratio is None:
            unknown.append("sample.expect.biexciton_ratio")
        elif x is not None:
            ratio = Value(zero_of(max(ratio.nominal, 1e-6), x), ratio.sigma, "1")
    if rate is None:
        unknown.append("sample.expect.brightness")
    if x is None:
        unknown.append("<N> on the emitter: a linked saturation run (unit_power)")
    period = _period(planned)
    span = None if x is None else (x, x)
    if rate is None or (x is None and period > 0):
        return Forecast(mean_excitations=span, unknown=tuple(unknown))
    g0 = ratio.nominal if ratio is not None else RATIO_USUAL
    cps = rate.nominal * (-math.expm1(-x) if x is not None and period > 0 else 1.0)
    if period > 0:
        pairs = (cps / 2) ** 2 * seconds * period
        sigma = math.sqrt(max(g0 + g0**2 / USUAL_PEAKS, 1 / max(pairs, 1e-9)) / max(pairs, 1e-9))
    else:
        lifetime = _optional(planned, "sample.expect.lifetime", "ns")
        tau = (lifetime.nominal if lifetime is not None else USUAL_LIFETIME) * 1e-9
        pairs = (cps / 2) ** 2 * seconds * PERIODS * tau
        sigma = math.sqrt(1 / max(pairs, 1e-9))
    return Forecast(count_rate=cps, mean_excitations=span, sigma={"g2_zero": sigma}, unknown=tuple(unknown))


def _excitations(planned: xr.Dataset, names: np.ndarray) -> float | None:
    if "unit_power" not in planned or "power_set" not in planned:
        return None
    on = names == "on"
    unit = float(np.nanmean(planned["unit_power"].values[on]))
    power = float(np.nanmean(planned["power_set"].values[on]))
    if not (math.isfinite(unit) and unit > 0 and power > 0):
        return None
    order = float(np.nanmean(planned["excitation_order"].values[on])) if "excitation_order" in planned else 1.0
    return float((power / unit) ** (order or 1.0))


def _period(planned: xr.Dataset) -> float:
    """Return the laser's period in s; 0 for continuous light."""
    if "period" in planned:
        stated = np.asarray(planned["period"].values, dtype=np.float64)
        stated = stated[np.isfinite(stated)]
        if stated.size:
            return float(stated.mean()) * 1e-12
    rate = _optional(planned, "pulse.repetition_rate", "Hz")
    return 1 / rate.nominal if rate is not None and rate.nominal > 0 else 0.0


def _optional(data: xr.Dataset, dotted: str, unit: str) -> Value | None:
    return None if fact(data, dotted) is None else condition(data, dotted, unit)
