"""What a power calibration finds, and the calibrations that a bench makes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perovskite_meas.core.value import Value


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
        """Return `attenuator` and `power_at_sample` as a bench file states them; nothing where refused."""
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
