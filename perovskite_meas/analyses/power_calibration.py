"""Power calibration: the attenuator's curve, and the power at the sample for a reading of the pick-off head."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from perovskite_meas.core.analysis import analysis, condition, fact
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.units import show
from perovskite_meas.core.value import Value

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]

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


@dataclass(frozen=True)
class PowerCalibrationResult:
    """Power at the sample against the pick-off and against the angle of the half-wave plate."""

    ratio: Value | None
    """P_sample over P_head, zeros of both heads removed; None where refused."""
    maximum: Value
    """Largest power at the sample, in W."""
    angle_of_maximum: Value
    """Angle of the half-wave plate with the largest power, in [0, 90) deg."""
    extinction: Value
    """Smallest over largest power of the attenuator; its sigma is mostly that of the heads' zeros."""
    offset: Value
    """Reading of the sample head where the pick-off head reads nothing, in W: zero_sample - ratio zero_head."""
    pickoff_zero: Value
    """Reading of the pick-off head without light, in W: measured where the data hold `sample_dark`, else as stated."""
    range: tuple[float, float]
    """Powers at the sample (W) for which the calibration holds; nothing beyond was measured."""
    residual: float
    """Relative rms of sample_power about the fitted line, within the range."""
    systematics: Mapping[str, float]
    """Relative 1-sigma of the ratio by cause."""
    refused: str | None
    """Why no ratio is claimed; None where one is."""
    points: Mapping[str, Any]
    """angle (deg), pickoff, sample (W, as read), line and malus (fitted sample reading, W)."""
    date: str
    """Day of the measurement, YYYY-MM-DD."""
    notes: tuple[str, ...]
    """Everything to know before using it."""

    def calibrations(self) -> dict[str, dict[str, Any]]:
        """Return the calibrations `attenuator` and `power_at_sample` as a bench file states them; none where refused."""
        if self.ratio is None:
            return {}
        day, top = dt.date.fromisoformat(self.date), self.maximum.nominal
        extinction = Value(max(self.extinction.nominal, 0.0), self.extinction.sigma, "1")
        common = {"date": day, "range": [self.range[0], min(self.range[1], top)], "maximum": top}
        return {
            "attenuator": {
                **common,
                "angle_of_maximum": self.angle_of_maximum.nominal,
                "extinction": extinction.nominal,
                "sigma": self.maximum.relative,
            },
            "power_at_sample": {**common, "ratio": self.ratio, "zero": self.pickoff_zero, "extinction": extinction},
        }


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
    line, line_cov, _ = _noisy_fit(np.column_stack([np.ones(angle.size), pickoff]), sample)
    offset, ratio = float(line[0]), float(line[1])
    s_malus, p_malus = _malus(angle, sample), _malus(angle, pickoff)
    zero_head = _zero(data, "power_at_sample.zero", notes)
    dark = _dark(data)
    zero_sample = dark or _zero(data, "sample_meter.zero", notes)
    if dark is not None:
        sigma = math.hypot(dark.sigma, math.sqrt(line_cov[0, 0])) / ratio
        zero_head = Value((dark.nominal - offset) / ratio, sigma, "W")
    meter = _meter(data, notes)
    extinction = _combine(_extinction(s_malus, zero_sample), _extinction(p_malus, zero_head))
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
    from .power_figure import draw

    draw(result, figure)


@dataclass(frozen=True)
class _Malus:
    coefficients: Array
    top: float
    bottom: float
    sigma_top: float
    sigma_bottom: float
    angle: float
    sigma_angle: float

    def at(self, angle: Array) -> Array:
        return _harmonics(angle) @ self.coefficients


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


def _harmonics(angle: Array) -> Array:
    turn = np.radians(4 * angle)
    return np.column_stack([np.ones(angle.size), np.cos(turn), np.sin(turn)])


def _noisy_fit(design: Array, y: Array) -> tuple[Array, Array, Array]:
    """Fit y = design @ c with noise (s y)^2 + f^2, s and f by maximum likelihood; return c, covariance, sigma."""
    scale = float(np.abs(y).max())
    pilot = np.linalg.lstsq(design, y, rcond=None)[0]
    size = np.abs(design @ pilot)

    def weighted(log_noise: Array) -> tuple[Array, Array, Array]:
        variance = (math.exp(log_noise[0]) * size) ** 2 + (math.exp(log_noise[1]) * scale) ** 2
        root = 1 / np.sqrt(variance)
        best: Array = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0].astype(np.float64)
        return best, variance, y - design @ best

    def loss(log_noise: Array) -> float:
        _, variance, rest = weighted(np.clip(log_noise, -16, 0))
        return 0.5 * float((rest**2 / variance + np.log(variance / scale**2)).sum())

    found = minimize(loss, np.log([5e-3, 1e-4]), method="Nelder-Mead", options={"xatol": 0.02, "fatol": 1e-3})
    best, variance, _ = weighted(np.clip(found.x, -16, 0))
    inflation = y.size / max(y.size - design.shape[1], 1)
    covariance = np.linalg.inv((design / variance[:, None]).T @ design) * inflation
    return best, covariance, np.sqrt(variance)


def _malus(angle: Array, reading: Array) -> _Malus:
    c, covariance, _ = _noisy_fit(_harmonics(angle), reading)
    swing = math.hypot(c[1], c[2])
    toward = np.array([c[1], c[2]]) / swing
    up, down = np.array([1.0, *toward]), np.array([1.0, *-toward])
    across = np.array([0.0, -toward[1], toward[0]]) / swing
    return _Malus(
        coefficients=c,
        top=float(c[0] + swing),
        bottom=float(c[0] - swing),
        sigma_top=math.sqrt(float(up @ covariance @ up)),
        sigma_bottom=math.sqrt(float(down @ covariance @ down)),
        angle=math.degrees(math.atan2(c[2], c[1])) / 4 % 90,
        sigma_angle=math.degrees(math.sqrt(float(across @ covariance @ across))) / 4,
    )


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


def _extinction(curve: _Malus, zero: Value) -> Value:
    top = curve.top - zero.nominal
    sigma = math.hypot(curve.sigma_bottom, zero.sigma) / top
    return Value((curve.bottom - zero.nominal) / top, max(sigma, 1e-12), "1")


def _combine(one: Value, other: Value) -> Value:
    a, b = one.sigma**-2, other.sigma**-2
    return Value((one.nominal * a + other.nominal * b) / (a + b), (a + b) ** -0.5, "1")


def _refusal(residual: float, limits: tuple[float, float], ratio: float, sigma: float) -> str | None:
    if not ratio > 3 * sigma:
        return f"sample power does not follow the pick-off (ratio {ratio:.2g} ± {sigma:.2g}): is the shutter open?"
    if not limits[1] > LEAST_SPAN * limits[0]:
        return f"usable powers span {show(limits[0], 'W')} to {show(limits[1], 'W')}, less than a factor {LEAST_SPAN:g}"
    if residual > LARGEST_RESIDUAL:
        return f"sample power scatters by {residual:.1%} about the line, more than {LARGEST_RESIDUAL:.0%}"
    return None
