"""Knife edge: the 1/e^2 radii of the focus from the energy behind an edge that is moved through it."""

from .analysis import knife_edge
from .result import KnifeEdgeResult

__all__ = ["KnifeEdgeResult", "knife_edge"]
