"""The verbs: measurement procedures, each a frozen value whose generator yields rows."""

from .power_calibration import PowerCalibration
from .two_photon_saturation import TwoPhotonSaturation

__all__ = ["PowerCalibration", "TwoPhotonSaturation"]
