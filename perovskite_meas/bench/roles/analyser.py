"""The analyser: which linear polarisation goes on to the detectors."""

from __future__ import annotations

from .base import RoleAdapter


class AnalyserAdapter(RoleAdapter):
    """The analyser: which linear polarisation goes on to the detectors."""
