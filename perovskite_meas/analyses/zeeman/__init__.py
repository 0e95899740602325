"""Fine structure of an exciton in a magnetic field, up to the verdict on its ground state."""

from .analysis import fit, zeeman
from .result import ZeemanResult

__all__ = ["ZeemanResult", "fit", "zeeman"]
