"""Blinking of one emitter: on fraction, dwell times and intensity states from its photon tags."""

from .analysis import assess, blinking
from .result import BlinkingResult
from .stream import Observed

__all__ = ["BlinkingResult", "Observed", "assess", "blinking"]
