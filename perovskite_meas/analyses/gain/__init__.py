"""Net optical gain of a film from its emission against the length of the pumped stripe."""

from .analysis import gain
from .result import GainResult

__all__ = ["GainResult", "gain"]
