"""Power calibration: the attenuator's curve, and the power at the sample for a reading of the pick-off head."""

from .analysis import power_calibration
from .result import PowerCalibrationResult

__all__ = ["PowerCalibrationResult", "power_calibration"]
