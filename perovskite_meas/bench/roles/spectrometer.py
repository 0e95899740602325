"""The spectrometer: a camera, with a monochromator before it or without."""

from __future__ import annotations

from .base import RoleAdapter


class SpectrometerAdapter(RoleAdapter):
    """The spectrometer: a camera, with a monochromator before it or without."""
