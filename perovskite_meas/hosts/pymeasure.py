"""Our procedures as PyMeasure procedures: for its Worker, its windows and its results files.

Every procedure that is registered, of this package or of anyone else's, can be imported from here
under its own name.
"""

from __future__ import annotations

from perovskite_meas import procedures
from perovskite_meas.core import plugins

from ._pymeasure_face import Face, face

__all__ = [
    "HBT",
    "ASEFluence",
    "Face",
    "MagnetoPL",
    "MichelsonScan",
    "PowerCalibration",
    "TwoPhotonSaturation",
    "face",
]

ASEFluence = face(procedures.ASEFluence, __name__)
HBT = face(procedures.HBT, __name__)
MagnetoPL = face(procedures.MagnetoPL, __name__)
MichelsonScan = face(procedures.MichelsonScan, __name__)
PowerCalibration = face(procedures.PowerCalibration, __name__)
TwoPhotonSaturation = face(procedures.TwoPhotonSaturation, __name__)


def __getattr__(name: str) -> type[Face]:
    if name not in plugins.names("procedures"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = face(plugins.find("procedures", name), __name__)
    globals()[name] = made
    return made
