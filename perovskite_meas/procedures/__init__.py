"""The verbs: measurement procedures, each a frozen value whose generator yields rows."""

from .hbt import HBT
from .magneto_pl import MagnetoPL
from .michelson_scan import MichelsonScan
from .power_calibration import PowerCalibration
from .two_photon_saturation import TwoPhotonSaturation
from .wavelength_calibration import WavelengthCalibration

__all__ = ["HBT", "MagnetoPL", "MichelsonScan", "PowerCalibration", "TwoPhotonSaturation", "WavelengthCalibration"]
