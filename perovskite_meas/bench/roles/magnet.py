"""The magnet: ramped within its rates, held when anything goes wrong."""

from __future__ import annotations

from .base import RoleAdapter


class MagnetAdapter(RoleAdapter):
    """The magnet: ramped within its rates, held when anything goes wrong."""
