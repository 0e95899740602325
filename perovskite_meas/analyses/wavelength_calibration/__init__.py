"""Wavelength calibration: the axis of a spectrograph from the lines of a lamp."""

from .analysis import wavelength_calibration
from .result import WavelengthCalibrationResult

__all__ = ["WavelengthCalibrationResult", "wavelength_calibration"]
