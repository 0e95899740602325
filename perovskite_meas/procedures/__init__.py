"""The verbs: measurement procedures, each a frozen value whose generator yields rows."""

from .ase_fluence import ASEFluence
from .hbt import HBT
from .knife_edge import KnifeEdge
from .magneto_pl import MagnetoPL
from .michelson_scan import MichelsonScan
from .power_calibration import PowerCalibration
from .two_photon_saturation import TwoPhotonSaturation
from .variable_stripe import VariableStripe
from .wavelength_calibration import WavelengthCalibration

__all__ = [
    "HBT",
    "ASEFluence",
    "KnifeEdge",
    "MagnetoPL",
    "MichelsonScan",
    "PowerCalibration",
    "TwoPhotonSaturation",
    "VariableStripe",
    "WavelengthCalibration",
]
