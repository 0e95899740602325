"""Two-photon saturation of one emitter: the absorption cross-section from counts against power."""

from .analysis import analyse, saturation
from .result import SaturationResult

__all__ = ["SaturationResult", "analyse", "saturation"]
