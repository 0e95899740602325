"""The verbs: measurement procedures, each a frozen value whose generator yields rows."""

from .hbt import HBT
from .michelson_scan import MichelsonScan
from .power_calibration import PowerCalibration
from .two_photon_saturation import TwoPhotonSaturation

__all__ = ["HBT", "MichelsonScan", "PowerCalibration", "TwoPhotonSaturation"]
