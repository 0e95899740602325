"""Coherence of one line by two-pulse interference: T2 from the visibility of fringes against delay."""

from .analysis import analyse, coherence
from .result import CoherenceResult

__all__ = ["CoherenceResult", "analyse", "coherence"]
