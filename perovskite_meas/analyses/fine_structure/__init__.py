"""Fine structure of an emitter without field: how many lines, how far apart, and how they are polarised."""

from .analysis import analyse, fine_structure
from .result import FineStructureResult

__all__ = ["FineStructureResult", "analyse", "fine_structure"]
