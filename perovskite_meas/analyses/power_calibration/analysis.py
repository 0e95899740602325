"""From readings of both heads at several angles to the calibrations of a bench."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import analysis, condition, fact
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.units import show
from perovskite_meas.core.value import Value

from .figure import draw
from .fit import Array, combined, extinction_of, fit_malus, noisy_fit
from .result import PowerCalibrationResult

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

FEWEST = 6
"""Angles needed for five unknowns and their noise."""
ZERO_UNKNOWN = 1e-6
"""W; 1-sigma of the zero of a head that was not stated."""
LARGEST_RESIDUAL = 0.05
"""Relative rms of the ratio's residuals above which the calibration is refused."""
LEAST_SPAN = 3.0
"""Largest over smallest power below which offset and ratio cannot be told apart."""
USABLE = 5.0
"""The range begins where the power is this many sigmas of its zero."""


@analysis(needs={"angle": "deg", "pickoff": "W", "sample_power": "W"})
def power_calibration(data: xr.Dataset) -> PowerCalibrationResult:
    """Return ratio, maximum, angle and extinction from readings of both heads at several angles.

    Malus behind a half-wave plate: P = P_max [(1 - eps) cos^2(2 (theta - theta0)) + eps] + zero, which is linear
    in 1, cos 4 theta, sin 4 theta. The ratio comes from sample against pick-off, in which laser drift cancels.
    Where the data hold `sample_dark` (W, shutter closed), that is the zero of the sample head.

    Raises:
        AnalysisRefused: a column is missing, or fewer than six rows or angles are usable.
    """
    angle, pickoff, sample = _rows(data)
    notes: list[str] = []
    line, line_cov, _ = noisy_fit(np.column_stack([np.ones(angle.size), pickoff]), sample)
    offset, ratio = float(line[0]), float(line[1])
    s_malus, p_malus = fit_malus(angle, sample), fit_malus(angle, pickoff)
    zero_head = _zero(data, "power_at_sample.zero", notes)
    dark = _dark(data)
    zero_sample = dark or _zero(data, "sample_meter.zero", notes)
    if dark is not None:
        sigma = math.hypot(dark.sigma, math.sqrt(line_cov[0, 0])) / ratio
        zero_head = Value((dark.nominal - offset) / ratio, sigma, "W")
    meter = _meter(data, notes)
    extinction = combined(extinction_of(s_malus, zero_sample), extinction_of(p_malus, zero_head))
    predicted = offset + ratio * pickoff
    power = predicted - offset
    sigma_power = math.hypot(math.sqrt(line_cov[0, 0]), ratio * zero_head.sigma)
    usable = power > max(USABLE * sigma_power, 0.0)
    limits = (float(power[usable].min()), float(power[usable].max())) if usable.any() else (math.nan, math.nan)
    residual = float(np.sqrt(np.mean((sample - predicted)[usable] ** 2 / power[usable] ** 2))) if usable.any() else 1.0
    statistical = math.sqrt(line_cov[1, 1])
    refused = _refusal(residual, limits, ratio, statistical)
    top = s_malus.top - zero_sample.nominal
    return PowerCalibrationResult(
        ratio=None if refused else Value.combine(ratio, statistical, meter * ratio, "1"),
        maximum=Value.combine(top, s_malus.sigma_top, math.hypot(meter * top, zero_sample.sigma), "W"),
        angle_of_maximum=Value(s_malus.angle, s_malus.sigma_angle, "deg"),
        extinction=extinction,
        offset=Value(offset, math.sqrt(line_cov[0, 0]), "W"),
        pickoff_zero=zero_head,
        range=limits,
        residual=residual,
        systematics={"sample_meter": meter},
        refused=refused,
        points={
            "angle": angle,
            "pickoff": pickoff,
            "sample": sample,
            "line": predicted,
            "malus": s_malus.at(angle),
        },
        date=str(data.attrs.get("started") or dt.datetime.now().astimezone().date().isoformat())[:10],
        notes=tuple(notes),
    )


@power_calibration.figure
def plot(data: xr.Dataset, result: PowerCalibrationResult, figure: Figure) -> None:
    """Draw the attenuator's curve, sample against pick-off, and the residuals of the latter."""
    draw(result, figure)


def _rows(data: xr.Dataset) -> tuple[Array, Array, Array]:
    missing = [name for name in power_calibration.needs if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which power_calibration needs")
    columns = [np.asarray(data[name].values, dtype=np.float64) for name in ("angle", "pickoff", "sample_power")]
    good = np.isfinite(columns[0]) & np.isfinite(columns[1]) & np.isfinite(columns[2])
    angles = np.unique(np.round(columns[0][good], 3)).size
    if angles < FEWEST:
        raise AnalysisRefused(f"{angles} usable angles; a power calibration needs at least {FEWEST}")
    return columns[0][good], columns[1][good], columns[2][good]


def _zero(data: xr.Dataset, dotted: str, notes: list[str]) -> Value:
    if fact(data, dotted) is not None:
        return condition(data, dotted, "W")
    notes.append(f"{dotted} is not stated: taken as 0 +- {show(ZERO_UNKNOWN, 'W')}, which limits the extinction")
    return Value(0.0, ZERO_UNKNOWN, "W")


def _dark(data: xr.Dataset) -> Value | None:
    if "sample_dark" not in data:
        return None
    dark = np.asarray(data["sample_dark"].values, dtype=np.float64)
    dark = dark[np.isfinite(dark)]
    if dark.size < FEWEST:
        return None
    return Value(float(dark.mean()), float(dark.std(ddof=1)) / math.sqrt(dark.size), "W")


def _meter(data: xr.Dataset, notes: list[str]) -> float:
    if fact(data, "sample_meter.calibration") is not None:
        return condition(data, "sample_meter.calibration", "1").relative
    notes.append("sample_meter.calibration is not stated: the ratio holds for the scale of this sample head only")
    return 0.0


def _refusal(residual: float, limits: tuple[float, float], ratio: float, sigma: float) -> str | None:
    if not ratio > 3 * sigma:
        return f"sample power does not follow the pick-off (ratio {ratio:.2g} ± {sigma:.2g}): is the shutter open?"
    if not limits[1] > LEAST_SPAN * limits[0]:
        return f"usable powers span {show(limits[0], 'W')} to {show(limits[1], 'W')}, less than a factor {LEAST_SPAN:g}"
    if residual > LARGEST_RESIDUAL:
        return f"sample power scatters by {residual:.1%} about the line, more than {LARGEST_RESIDUAL:.0%}"
    return None
