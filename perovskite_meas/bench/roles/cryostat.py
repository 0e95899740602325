"""The cryostat: a temperature, watched."""

from __future__ import annotations

from .base import RoleAdapter


class CryostatAdapter(RoleAdapter):
    """The cryostat: a temperature, watched."""
