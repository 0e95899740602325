"""Threshold of amplified spontaneous emission: spectra of single pulses against the energy of each."""

from .analysis import analyse, threshold
from .result import ThresholdResult

__all__ = ["ThresholdResult", "analyse", "threshold"]
