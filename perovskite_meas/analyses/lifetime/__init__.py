"""Lifetimes: the decay of an emitter after short pulses, from arrival histograms."""

from .analysis import analyse, lifetime
from .response import Response, responses
from .result import LifetimeResult

__all__ = ["LifetimeResult", "Response", "analyse", "lifetime", "responses"]
